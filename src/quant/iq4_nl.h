// IQ4_NL: 4-bit weights from a table of non-linear levels, one scale per 32.
//
//   byte 0    d f16
//        2    qs[16]   weight j in the low nibble of byte j, weight j + 16 in the high one
//        18
//
//   y = d * kIq4Levels[q]
#pragma once

#include "quant/codebook4.h"
#include "quant/type.h"

namespace hearth::quant {

struct IQ4_NL {
  static constexpr std::string_view kName = "IQ4_NL";
  static constexpr uint32_t kGgufId = 20;
  static constexpr int kBlockLen = 32;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    uint8_t qs[16];
  };
  static_assert(sizeof(Block) == 18);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    scale[0] = f16_to_f32(b.d);
    look_up_nibbles(kIq4Levels, b.qs, 16, q);
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
