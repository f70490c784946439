// Q8_0: 8-bit weights, one scale per 32. The usual "almost lossless" type, and a KV cache type.
//
//   byte 0    d f16
//        2    qs[32]   int8
//        34
//
//   y = d * q
#pragma once

#include "quant/type.h"

namespace hearth::quant {

struct Q8_0 {
  static constexpr std::string_view kName = "Q8_0";
  static constexpr uint32_t kGgufId = 8;
  static constexpr int kBlockLen = 32;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    int8_t qs[32];
  };
  static_assert(sizeof(Block) == 34);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    scale[0] = f16_to_f32(b.d);
    for (int j = 0; j < 32; ++j) q[j] = b.qs[j];
  }

  // The importance is not used: at 8 bits the range of the block is the best scale.
  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
