#include "base/npy.h"

#include <fmt/format.h>

#include <bit>

#include "base/new_file.h"

namespace hearth {

static_assert(std::endian::native == std::endian::little);

Result<void> write_npy(const std::string& path, std::span<const float> values, int64_t rows,
                       int64_t columns) {
  //  "\x93NUMPY" | version 1, 0 | u16 length of the header | header, padded so that the data begin
  //  at a multiple of 64
  std::string dict =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  dict.append(63 - (10 + dict.size()) % 64, ' ');
  dict += '\n';
  std::string head("\x93NUMPY\x01\x00", 8);
  head += char(dict.size() & 0xff);
  head += char(dict.size() >> 8);
  head += dict;
  HEARTH_ASSIGN(NewFile file, NewFile::create(path, head.size() + values.size_bytes()));
  HEARTH_TRY(file.append(std::as_bytes(std::span(head))));
  HEARTH_TRY(file.append(std::as_bytes(values)));
  return file.commit();
}

}  // namespace hearth
