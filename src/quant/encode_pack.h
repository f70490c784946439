// How the encoders put codes into bytes; the inverse of the loops in the type headers. Used only by
// the *.cc here.
#pragma once

#include "quant/type.h"

namespace hearth::quant {

// bytes[count]: code j in the low nibble of byte j, code count + j in the high one. `bias` makes
// codes 0 .. 15.
inline void pack_nibbles(const int8_t* q, int count, int bias, uint8_t* bytes) {
  for (int j = 0; j < count; ++j)
    bytes[j] = uint8_t(((q[j] + bias) & 15) | (((q[count + j] + bias) & 15) << 4));
}

// bytes[32]: the codes l, l + 32, l + 64, l + 96 in byte l, from bit 0 up. `bias` makes codes >= 0;
// bits above the second are left to the caller.
inline void pack_crumbs(const int8_t* q, int bias, uint8_t* bytes) {
  for (int l = 0; l < 32; ++l) {
    int byte = 0;
    for (int part = 0; part < 4; ++part) byte |= ((q[32 * part + l] + bias) & 3) << (2 * part);
    bytes[l] = uint8_t(byte);
  }
}

// bytes[4]: bit j (32 bits, little-endian) = bit 4 of code j.
inline void pack_fifth_bits(const int8_t* q, int bias, uint8_t* bytes) {
  for (int k = 0; k < 4; ++k) {
    int byte = 0;
    for (int bit = 0; bit < 8; ++bit) byte |= (((q[8 * k + bit] + bias) >> 4) & 1) << bit;
    bytes[k] = uint8_t(byte);
  }
}

// The index of `level` in a table of sixteen.
template <class Table>
uint8_t index_of_level(const Table& table, int8_t level) {
  uint8_t index = 0;
  while (index < 15 && table[index] != level) ++index;
  return index;
}

// As pack_nibbles, for levels of a table.
template <class Table>
void pack_levels(const Table& table, const int8_t* q, int count, uint8_t* bytes) {
  for (int j = 0; j < count; ++j)
    bytes[j] = uint8_t(index_of_level(table, q[j]) | (index_of_level(table, q[count + j]) << 4));
}

}  // namespace hearth::quant
