// TQ1_0: ternary weights (BitNet, TriLM), five to a byte, one scale per 256.
//
//   byte 0    qs[32]   digit n of byte l is weight 32 n + l         (n < 5)
//        32   qs[16]   digit n of byte l is weight 160 + 16 n + l   (n < 5)
//        48   qh[4]    digit n of byte l is weight 240 + 4 n + l    (n < 4)
//        52   d f16
//        54
//
//   y = d * (digit - 1)
//
// A byte holds the ternary fraction 0.t0 t1 t2 t3 t4 in units of 1/256, rounded up; so digit n of
// byte b is the integer part of 3 * frac(b * 3^n / 256).
#pragma once

#include "quant/type.h"

namespace hearth::quant {

struct TQ1_0 {
  static constexpr std::string_view kName = "TQ1_0";
  static constexpr uint32_t kGgufId = 34;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint8_t qs[48];
    uint8_t qh[4];
    uint16_t d;
  };
  static_assert(sizeof(Block) == 54);

  // q[count * n + l] = digit n of bytes[l], less one, for n < digits.
  HEARTH_INLINE static void unpack_digits(const uint8_t* bytes, int count, int digits, int8_t* q) {
    int power = 1;
    for (int n = 0; n < digits; ++n) {
      for (int l = 0; l < count; ++l) {
        const int fraction = (bytes[l] * power) & 255;
        q[count * n + l] = int8_t(((fraction * 3) >> 8) - 1);
      }
      power *= 3;
    }
  }

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 8; ++g) scale[g] = d;
    unpack_digits(b.qs, 32, 5, q);
    unpack_digits(b.qs + 32, 16, 5, q + 160);
    unpack_digits(b.qh, 4, 4, q + 240);
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
