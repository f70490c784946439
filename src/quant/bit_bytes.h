// Bits spread to bytes: what the unpackers use to turn sign bits and fifth bits into eight codes at
// once.
#pragma once

#include <cstring>

#include "quant/table.h"
#include "quant/type.h"

namespace hearth::quant {

// Byte j of entry b is 0xff where bit j of b is set, else 0. Plain data: one copy serves every ISA.
extern const Table<uint64_t, 256> kBitBytes;

inline constexpr uint64_t kEachByte = 0x0101010101010101u;

HEARTH_INLINE uint64_t load_bytes(const uint8_t* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, 8);
  return word;
}

HEARTH_INLINE void store_codes(uint64_t bytes, int8_t* q) { std::memcpy(q, &bytes, 8); }

}  // namespace hearth::quant
