// Q2_0: two bits per weight, one scale per 64.
//
//   byte 0    d f16
//        2    qs[16]   weight j is at bit 2 (j % 4) of byte j / 4
//        18
//
//   y = d * (q - 1), so the levels are -1, 0, 1, 2
#pragma once

#include <cstring>

#include "quant/type.h"

namespace hearth::quant {

struct Q2_0 {
  static constexpr std::string_view kName = "Q2_0";
  static constexpr uint32_t kGgufId = 42;
  static constexpr int kBlockLen = 64;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    uint8_t qs[16];
  };
  static_assert(sizeof(Block) == 18);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    scale[0] = d;
    scale[1] = d;
    uint32_t words[16];
    for (int j = 0; j < 16; ++j) {
      const uint32_t byte = b.qs[j];
      const uint32_t codes = (byte | (byte << 6) | (byte << 12) | (byte << 18)) & 0x03030303u;
      words[j] = (codes + 0x7f7f7f7fu) ^ 0x80808080u;  // codes - 1 in each byte, without borrows
    }
    std::memcpy(q, words, sizeof(words));
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
