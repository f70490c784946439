#include "format/gguf_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <set>
#include <type_traits>
#include <utility>

#include "base/checked.h"
#include "base/new_file.h"
#include "base/printable.h"
#include "format/model_file.h"

namespace hearth::format {
namespace {

constexpr char kAlignmentKey[] = "general.alignment";
constexpr size_t kShardsMax = 65535;  // split.count is a u16

template <class T>
constexpr ValueType value_type_of() {
  if constexpr (std::is_same_v<T, uint8_t>) return ValueType::kU8;
  if constexpr (std::is_same_v<T, int8_t>) return ValueType::kI8;
  if constexpr (std::is_same_v<T, uint16_t>) return ValueType::kU16;
  if constexpr (std::is_same_v<T, int16_t>) return ValueType::kI16;
  if constexpr (std::is_same_v<T, uint32_t>) return ValueType::kU32;
  if constexpr (std::is_same_v<T, int32_t>) return ValueType::kI32;
  if constexpr (std::is_same_v<T, float>) return ValueType::kF32;
  if constexpr (std::is_same_v<T, bool>) return ValueType::kBool;
  if constexpr (std::is_same_v<T, uint64_t>) return ValueType::kU64;
  if constexpr (std::is_same_v<T, int64_t>) return ValueType::kI64;
  if constexpr (std::is_same_v<T, double>) return ValueType::kF64;
}

template <class T>
void append_number(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_string(std::string& out, std::string_view text) {
  append_number(out, uint64_t(text.size()));
  out += text;
}

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

bool is_made_here(std::string_view key) {
  return key == kAlignmentKey || key.starts_with("split.");
}

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

// REQUIRES: check_tensor passed.
uint64_t bytes_of(const NewTensor& tensor) {
  uint64_t blocks = tensor.shape[0] / uint64_t(tensor.type->block_len);
  for (size_t i = 1; i < tensor.shape.size(); ++i) blocks *= tensor.shape[i];
  return blocks * tensor.type->block_bytes;
}

Result<void> check_tensor(const NewTensor& tensor) {
  const std::string name = printable(tensor.name, 80);
  if (tensor.name.empty() || tensor.name.size() > kNameBytesMax)
    return refuse(fmt::format("the tensor name '{}' has {} bytes; 1 to {} are possible", name,
                              tensor.name.size(), kNameBytesMax));
  if (tensor.type == nullptr) return refuse(fmt::format("tensor '{}' has no type", name));
  if (tensor.shape.empty() || tensor.shape.size() > kDimsMax)
    return refuse(fmt::format("tensor '{}' has {} dimensions; 1 to {} are possible", name,
                              tensor.shape.size(), kDimsMax));
  uint64_t n = tensor.type->block_bytes;
  for (const uint64_t dim : tensor.shape) {
    const auto product = checked_mul(n, dim);
    if (dim == 0 || !product || *product > uint64_t(std::numeric_limits<int64_t>::max()))
      return refuse(fmt::format("tensor '{}' has an impossible dimension {}", name, dim));
    n = *product;
  }
  if (tensor.shape[0] % uint64_t(tensor.type->block_len) != 0)
    return refuse(fmt::format("tensor '{}' has rows of {} numbers; type {} needs a multiple of {}",
                              name, tensor.shape[0], tensor.type->name, tensor.type->block_len));
  return {};
}

}  // namespace

void GgufWriter::put(OwnedValue value) {
  const auto it = std::ranges::find(values_, value.key, &OwnedValue::key);
  if (it != values_.end())
    *it = std::move(value);
  else
    values_.push_back(std::move(value));
}

template <GgufNumber T>
void GgufWriter::set(std::string_view key, T value) {
  OwnedValue owned{std::string(key), value_type_of<T>(), value_type_of<T>(), 1, {}};
  append_number(owned.bytes, value);
  put(std::move(owned));
}

void GgufWriter::set(std::string_view key, std::string_view text) {
  put({std::string(key), ValueType::kString, ValueType::kString, 1, std::string(text)});
}

template <GgufNumber T>
void GgufWriter::set_array(std::string_view key, std::span<const T> values) {
  OwnedValue owned{std::string(key), ValueType::kArray, value_type_of<T>(), values.size(), {}};
  owned.bytes.assign(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  put(std::move(owned));
}

void GgufWriter::set_array(std::string_view key, std::span<const std::string_view> texts) {
  OwnedValue owned{std::string(key), ValueType::kArray, ValueType::kString, texts.size(), {}};
  for (const std::string_view text : texts) append_string(owned.bytes, text);
  put(std::move(owned));
}

void GgufWriter::set_array(std::string_view key, std::span<const std::string> texts) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  set_array(key, std::span<const std::string_view>(views));
}

#define HEARTH_INSTANTIATE(T)                            \
  template void GgufWriter::set<T>(std::string_view, T); \
  template void GgufWriter::set_array<T>(std::string_view, std::span<const T>);
HEARTH_INSTANTIATE(uint8_t)
HEARTH_INSTANTIATE(int8_t)
HEARTH_INSTANTIATE(uint16_t)
HEARTH_INSTANTIATE(int16_t)
HEARTH_INSTANTIATE(uint32_t)
HEARTH_INSTANTIATE(int32_t)
HEARTH_INSTANTIATE(uint64_t)
HEARTH_INSTANTIATE(int64_t)
HEARTH_INSTANTIATE(float)
HEARTH_INSTANTIATE(double)
HEARTH_INSTANTIATE(bool)
#undef HEARTH_INSTANTIATE

void GgufWriter::copy(std::string_view key, const Value& value) {
  put({std::string(key), value.type, value.element, value.count,
       std::string(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size())});
}

void GgufWriter::copy_all(const Metadata& metadata) {
  for (const Entry& entry : metadata.entries())
    if (!is_made_here(entry.key)) copy(entry.key, entry.value);
}

void GgufWriter::remove(std::string_view key) {
  std::erase_if(values_, [&](const OwnedValue& value) { return value.key == key; });
}

void GgufWriter::add_tensor(NewTensor tensor, std::span<const std::byte> data) {
  add_tensor(std::move(tensor), [data](const ByteSink& sink) { return sink(data); });
}

void GgufWriter::add_tensor(NewTensor tensor, ByteSource source) {
  tensors_.push_back({std::move(tensor), std::move(source)});
}

Result<void> GgufWriter::check(const WriteOptions& options) const {
  if (!std::has_single_bit(options.alignment))
    return refuse(fmt::format("the alignment {} is not a power of two", options.alignment));
  if (values_.size() >= kKeysMax)
    return refuse(fmt::format("{} metadata keys are too many", values_.size()));
  if (tensors_.size() > kTensorsMax)
    return refuse(fmt::format("{} tensors are too many", tensors_.size()));
  for (const OwnedValue& value : values_) {
    if (value.key.empty() || value.key.size() > kKeyBytesMax)
      return refuse(fmt::format("the key '{}' has {} bytes; 1 to {} are possible",
                                printable(value.key, 80), value.key.size(), kKeyBytesMax));
    if (is_made_here(value.key))
      return refuse(fmt::format("'{}' is set by the writer itself", value.key));
  }
  std::set<std::string_view> names;
  uint64_t total = 0;
  for (const PlannedTensor& planned : tensors_) {
    HEARTH_TRY(check_tensor(planned.tensor));
    if (!names.insert(planned.tensor.name).second)
      return refuse(
          fmt::format("two tensors have the name '{}'", printable(planned.tensor.name, 80)));
    const auto sum = checked_add(total, bytes_of(planned.tensor));
    const auto padded = sum ? checked_align_up(*sum, options.alignment) : std::nullopt;
    if (!padded) return refuse("the tensors together are larger than any file");
    total = *padded;
  }
  return {};
}

std::vector<GgufWriter::Shard> GgufWriter::plan_shards(const WriteOptions& options) const {
  std::vector<Shard> shards(1);
  uint64_t bytes = 0;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const uint64_t size = bytes_of(tensors_[i].tensor);
    const size_t n = shards.back().end - shards.back().begin;
    const bool too_many = options.shard_tensors_max > 0 && n >= options.shard_tensors_max;
    const bool too_large =
        options.shard_bytes_max > 0 && n > 0 && bytes + size > options.shard_bytes_max;
    if (too_many || too_large) {
      shards.push_back({{}, false, i, i});
      bytes = 0;
    }
    bytes += size;
    shards.back().end = i + 1;
  }
  shards.front().has_metadata = true;
  if (shards.size() == 1) return shards;
  const auto number = [](const char* key, auto value) {
    OwnedValue owned{
        key, value_type_of<decltype(value)>(), value_type_of<decltype(value)>(), 1, {}};
    append_number(owned.bytes, value);
    return owned;
  };
  for (size_t i = 0; i < shards.size(); ++i)
    shards[i].own_values = {number("split.no", uint16_t(i)),
                            number("split.count", uint16_t(shards.size())),
                            number("split.tensors.count", int32_t(tensors_.size()))};
  return shards;
}

std::string GgufWriter::head_bytes(const Shard& shard, uint32_t alignment) const {
  std::vector<const OwnedValue*> values;
  if (shard.has_metadata)
    for (const OwnedValue& value : values_) values.push_back(&value);
  for (const OwnedValue& value : shard.own_values) values.push_back(&value);
  OwnedValue alignment_value{kAlignmentKey, ValueType::kU32, ValueType::kU32, 1, {}};
  append_number(alignment_value.bytes, alignment);
  if (alignment != kAlignmentDefault) values.push_back(&alignment_value);

  std::string out = "GGUF";
  append_number(out, uint32_t{3});
  append_number(out, uint64_t(shard.end - shard.begin));
  append_number(out, uint64_t(values.size()));
  for (const OwnedValue* value : values) {
    append_string(out, value->key);
    append_number(out, uint32_t(value->type));
    if (value->type == ValueType::kArray) {
      append_number(out, uint32_t(value->element));
      append_number(out, value->count);
    }
    if (value->type == ValueType::kString) append_number(out, uint64_t(value->bytes.size()));
    out += value->bytes;
  }
  uint64_t offset = 0;
  for (size_t i = shard.begin; i < shard.end; ++i) {
    const NewTensor& tensor = tensors_[i].tensor;
    append_string(out, tensor.name);
    append_number(out, uint32_t(tensor.shape.size()));
    for (const uint64_t dim : tensor.shape) append_number(out, dim);
    append_number(out, tensor.type->gguf_id);
    append_number(out, offset);
    offset = align_up(offset + bytes_of(tensor), alignment);
  }
  out.resize(align_up(out.size(), alignment), '\0');
  return out;
}

uint64_t GgufWriter::file_bytes(const Shard& shard, uint32_t alignment) const {
  uint64_t bytes = head_bytes(shard, alignment).size();
  for (size_t i = shard.begin; i < shard.end; ++i)
    bytes = align_up(bytes + bytes_of(tensors_[i].tensor), alignment);
  return bytes;
}

Result<void> GgufWriter::write_shard(const Shard& shard, uint32_t alignment,
                                     const ByteSink& sink) const {
  HEARTH_TRY(sink(as_bytes(head_bytes(shard, alignment))));
  for (size_t i = shard.begin; i < shard.end; ++i) {
    const uint64_t expected = bytes_of(tensors_[i].tensor);
    uint64_t written = 0;
    HEARTH_TRY(tensors_[i].source([&](std::span<const std::byte> piece) -> Result<void> {
      written += piece.size();
      if (written > expected) return {};  // reported below, with the whole count
      return sink(piece);
    }));
    if (written != expected)
      return refuse(fmt::format("tensor '{}' came with {} bytes, its type and shape need {}",
                                printable(tensors_[i].tensor.name, 80), written, expected));
    const std::string padding(align_up(expected, alignment) - expected, '\0');
    HEARTH_TRY(sink(as_bytes(padding)));
  }
  return {};
}

Result<std::vector<std::string>> GgufWriter::write(const std::string& path,
                                                   const WriteOptions& options) const {
  HEARTH_TRY(check(options));
  const std::vector<Shard> shards = plan_shards(options);
  if (shards.size() > kShardsMax)
    return refuse(fmt::format("the model would have {} shards; at most {} are possible",
                              shards.size(), kShardsMax));
  std::vector<NewFile> files;
  std::vector<std::string> paths;
  for (size_t i = 0; i < shards.size(); ++i) {
    paths.push_back(shards.size() == 1 ? path : shard_path(path, int(i), int(shards.size())));
    HEARTH_ASSIGN(NewFile file,
                  NewFile::create(paths.back(), file_bytes(shards[i], options.alignment)));
    HEARTH_TRY(write_shard(shards[i], options.alignment,
                           [&](std::span<const std::byte> piece) { return file.append(piece); }));
    files.push_back(std::move(file));
  }
  for (size_t i = files.size(); i-- > 0;) HEARTH_TRY(files[i].commit());
  return paths;
}

Result<std::vector<std::byte>> GgufWriter::to_bytes(const WriteOptions& options) const {
  HEARTH_TRY(check(options));
  Shard all;
  all.has_metadata = true;
  all.end = tensors_.size();
  std::vector<std::byte> out;
  HEARTH_TRY(
      write_shard(all, options.alignment, [&](std::span<const std::byte> piece) -> Result<void> {
        out.insert(out.end(), piece.begin(), piece.end());
        return {};
      }));
  return out;
}

}  // namespace hearth::format
