// Q4_K: 4-bit weights in 8 groups of 32; each group has a 6-bit scale and a 6-bit min. The type
// most people run.
//
//   byte 0    d f16
//        2    dmin f16
//        4    scales[12]   see k_scales.h
//        16   qs[128]      byte 32 k + l: weight 64 k + l (low nibble), 64 k + 32 + l (high nibble)
//        144
//
//   y = (d * scale) * q - (dmin * min)
#pragma once

#include "quant/k_scales.h"
#include "quant/type.h"

namespace hearth::quant {

struct Q4_K {
  static constexpr std::string_view kName = "Q4_K";
  static constexpr uint32_t kGgufId = 12;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = true;

  struct Block {
    uint16_t d;
    uint16_t dmin;
    uint8_t scales[12];
    uint8_t qs[128];
  };
  static_assert(sizeof(Block) == 144);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* min) {
    const float d = f16_to_f32(b.d);
    const float dmin = f16_to_f32(b.dmin);
    uint8_t s[8];
    uint8_t m[8];
    unpack_k_scales(b.scales, s, m);
    for (int g = 0; g < 8; ++g) {
      scale[g] = d * float(s[g]);
      min[g] = dmin * float(m[g]);
    }
    for (int k = 0; k < 4; ++k) {
      for (int l = 0; l < 32; ++l) {
        q[64 * k + l] = int8_t(b.qs[32 * k + l] & 15);
        q[64 * k + 32 + l] = int8_t(b.qs[32 * k + l] >> 4);
      }
    }
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
