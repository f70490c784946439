// IQ1_M: 1.75 bits per weight. 16 groups of 16; a group is two entries of the ternary grid, each
// shifted by 1/8 up or down.
//
//   byte 0    qs[32]          low 8 bits of the grid indices
//        32   qh[16]          nibble l, low first: top 3 bits of index l; bit 3 set: shifted down
//        48   scales[4] u16   3-bit scales s of groups 4 k .. 4 k + 3 from bit 0 of word k up; the
//                             top nibbles of the words 0 .. 3 are the f16 d, lowest nibble first
//        56
//
//   y = (d * (2 s + 1)) * (g +- 1/8); as integers as in IQ1_S
#pragma once

#include "quant/iq_grid.h"
#include "quant/type.h"

namespace hearth::quant {

struct IQ1_M {
  static constexpr std::string_view kName = "IQ1_M";
  static constexpr uint32_t kGgufId = 29;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 16;
  static constexpr bool kHasMin = false;

  struct Block {
    uint8_t qs[32];
    uint8_t qh[16];
    uint8_t scales[8];
  };
  static_assert(sizeof(Block) == 56);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    uint16_t words[4];
    std::memcpy(words, b.scales, 8);
    uint32_t d_bits = 0;
    for (int k = 0; k < 4; ++k) d_bits |= uint32_t(words[k] >> 12) << (4 * k);
    const float d = f16_to_f32(uint16_t(d_bits));
    for (int g = 0; g < 16; ++g)
      scale[g] = d * float(2 * ((words[g / 4] >> (3 * (g % 4))) & 7) + 1) * 0.125f;
    for (int l = 0; l < 32; ++l) {
      const uint32_t nibble = uint32_t(b.qh[l / 2] >> (4 * (l % 2))) & 15;
      store_shifted(kGridIq1[b.qs[l] | ((nibble & 7) << 8)], nibble >> 3, q + 8 * l);
    }
  }
};

}  // namespace hearth::quant
