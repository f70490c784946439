// The two sets of sixteen values that 4-bit types look up: the non-linear levels of IQ4_NL and
// IQ4_XS, and the 4-bit floats (E2M1: sign, two exponent bits, one mantissa bit) of MXFP4 and
// NVFP4.
#pragma once

#include "quant/table.h"
#include "quant/type.h"

namespace hearth::quant {

inline constexpr Table<int8_t, 16> kIq4Levels = {
    {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}};

// Twice the E2M1 value, which makes 0.5 and 1.5 integers; the scale is halved in return. Code 8 is
// "minus zero".
inline constexpr Table<int8_t, 16> kE2m1Doubled = {
    {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}};

// q[2 count] = levels[codes]; the low nibble of byte j is number j, the high nibble is number count
// + j.
HEARTH_INLINE void look_up_nibbles(const Table<int8_t, 16>& levels, const uint8_t* bytes, int count,
                                   int8_t* q) {
  for (int j = 0; j < count; ++j) {
    q[j] = levels[bytes[j] & 15];
    q[count + j] = levels[bytes[j] >> 4];
  }
}

}  // namespace hearth::quant
