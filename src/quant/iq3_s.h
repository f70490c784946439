// IQ3_S: 3.44 bits per weight. 8 groups of 32; a group is eight grid entries of 4 magnitudes.
//
//   byte 0    d f16
//        2    qs[64]      low 8 bits of the grid indices
//        66   qh[8]       bit k of byte g is the top bit of index 8 g + k
//        74   signs[32]   bit j of byte l: weight 8 l + j is negative
//        106  scales[4]   scale s of group g: nibble g, low nibble first
//        110
//
//   y = (d * (1 + 2 s)) * (+-magnitude)
#pragma once

#include "quant/iq_grid.h"
#include "quant/type.h"

namespace hearth::quant {

struct IQ3_S {
  static constexpr std::string_view kName = "IQ3_S";
  static constexpr uint32_t kGgufId = 21;
  static constexpr int kBlockLen = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;

  struct Block {
    uint16_t d;
    uint8_t qs[64];
    uint8_t qh[8];
    uint8_t signs[32];
    uint8_t scales[4];
  };
  static_assert(sizeof(Block) == 110);

  HEARTH_INLINE static uint32_t grid_entry(const Block& b, int i) {
    const int high = (b.qh[i / 8] >> (i % 8)) & 1;
    return kGridIq3S[size_t(b.qs[i] | (high << 8))];
  }

  HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* /*min*/) {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 8; ++g)
      scale[g] = d * float(1 + 2 * ((b.scales[g / 2] >> (4 * (g % 2))) & 15));
    for (int l = 0; l < 32; ++l)
      store_signed(pair_of_grids(grid_entry(b, 2 * l), grid_entry(b, 2 * l + 1)),
                   kBitBytes[b.signs[l]], q + 8 * l);
  }
};

}  // namespace hearth::quant
