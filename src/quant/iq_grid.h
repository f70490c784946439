// The codebooks of the IQ1, IQ2 and IQ3 types, and what their decoders share. A codebook ("grid")
// lists the groups of four or eight magnitudes that a type can express; the file holds indices into
// it. The lists were chosen by their author for typical weights and follow no formula. They are
// kept in iq_grid.cc in a compact form.
//
// All tables are plain data: one copy serves every ISA.
#pragma once

#include "quant/bit_bytes.h"
#include "quant/table.h"
#include "quant/type.h"

namespace hearth::quant {

// Byte j of an entry is magnitude j: 8, 25 or 43.
extern const Table<uint64_t, 256> kGridIq2Xxs;
extern const Table<uint64_t, 512> kGridIq2Xs;
extern const Table<uint64_t, 1024> kGridIq2S;
// Byte j of an entry is magnitude j: 4, 12, 20, 28, 36, 44, 52 or 62.
extern const Table<uint32_t, 256> kGridIq3Xxs;
// Byte j of an entry is magnitude j: 1, 3, 5, .. 15.
extern const Table<uint32_t, 512> kGridIq3S;
// Byte j of an entry is 128 + 8 g, where g is -1, 0 or 1.
extern const Table<uint64_t, 2048> kGridIq1;

// The same entries as digits (digit d stands for magnitude d of the list above), for code that puts
// signs beside them and looks both up together. Of eight digits, byte j holds digit j low and digit
// j + 4 high; of four, byte j is digit j.
extern const Table<uint32_t, 256> kDigitsIq2Xxs;
extern const Table<uint32_t, 512> kDigitsIq2Xs;
extern const Table<uint32_t, 1024> kDigitsIq2S;
extern const Table<uint32_t, 256> kDigitsIq3Xxs;
extern const Table<uint32_t, 512> kDigitsIq3S;
extern const Table<uint32_t, 2048> kDigitsIq1;
// The weight of a digit; with 8 added, of its negative (IQ1: of the digit shifted down).
extern const Table<int8_t, 16> kLevelsIq2;
extern const Table<int8_t, 16> kLevelsIq3Xxs;
extern const Table<int8_t, 16> kLevelsIq3S;
extern const Table<int8_t, 16> kLevelsIq1;

// kBitBytes for the 7-bit sign codes: the eighth sign makes the number of minus signs even.
extern const Table<uint64_t, 128> kSignBytes7;

// q[8] = the magnitudes (bytes, 1 .. 127), negated where the mask is 0xff.
HEARTH_INLINE void store_signed(uint64_t magnitudes, uint64_t mask, int8_t* q) {
  // ~m + 1 per byte; m >= 1, so that no byte carries into the next.
  store_codes((magnitudes ^ mask) + (mask & kEachByte), q);
}

HEARTH_INLINE uint64_t pair_of_grids(uint32_t low, uint32_t high) {
  return uint64_t(low) | (uint64_t(high) << 32);
}

// q[8] = 8 g + 1, or 8 g - 1 when minus is 1, for the eight g of an entry of kGridIq1: eight times
// (g +- 1/8).
HEARTH_INLINE void store_shifted(uint64_t entry, uint32_t minus, int8_t* q) {
  // The bias of 128 keeps every byte positive, so that nothing carries; flipping the top bit takes
  // it off.
  const uint64_t shifted = entry + kEachByte - 2 * minus * kEachByte;
  store_codes(shifted ^ (0x80 * kEachByte), q);
}

}  // namespace hearth::quant
