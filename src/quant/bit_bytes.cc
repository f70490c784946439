#include "quant/bit_bytes.h"

namespace hearth::quant {

constinit const Table<uint64_t, 256> kBitBytes = [] {
  Table<uint64_t, 256> table{};
  for (size_t b = 0; b < 256; ++b)
    for (size_t j = 0; j < 8; ++j)
      if ((b >> j) & 1) table[b] |= uint64_t(0xff) << (8 * j);
  return table;
}();

}  // namespace hearth::quant
