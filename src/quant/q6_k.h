// Q6_K: 6-bit weights in 16 groups of 16; each group has an 8-bit signed scale.
//
//   byte 0    ql[128]      each half of 128 weights has 64 bytes of ql and 32 of qh. Weight l of a
//        128  qh[64]       half takes four bits from ql[l % 64] (low nibble if l < 64, else high)
//                          and the top two from qh[l % 32], at bit 2 (l / 32)
//        192  scales[16]   int8
//        208  d f16
//        210
//
//   y = (d * scale) * (q - 32)
#pragma once

#include "quant/type.h"

namespace hearth::quant {

struct Q6_K {
  static constexpr std::string_view kName = "Q6_K";
  static constexpr uint32_t kGgufId = 14;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 16;
  static constexpr bool kHasMin = false;

  struct Block {
    uint8_t ql[128];
    uint8_t qh[64];
    int8_t scales[16];
    uint16_t d;
  };
  static_assert(sizeof(Block) == 210);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 16; ++g) scale[g] = d * float(b.scales[g]);
    for (int half = 0; half < 2; ++half) {
      for (int part = 0; part < 4; ++part) {
        for (int l = 0; l < 32; ++l) {
          const int low = (b.ql[64 * half + 32 * (part % 2) + l] >> (4 * (part / 2))) & 15;
          const int high = (b.qh[32 * half + l] >> (2 * part)) & 3;
          q[128 * half + 32 * part + l] = int8_t((low | (high << 4)) - 32);
        }
      }
    }
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
