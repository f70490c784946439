// Q8_1: Q8_0 with the sum of the block beside it. An activation type: other programs keep it in
// memory as the partner of Q4_1 and Q5_1; it is listed so that a file that names it is understood.
//
//   byte 0    d f16
//        2    s f16    d * (sum of the qs)
//        4    qs[32]   int8
//        36
//
//   y = d * q
#pragma once

#include "quant/type.h"

namespace hearth::quant {

struct Q8_1 {
  static constexpr std::string_view kName = "Q8_1";
  static constexpr uint32_t kGgufId = 9;
  static constexpr int kBlockLen = 32;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;
  static constexpr bool kActivation = true;

  struct Block {
    uint16_t d;
    uint16_t s;
    int8_t qs[32];
  };
  static_assert(sizeof(Block) == 36);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    scale[0] = f16_to_f32(b.d);
    for (int j = 0; j < 32; ++j) q[j] = b.qs[j];
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
