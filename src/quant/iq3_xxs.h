// IQ3_XXS: 3.06 bits per weight. 8 groups of 32; a group is eight grid entries of 4 magnitudes.
//
//   byte 0    d f16
//        2    qs[64]           grid indices
//        66   signs_scale[8]   unaligned u32: four 7-bit sign codes from bit 0 up (8 weights each),
//                              and the scale s in the top 4 bits
//        98
//
//   y = (d * (0.5 + s) * 0.5) * (+-magnitude)
#pragma once

#include "quant/iq_grid.h"
#include "quant/type.h"

namespace hearth::quant {

struct IQ3_XXS {
  static constexpr std::string_view kName = "IQ3_XXS";
  static constexpr uint32_t kGgufId = 18;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    uint8_t qs[64];
    uint8_t signs_scale[32];
  };
  static_assert(sizeof(Block) == 98);

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 8; ++g) {
      uint32_t signs_scale;
      std::memcpy(&signs_scale, b.signs_scale + 4 * g, 4);
      scale[g] = d * (0.5f + float(signs_scale >> 28)) * 0.5f;
      for (int l = 0; l < 4; ++l) {
        const uint8_t* index = b.qs + 8 * g + 2 * l;
        store_signed(pair_of_grids(kGridIq3Xxs[index[0]], kGridIq3Xxs[index[1]]),
                     kSignBytes7[(signs_scale >> (7 * l)) & 127], q + 32 * g + 8 * l);
      }
    }
  }
};

}  // namespace hearth::quant
