// Q4_1: 4-bit weights, one scale and one offset per 32.
//
//   byte 0    d f16
//        2    m f16
//        4    qs[16]   weight j in the low nibble of byte j, weight j + 16 in the high one
//        20
//
//   y = d * q + m
#pragma once

#include "quant/type.h"

namespace hearth::quant {

struct Q4_1 {
  static constexpr std::string_view kName = "Q4_1";
  static constexpr uint32_t kGgufId = 3;
  static constexpr int kBlockLen = 32;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = true;

  struct Block {
    uint16_t d;
    uint16_t m;
    uint8_t qs[16];
  };
  static_assert(sizeof(Block) == 20);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* min) {
    scale[0] = f16_to_f32(b.d);
    min[0] = -f16_to_f32(b.m);
    for (int j = 0; j < 16; ++j) {
      q[j] = int8_t(b.qs[j] & 15);
      q[j + 16] = int8_t(b.qs[j] >> 4);
    }
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
