// The 12 bytes in which Q4_K and Q5_K keep eight 6-bit scales and eight 6-bit mins.
//
//   bytes 0..3   scale g (g < 4) in bits 0..5, the top two bits of scale g + 4 in bits 6..7
//   bytes 4..7   min g (g < 4) in bits 0..5, the top two bits of min g + 4 in bits 6..7
//   bytes 8..11  the low nibble of scale g + 4, then (high nibble) the low nibble of min g + 4
#pragma once

#include "quant/type.h"

namespace hearth::quant {

HEARTH_INLINE void unpack_k_scales(const uint8_t* bytes, uint8_t* scale, uint8_t* min) {
  for (int g = 0; g < 4; ++g) {
    scale[g] = bytes[g] & 63;
    min[g] = bytes[g + 4] & 63;
    scale[g + 4] = uint8_t((bytes[g + 8] & 15) | ((bytes[g] >> 6) << 4));
    min[g + 4] = uint8_t((bytes[g + 8] >> 4) | ((bytes[g + 4] >> 6) << 4));
  }
}

HEARTH_INLINE void pack_k_scales(const uint8_t* scale, const uint8_t* min, uint8_t* bytes) {
  for (int g = 0; g < 4; ++g) {
    bytes[g] = uint8_t(scale[g] | ((scale[g + 4] >> 4) << 6));
    bytes[g + 4] = uint8_t(min[g] | ((min[g + 4] >> 4) << 6));
    bytes[g + 8] = uint8_t((scale[g + 4] & 15) | ((min[g + 4] & 15) << 4));
  }
}

}  // namespace hearth::quant
