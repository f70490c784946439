// Q3_K: 3-bit weights in 16 groups of 16; each group has a signed 6-bit scale.
//
//   byte 0    hmask[32]    bit k of byte l is the third bit of weight 32 k + l
//        32   qs[64]       the low two bits, laid out as in Q2_K
//        96   scales[12]   low 4 bits of scale g: low nibble of byte g (g < 8), else high nibble of
//                          byte g - 8; top 2 bits: at bit 2 (g / 4) of byte 8 + g % 4
//        108  d f16
//        110
//
//   y = (d * (scale - 32)) * (q - 4)
#pragma once

#include "quant/type.h"

namespace hearth::quant {

struct Q3_K {
  static constexpr std::string_view kName = "Q3_K";
  static constexpr uint32_t kGgufId = 11;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 16;
  static constexpr bool kHasMin = false;

  struct Block {
    uint8_t hmask[32];
    uint8_t qs[64];
    uint8_t scales[12];
    uint16_t d;
  };
  static_assert(sizeof(Block) == 110);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 16; ++g) {
      const int low = (b.scales[g % 8] >> (4 * (g / 8))) & 15;
      const int high = (b.scales[8 + g % 4] >> (2 * (g / 4))) & 3;
      scale[g] = d * float((low | (high << 4)) - 32);
    }
    for (int part = 0; part < 8; ++part) {
      for (int l = 0; l < 32; ++l) {
        const int low = (b.qs[32 * (part / 4) + l] >> (2 * (part % 4))) & 3;
        const int high = (b.hmask[l] >> part) & 1;
        q[32 * part + l] = int8_t((low | (high << 2)) - 4);
      }
    }
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
