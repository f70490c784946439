// Q1_0: one bit per weight, one scale per 128.
//
//   byte 0    d f16
//        2    qs[16]   weight j is bit j % 8 of byte j / 8
//        18
//
//   y = bit ? d : -d
#pragma once

#include "quant/bit_bytes.h"
#include "quant/type.h"

namespace hearth::quant {

struct Q1_0 {
  static constexpr std::string_view kName = "Q1_0";
  static constexpr uint32_t kGgufId = 41;
  static constexpr int kBlockLen = 128;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    uint8_t qs[16];
  };
  static_assert(sizeof(Block) == 18);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 4; ++g) scale[g] = d;
    // A set bit gives the byte 0x01, a clear one 0xff.
    for (int j = 0; j < 16; ++j) store_codes(~kBitBytes[b.qs[j]] | kEachByte, q + 8 * j);
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
