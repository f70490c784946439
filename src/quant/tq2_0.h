// TQ2_0: ternary weights (BitNet, TriLM), two bits each, one scale per 256. Larger than TQ1_0 and
// faster to read.
//
//   byte 0    qs[64]   each half of 128 weights has 32 bytes, laid out as in Q2_K
//        64   d f16
//        66
//
//   y = d * (q - 1)
#pragma once

#include "quant/type.h"

namespace hearth::quant {

struct TQ2_0 {
  static constexpr std::string_view kName = "TQ2_0";
  static constexpr uint32_t kGgufId = 35;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint8_t qs[64];
    uint16_t d;
  };
  static_assert(sizeof(Block) == 66);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 8; ++g) scale[g] = d;
    for (int half = 0; half < 2; ++half)
      for (int part = 0; part < 4; ++part)
        for (int l = 0; l < 32; ++l)
          q[128 * half + 32 * part + l] = int8_t(((b.qs[32 * half + l] >> (2 * part)) & 3) - 1);
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
