// Q5_0: 5-bit weights, one scale per 32, symmetric around 16.
//
//   byte 0    d f16
//        2    qh[4]    bit j (of 32, little-endian) is the fifth bit of weight j
//        6    qs[16]   the low four bits, laid out as in Q4_0
//        22
//
//   y = d * (q - 16)
#pragma once

#include "quant/bit_bytes.h"
#include "quant/type.h"

namespace hearth::quant {

struct Q5_0 {
  static constexpr std::string_view kName = "Q5_0";
  static constexpr uint32_t kGgufId = 6;
  static constexpr int kBlockLen = 32;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    uint8_t qh[4];
    uint8_t qs[16];
  };
  static_assert(sizeof(Block) == 22);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    scale[0] = f16_to_f32(b.d);
    for (int j = 0; j < 16; j += 8) {
      const uint64_t bytes = load_bytes(b.qs + j);
      const uint64_t low = bytes & (15 * kEachByte);
      const uint64_t high = (bytes >> 4) & (15 * kEachByte);
      // With the fifth bit, q - 16 is the nibble; without it, the nibble with the top four bits
      // set.
      store_codes(low | (~kBitBytes[b.qh[j / 8]] & (0xf0 * kEachByte)), q + j);
      store_codes(high | (~kBitBytes[b.qh[2 + j / 8]] & (0xf0 * kEachByte)), q + 16 + j);
    }
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
