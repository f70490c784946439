// Q2_K: 2-bit weights in 16 groups of 16; each group has a 4-bit scale and a 4-bit min.
//
//   byte 0    sm[16]   scale of group g in the low nibble, min in the high one
//        16   qs[64]   each half of 128 weights has 32 bytes; byte l holds the weights l, l + 32,
//                      l + 64 and l + 96 of its half from bit 0 up
//        80   d f16
//        82   dmin f16
//        84
//
//   y = (d * scale) * q - (dmin * min)
#pragma once

#include "quant/type.h"

namespace hearth::quant {

struct Q2_K {
  static constexpr std::string_view kName = "Q2_K";
  static constexpr uint32_t kGgufId = 10;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 16;
  static constexpr bool kHasMin = true;

  struct Block {
    uint8_t sm[16];
    uint8_t qs[64];
    uint16_t d;
    uint16_t dmin;
  };
  static_assert(sizeof(Block) == 84);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* min) {
    const float d = f16_to_f32(b.d);
    const float dmin = f16_to_f32(b.dmin);
    for (int g = 0; g < 16; ++g) {
      scale[g] = d * float(b.sm[g] & 15);
      min[g] = dmin * float(b.sm[g] >> 4);
    }
    for (int half = 0; half < 2; ++half)
      for (int part = 0; part < 4; ++part)
        for (int l = 0; l < 32; ++l)
          q[128 * half + 32 * part + l] = int8_t((b.qs[32 * half + l] >> (2 * part)) & 3);
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
