// IQ2_XS: 2.31 bits per weight. 16 groups of 16; a group is two grid entries of 8 magnitudes.
//
//   byte 0    d f16
//        2    qs[32] u16   9 bits of grid index, then a 7-bit sign code
//        66   scales[8]    scale s of group g: nibble g, low nibble first
//        74
//
//   y = (d * (0.5 + s) * 0.25) * (+-magnitude)
#pragma once

#include "quant/iq_grid.h"
#include "quant/type.h"

namespace hearth::quant {

struct IQ2_XS {
  static constexpr std::string_view kName = "IQ2_XS";
  static constexpr uint32_t kGgufId = 17;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 16;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    uint16_t qs[32];
    uint8_t scales[8];
  };
  static_assert(sizeof(Block) == 74);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 16; ++g)
      scale[g] = d * (0.5f + float((b.scales[g / 2] >> (4 * (g % 2))) & 15)) * 0.25f;
    for (int l = 0; l < 32; ++l)
      store_signed(kGridIq2Xs[b.qs[l] & 511], kSignBytes7[b.qs[l] >> 9], q + 8 * l);
  }
};

}  // namespace hearth::quant
