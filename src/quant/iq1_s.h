// IQ1_S: 1.56 bits per weight. 8 groups of 32; a group is four entries of the ternary grid, shifted
// together by 1/8 up or down.
//
//   byte 0    d f16
//        2    qs[32]      low 8 bits of the grid indices
//        34   qh[8] u16   top 3 bits of index l of the group at bit 3 l; scale s in bits 12..14;
//                         bit 15 set: shifted down
//        50
//
//   y = (d * (2 s + 1)) * (g +- 1/8)
//
// As integers: y = (d * (2 s + 1) / 8) * (8 g +- 1); the division is exact.
#pragma once

#include "quant/iq_grid.h"
#include "quant/type.h"

namespace hearth::quant {

struct IQ1_S {
  static constexpr std::string_view kName = "IQ1_S";
  static constexpr uint32_t kGgufId = 19;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    uint8_t qs[32];
    uint16_t qh[8];
  };
  static_assert(sizeof(Block) == 50);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 8; ++g) {
      const uint32_t qh = b.qh[g];
      scale[g] = d * float(2 * ((qh >> 12) & 7) + 1) * 0.125f;
      for (int l = 0; l < 4; ++l) {
        const uint32_t high = (qh >> (3 * l)) & 7;
        store_shifted(kGridIq1[b.qs[4 * g + l] | (high << 8)], qh >> 15, q + 32 * g + 8 * l);
      }
    }
  }
};

}  // namespace hearth::quant
