// Q4_0: 4-bit weights, one scale per 32, symmetric around 8. The oldest 4-bit type of the field.
//
//   byte 0    d f16
//        2    qs[16]   weight j in the low nibble of byte j, weight j + 16 in the high one
//        18
//
//   y = d * (q - 8)
#pragma once

#include "quant/type.h"

namespace hearth::quant {

struct Q4_0 {
  static constexpr std::string_view kName = "Q4_0";
  static constexpr uint32_t kGgufId = 2;
  static constexpr int kBlockLen = 32;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    uint8_t qs[16];
  };
  static_assert(sizeof(Block) == 18);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    scale[0] = f16_to_f32(b.d);
    for (int j = 0; j < 16; ++j) {
      q[j] = int8_t((b.qs[j] & 15) - 8);
      q[j + 16] = int8_t((b.qs[j] >> 4) - 8);
    }
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
