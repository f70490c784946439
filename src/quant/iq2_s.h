// IQ2_S: 2.56 bits per weight. 16 groups of 16; a group is two grid entries of 8 magnitudes.
//
//   byte 0    d f16
//        2    qs[32]      low 8 bits of the grid indices
//        34   signs[32]   bit j: magnitude j of the entry is negative
//        66   qh[8]       top 2 bits of index 4 k + l at bit 2 l of byte k
//        74   scales[8]   scale s of group g: nibble g, low nibble first
//        82
//
//   y = (d * (0.5 + s) * 0.25) * (+-magnitude)
#pragma once

#include "quant/iq_grid.h"
#include "quant/type.h"

namespace hearth::quant {

struct IQ2_S {
  static constexpr std::string_view kName = "IQ2_S";
  static constexpr uint32_t kGgufId = 22;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 16;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    uint8_t qs[32];
    uint8_t signs[32];
    uint8_t qh[8];
    uint8_t scales[8];
  };
  static_assert(sizeof(Block) == 82);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 16; ++g)
      scale[g] = d * (0.5f + float((b.scales[g / 2] >> (4 * (g % 2))) & 15)) * 0.25f;
    for (int l = 0; l < 32; ++l) {
      const int high = (b.qh[l / 4] >> (2 * (l % 4))) & 3;
      store_signed(kGridIq2S[size_t(b.qs[l] | (high << 8))], kBitBytes[b.signs[l]], q + 8 * l);
    }
  }
};

}  // namespace hearth::quant
