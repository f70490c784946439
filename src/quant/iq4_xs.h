// IQ4_XS: the levels of IQ4_NL in 8 groups of 32; each group has a signed 6-bit scale.
//
//   byte 0    d f16
//        2    scales_h u16   top two bits of scale g at bit 2 g
//        4    scales_l[4]    low four bits of scale g: nibble g, low nibble first
//        8    qs[128]        16 bytes per group, laid out as in IQ4_NL
//        136
//
//   y = (d * (scale - 32)) * kIq4Levels[q]
#pragma once

#include "quant/codebook4.h"
#include "quant/type.h"

namespace hearth::quant {

struct IQ4_XS {
  static constexpr std::string_view kName = "IQ4_XS";
  static constexpr uint32_t kGgufId = 23;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    uint16_t scales_h;
    uint8_t scales_l[4];
    uint8_t qs[128];
  };
  static_assert(sizeof(Block) == 136);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 8; ++g) {
      const int low = (b.scales_l[g / 2] >> (4 * (g % 2))) & 15;
      const int high = (b.scales_h >> (2 * g)) & 3;
      scale[g] = d * float((low | (high << 4)) - 32);
      look_up_nibbles(kIq4Levels, b.qs + 16 * g, 16, q + 32 * g);
    }
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
