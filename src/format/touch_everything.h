// Reads every byte that a ModelFile hands out, the way its users do. The fuzzer and the damage
// tests call it, so that a sanitizer (or the system) sees any view that leaves the file. Not used
// by the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "format/metadata_checks.h"
#include "format/model_file.h"

namespace hearth::format {

inline uint64_t sum_of(std::span<const std::byte> bytes) {
  uint64_t sum = 0;
  for (const std::byte b : bytes) sum += uint64_t(b);
  return sum;
}

inline uint64_t sum_of(std::string_view text) { return sum_of(std::as_bytes(std::span(text))); }

inline uint64_t touch_values(const Metadata& metadata) {
  uint64_t sum = 0;
  for (const Entry& entry : metadata.entries()) {
    sum += sum_of(entry.key) + sum_of(entry.value.bytes);
    HEARTH_CHECK(metadata.find(entry.key) == &entry.value);
    sum += metadata.get_uint(entry.key).value_or(1) +
           uint64_t(metadata.get_int(entry.key).value_or(2));
    sum += metadata.get_float(entry.key).has_value() + metadata.get_bool(entry.key).value_or(true);
    sum += sum_of(metadata.get_string(entry.key).value_or("x"));
    if (const auto strings = metadata.get_array<std::string_view>(entry.key))
      for (const std::string_view text : *strings) sum += sum_of(text);
    if (const auto numbers = metadata.get_array<uint8_t>(entry.key)) sum += numbers->size();
    if (const auto numbers = metadata.get_array<int64_t>(entry.key)) sum += numbers->size();
    if (const auto numbers = metadata.get_array<float>(entry.key)) sum += numbers->size();
    if (const auto numbers = metadata.get_array<bool>(entry.key)) sum += numbers->size();
    if (const auto numbers = metadata.get_per_layer<uint64_t>(entry.key, 3)) sum += numbers->size();
  }
  for (const std::string_view role : special_token_roles())
    sum += special_token_id(metadata, role).has_value();
  return sum;
}

inline uint64_t touch_everything(const ModelFile& file) {
  uint64_t sum = touch_values(file.metadata());
  uint64_t bytes = 0;
  for (const TensorInfo& tensor : file.tensors()) {
    HEARTH_CHECK(file.find(tensor.name) == &tensor);
    HEARTH_CHECK(tensor.shape[0] % uint64_t(tensor.type->block_len) == 0);
    HEARTH_CHECK(tensor.data.size() ==
                 tensor.n_rows() * tensor.type->row_bytes(int64_t(tensor.shape[0])));
    sum += sum_of(tensor.name) + sum_of(tensor.data);
    bytes += tensor.data.size();
  }
  HEARTH_CHECK(bytes == file.tensor_bytes() && bytes <= file.file_bytes());
  return sum;
}

}  // namespace hearth::format
