// NVFP4: 4-bit floats with one 8-bit float scale per 16; four groups to a block.
//
//   byte 0    d[4] UE4M3
//        4    qs[32]   8 bytes per group: weight j in the low nibble of byte j, j + 8 in the high
//        36
//
//   y = UE4M3(d) * E2M1(q), computed as half of the scale times twice E2M1
//
// UE4M3: bit 7 ignored, 4 exponent bits (bias 7), 3 mantissa bits; the bytes 0 and 0x7F mean 0. The
// largest scale is 448 and the smallest 2^-9, so a tensor comes with a float `.scale` beside it:
// the caller of the encoder divides by it, and the caller of the decoder multiplies.
#pragma once

#include "quant/codebook4.h"
#include "quant/type.h"

namespace hearth::quant {

struct NVFP4 {
  static constexpr std::string_view kName = "NVFP4";
  static constexpr uint32_t kGgufId = 40;
  static constexpr int kBlockLen = 64;
  static constexpr int kGroup = 16;
  static constexpr bool kHasMin = false;

  struct Block {
    uint8_t d[4];
    uint8_t qs[32];
  };
  static_assert(sizeof(Block) == 36);

  // Half of the scale. A f16 with the same mantissa has its exponent in the same place, 8 less in
  // bias.
  HEARTH_INLINE static float half_scale(uint8_t code) {
    const float value = f16_to_f32(uint16_t((code & 0x7f) << 7)) * 128.0f;
    return code == 0x7f ? 0.0f : value;
  }

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    for (int g = 0; g < 4; ++g) {
      scale[g] = half_scale(b.d[g]);
      look_up_nibbles(kE2m1Doubled, b.qs + 8 * g, 8, q + 16 * g);
    }
  }

  static void encode(const float* x, const float* importance, Block& b);
};

}  // namespace hearth::quant
