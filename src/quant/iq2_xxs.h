// IQ2_XXS: 2.06 bits per weight. 8 groups of 32; a group is four grid entries of 8 magnitudes.
//
//   byte 0    d f16
//        2    groups[8]   4 bytes: the grid indices; then a u32: four 7-bit sign codes from bit 0
//                         up, and the scale s in the top 4 bits
//        66
//
//   y = (d * (0.5 + s) * 0.25) * (+-magnitude)
#pragma once

#include "quant/iq_grid.h"
#include "quant/type.h"

namespace hearth::quant {

struct IQ2_XXS {
  static constexpr std::string_view kName = "IQ2_XXS";
  static constexpr uint32_t kGgufId = 16;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    uint8_t groups[64];
  };
  static_assert(sizeof(Block) == 66);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 8; ++g) {
      const uint8_t* index = b.groups + 8 * g;
      uint32_t signs_scale;
      std::memcpy(&signs_scale, index + 4, 4);
      scale[g] = d * (0.5f + float(signs_scale >> 28)) * 0.25f;
      for (int l = 0; l < 4; ++l)
        store_signed(kGridIq2Xxs[index[l]], kSignBytes7[(signs_scale >> (7 * l)) & 127],
                     q + 32 * g + 8 * l);
    }
  }
};

}  // namespace hearth::quant
