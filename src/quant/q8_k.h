// Q8_K: 8-bit numbers, one float scale per 256, with the sums of every 16. An activation type: the
// partner of the K types in other programs; listed so that a file that names it is understood.
//
//   byte 0    d f32
//        4    qs[256]    int8
//        260  sums[16]   int16; the sum of each 16 qs
//        292
//
//   y = d * q
#pragma once

#include "quant/type.h"

namespace hearth::quant {

struct Q8_K {
  static constexpr std::string_view kName = "Q8_K";
  static constexpr uint32_t kGgufId = 15;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;
  static constexpr bool kActivation = true;

  struct Block {
    float d;
    int8_t qs[256];
    int16_t sums[16];
  };
  static_assert(sizeof(Block) == 292);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    for (int g = 0; g < 8; ++g) scale[g] = b.d;
    for (int j = 0; j < 256; ++j) q[j] = b.qs[j];
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
