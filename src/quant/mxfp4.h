// MXFP4: 4-bit floats with one power-of-two scale per 32 (OCP Microscaling v1.0; gpt-oss).
//
//   byte 0    e E8M0
//        1    qs[16]   weight j in the low nibble of byte j, weight j + 16 in the high one
//        17
//
//   y = 2^(e - 127) * E2M1(q), computed as 2^(e - 128) * (twice E2M1)
//
// e = 255, NaN in the standard, is not singled out: like the reference decoder we read 2^128.
#pragma once

#include "quant/codebook4.h"
#include "quant/type.h"

namespace hearth::quant {

struct MXFP4 {
  static constexpr std::string_view kName = "MXFP4";
  static constexpr uint32_t kGgufId = 39;
  static constexpr int kBlockLen = 32;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint8_t e;
    uint8_t qs[16];
  };
  static_assert(sizeof(Block) == 17);

  // 2^(e - 128): half of the scale. The two smallest are denormal floats.
  HEARTH_INLINE static float half_scale(uint8_t e) {
    const uint32_t normal = uint32_t(e - 1) << 23;
    const uint32_t denormal = 0x00200000u << (e & 1);
    return __builtin_bit_cast(float, e < 2 ? denormal : normal);
  }

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    scale[0] = half_scale(b.e);
    look_up_nibbles(kE2m1Doubled, b.qs, 16, q);
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
