#include "format/gguf_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/printable.h"
#include "format/foreign_file.h"

namespace hearth::format {
namespace {

constexpr char kDamagedHint[] =
    "the file is damaged or was written wrongly: download it again, or convert the model again";
constexpr char kIncompleteHint[] = "the download or copy is not complete: fetch the file again";

std::unexpected<Error> corrupt(std::string message) {
  return fail(ErrorCode::kCorrupt, std::move(message), kDamagedHint);
}

std::string quoted(std::string_view name) { return fmt::format("'{}'", printable(name, 80)); }

// Walks the file from front to back. Every read is checked against the end.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] uint64_t position() const { return position_; }
  [[nodiscard]] uint64_t left() const { return bytes_.size() - position_; }

  template <class T>
  Result<T> number(std::string_view what) {
    HEARTH_ASSIGN(const auto raw, take(sizeof(T), what));
    T value;
    std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }

  Result<std::span<const std::byte>> take(uint64_t n, std::string_view what) {
    if (n > left())
      return fail(
          ErrorCode::kCorrupt,
          fmt::format(
              "the file ends inside {}: at byte {} it needs {} more bytes, but only {} are left",
              what, position_, n, left()),
          kIncompleteHint);
    const auto taken = bytes_.subspan(position_, n);
    position_ += n;
    return taken;
  }

  Result<std::string_view> string(uint64_t bytes_max, std::string_view what) {
    const uint64_t at = position_;
    HEARTH_ASSIGN(const uint64_t length, number<uint64_t>(what));
    if (length > bytes_max)
      return corrupt(fmt::format("the length of {} at byte {} is {}; at most {} is allowed", what,
                                 at, length, bytes_max));
    HEARTH_ASSIGN(const auto raw, take(length, what));
    return std::string_view(reinterpret_cast<const char*>(raw.data()), raw.size());
  }

 private:
  std::span<const std::byte> bytes_;
  uint64_t position_ = 0;
};

Result<ValueType> read_value_type(Cursor& in, std::string_view key) {
  const uint64_t at = in.position();
  HEARTH_ASSIGN(const uint32_t id, in.number<uint32_t>("the type of a value"));
  if (id >= kValueTypeCount)
    return corrupt(
        fmt::format("the value of {} has the unknown type {} (byte {})", quoted(key), id, at));
  return ValueType(id);
}

// The elements of an array: numbers are taken as they are, strings are walked once to check their
// lengths.
Result<void> read_elements(Cursor& in, std::string_view key, Value& value) {
  const size_t size = bytes_of(value.element);
  const uint64_t smallest =
      size > 0 ? size : sizeof(uint64_t);  // a string takes at least its length field
  const auto bytes_min = checked_mul(value.count, smallest);
  if (!bytes_min || *bytes_min > in.left())
    return fail(
        ErrorCode::kCorrupt,
        fmt::format(
            "the array {} claims {} elements of type {} at byte {}, but only {} bytes are left",
            quoted(key), value.count, name_of(value.element), in.position(), in.left()),
        kIncompleteHint);
  if (size > 0) {
    HEARTH_ASSIGN(value.bytes, in.take(*bytes_min, "an array"));
    return {};
  }
  Cursor walk = in;
  for (uint64_t i = 0; i < value.count; ++i)
    HEARTH_TRY(walk.string(kStringBytesMax, "a string of an array"));
  HEARTH_ASSIGN(value.bytes, in.take(walk.position() - in.position(), "an array"));
  return {};
}

Result<Value> read_value(Cursor& in, std::string_view key) {
  Value value;
  HEARTH_ASSIGN(value.type, read_value_type(in, key));
  value.element = value.type;
  if (value.is_array()) {
    const uint64_t at = in.position();
    HEARTH_ASSIGN(value.element, read_value_type(in, key));
    if (value.element == ValueType::kArray)
      return fail(
          ErrorCode::kUnsupported,
          fmt::format("{} is an array of arrays (byte {}), which no model format of the field uses",
                      quoted(key), at),
          kDamagedHint);
    HEARTH_ASSIGN(value.count, in.number<uint64_t>("the size of an array"));
    value.file_offset = in.position();
    HEARTH_TRY(read_elements(in, key, value));
  } else if (value.type == ValueType::kString) {
    value.file_offset = in.position() + sizeof(uint64_t);
    HEARTH_ASSIGN(const std::string_view text, in.string(kStringBytesMax, "a string"));
    value.bytes = std::as_bytes(std::span(text));
  } else {
    value.file_offset = in.position();
    HEARTH_ASSIGN(value.bytes, in.take(bytes_of(value.type), "a number"));
  }
  return value;
}

Result<Metadata> read_metadata(Cursor& in, uint64_t n_keys) {
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < n_keys; ++i) {
    const uint64_t at = in.position();
    HEARTH_ASSIGN(const std::string_view key, in.string(kKeyBytesMax, "the name of a key"));
    if (key.empty()) return corrupt(fmt::format("key {} has an empty name (byte {})", i, at));
    HEARTH_ASSIGN(const Value value, read_value(in, key));
    entries.push_back({key, value});
  }
  return Metadata::from_entries(std::move(entries));
}

Result<uint64_t> alignment_of(const Metadata& metadata) {
  HEARTH_ASSIGN(const uint64_t alignment,
                metadata.get_uint_or("general.alignment", kAlignmentDefault));
  if (!std::has_single_bit(alignment) || alignment > std::numeric_limits<uint32_t>::max())
    return corrupt(fmt::format("'general.alignment' is {} (byte {}); it must be a power of two",
                               alignment, metadata.find("general.alignment")->file_offset));
  return alignment;
}

std::unexpected<Error> unknown_tensor_type(std::string_view name, uint32_t id, uint64_t at) {
  constexpr uint32_t kFirstForkId = 97;
  constexpr uint32_t kRemoved[] = {4, 5, 31, 32, 33, 36, 37, 38};
  constexpr uint32_t kActivations[] = {9, 15};
  constexpr uint32_t kIdMax = 1024;  // beyond any fork: damage, not a type
  const std::string where = fmt::format("tensor {} has type id {} (byte {})", quoted(name), id, at);
  if (std::ranges::find(kRemoved, id) != std::end(kRemoved))
    return fail(ErrorCode::kUnsupported, where + ", a type that the format has given up",
                "use a newer conversion of the model, for example Q4_K_M or Q8_0");
  if (std::ranges::find(kActivations, id) != std::end(kActivations))
    return fail(ErrorCode::kUnsupported,
                where + ", a type for activations that model files do not use", kDamagedHint);
  if (id >= kFirstForkId && id <= kIdMax)
    return fail(ErrorCode::kUnsupported, where + ", a type of a fork such as ik_llama.cpp",
                "use a conversion with the common types, for example Q4_K_M or Q8_0");
  return fail(ErrorCode::kUnsupported, where + ", which this program does not know",
              "a newer Hearth may know it; else use a conversion with the common types, for "
              "example Q4_K_M or Q8_0");
}

Result<void> read_shape(Cursor& in, TensorInfo& tensor) {
  const uint64_t at = in.position();
  HEARTH_ASSIGN(const uint32_t n_dims, in.number<uint32_t>("the number of dimensions of a tensor"));
  if (n_dims > kDimsMax)
    return corrupt(fmt::format("tensor {} has {} dimensions (byte {}); at most {} are possible",
                               quoted(tensor.name), n_dims, at, kDimsMax));
  tensor.n_dims = int(n_dims);
  uint64_t n = 1;
  for (uint32_t i = 0; i < n_dims; ++i) {
    const uint64_t dim_at = in.position();
    HEARTH_ASSIGN(tensor.shape[i], in.number<uint64_t>("the shape of a tensor"));
    constexpr auto kCountMax = uint64_t(std::numeric_limits<int64_t>::max());
    if (tensor.shape[i] == 0 || tensor.shape[i] > kCountMax)
      return corrupt(fmt::format("dimension {} of tensor {} is {} (byte {}), which is not possible",
                                 i, quoted(tensor.name), int64_t(tensor.shape[i]), dim_at));
    const auto product = checked_mul(n, tensor.shape[i]);
    if (!product || *product > kCountMax)
      return corrupt(
          fmt::format("the dimensions of tensor {} (byte {}) make more numbers than 2^63",
                      quoted(tensor.name), at));
    n = *product;
  }
  return {};
}

// A tensor as it stands in the list: its place in the data section is not resolved yet.
struct ListedTensor {
  TensorInfo info;
  uint64_t offset = 0;  // from the start of the data
};

Result<ListedTensor> read_tensor_info(Cursor& in, uint64_t alignment) {
  ListedTensor tensor;
  const uint64_t at = in.position();
  HEARTH_ASSIGN(tensor.info.name, in.string(kNameBytesMax, "the name of a tensor"));
  if (tensor.info.name.empty())
    return corrupt(fmt::format("a tensor has an empty name (byte {})", at));
  HEARTH_TRY(read_shape(in, tensor.info));
  const uint64_t type_at = in.position();
  HEARTH_ASSIGN(const uint32_t id, in.number<uint32_t>("the type of a tensor"));
  tensor.info.type = quant::find_type(id);
  if (tensor.info.type == nullptr) return unknown_tensor_type(tensor.info.name, id, type_at);
  const auto block_len = uint64_t(tensor.info.type->block_len);
  if (tensor.info.shape[0] % block_len != 0)
    return corrupt(fmt::format(
        "tensor {} has rows of {} numbers (byte {}); type {} needs a multiple of {}",
        quoted(tensor.info.name), tensor.info.shape[0], at, tensor.info.type->name, block_len));
  const uint64_t offset_at = in.position();
  HEARTH_ASSIGN(tensor.offset, in.number<uint64_t>("the offset of a tensor"));
  if (tensor.offset % alignment != 0)
    return corrupt(fmt::format(
        "tensor {} begins at offset {} (byte {}), which is not a multiple of the alignment {}",
        quoted(tensor.info.name), tensor.offset, offset_at, alignment));
  return tensor;
}

// Sets data and file_offset of every tensor; finds out how long the file should be.
Result<void> place_tensors(std::span<const std::byte> bytes, GgufHead& head) {
  uint64_t farthest_end = 0;
  const TensorInfo* farthest = nullptr;
  for (TensorInfo& tensor : head.tensors) {
    const auto begin = checked_add(head.data_start, tensor.file_offset);
    const auto size = checked_mul(tensor.n_elements() / uint64_t(tensor.type->block_len),
                                  tensor.type->block_bytes);
    const auto end = begin && size ? checked_add(*begin, *size) : std::nullopt;
    if (!end)
      return corrupt(fmt::format("tensor {} lies beyond any possible file", quoted(tensor.name)));
    if (*end > farthest_end) {
      farthest_end = *end;
      farthest = &tensor;
    }
    tensor.file_offset = *begin;
    if (*end <= bytes.size()) tensor.data = bytes.subspan(*begin, *size);
  }
  if (farthest_end > bytes.size())
    return fail(
        ErrorCode::kCorrupt,
        fmt::format(
            "the file is {} bytes too short: it has {} bytes, and its tensors reach to byte {} "
            "(the last is {})",
            farthest_end - bytes.size(), bytes.size(), farthest_end, quoted(farthest->name)),
        kIncompleteHint);
  return {};
}

Result<void> check_overlaps(std::span<const TensorInfo> tensors) {
  std::vector<uint32_t> order(tensors.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](uint32_t i) { return tensors[i].file_offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    const TensorInfo& before = tensors[order[i - 1]];
    const TensorInfo& after = tensors[order[i]];
    if (before.file_offset + before.data.size() > after.file_offset)
      return corrupt(fmt::format("tensors {} and {} overlap at byte {}", quoted(before.name),
                                 quoted(after.name), after.file_offset));
  }
  return {};
}

Result<uint32_t> read_version(Cursor& in) {
  HEARTH_ASSIGN(const uint32_t version, in.number<uint32_t>("the version"));
  if (version == 2 || version == 3) return version;
  if ((version & 0xffffu) == 0 && version != 0)
    return fail(
        ErrorCode::kUnsupported,
        fmt::format("the file is a big-endian GGUF (version field {:#010x})", version),
        "big-endian files are for s390x machines: take the ordinary conversion of the model");
  if (version == 1)
    return fail(ErrorCode::kUnsupported,
                "the file is a GGUF of version 1, used for a few weeks in 2023",
                "take a newer conversion of the model");
  return fail(
      ErrorCode::kUnsupported,
      fmt::format("the file says it is GGUF version {}; versions 2 and 3 are known", version),
      "a newer version needs a newer Hearth; any other number means a damaged file");
}

struct Counts {
  uint64_t n_tensors = 0;
  uint64_t n_keys = 0;
};

// The two counts, compared with the smallest space that so many entries can take.
Result<Counts> read_counts(Cursor& in) {
  constexpr uint64_t kTensorBytesMin = 8 + 1 + 4 + 4 + 8;
  constexpr uint64_t kKeyValueBytesMin = 8 + 1 + 4 + 1;
  const uint64_t at = in.position();
  Counts counts;
  HEARTH_ASSIGN(counts.n_tensors, in.number<uint64_t>("the number of tensors"));
  HEARTH_ASSIGN(counts.n_keys, in.number<uint64_t>("the number of keys"));
  if (counts.n_tensors > kTensorsMax)
    return corrupt(fmt::format("the file claims {} tensors (byte {}), more than {}",
                               int64_t(counts.n_tensors), at, kTensorsMax));
  if (counts.n_keys > kKeysMax)
    return corrupt(fmt::format("the file claims {} metadata keys (byte {}), more than {}",
                               int64_t(counts.n_keys), at + 8, kKeysMax));
  const uint64_t bytes_min = counts.n_tensors * kTensorBytesMin + counts.n_keys * kKeyValueBytesMin;
  if (bytes_min > in.left())
    return fail(ErrorCode::kCorrupt,
                fmt::format("the file claims {} tensors and {} metadata keys (byte {}), which need "
                            "at least {} bytes; "
                            "only {} are left",
                            counts.n_tensors, counts.n_keys, at, bytes_min, in.left()),
                kIncompleteHint);
  return counts;
}

}  // namespace

Result<std::vector<uint32_t>> index_by_name(std::span<const TensorInfo> tensors) {
  std::vector<uint32_t> order(tensors.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](uint32_t i) { return tensors[i].name; });
  for (size_t i = 1; i < order.size(); ++i)
    if (tensors[order[i - 1]].name == tensors[order[i]].name)
      return corrupt(fmt::format("two tensors have the name {} (data at byte {} and byte {})",
                                 quoted(tensors[order[i]].name), tensors[order[i - 1]].file_offset,
                                 tensors[order[i]].file_offset));
  return order;
}

Result<GgufHead> read_gguf_head(std::span<const std::byte> bytes) {
  HEARTH_TRY(refuse_foreign_file(bytes));
  Cursor in(bytes);
  HEARTH_TRY(in.take(4, "the magic"));
  GgufHead head;
  HEARTH_ASSIGN(head.version, read_version(in));
  HEARTH_ASSIGN(const Counts counts, read_counts(in));
  HEARTH_ASSIGN(head.metadata, read_metadata(in, counts.n_keys));
  HEARTH_ASSIGN(head.alignment, alignment_of(head.metadata));
  head.tensors.reserve(
      counts.n_tensors);  // read_counts has made sure that the file has room for so many
  for (uint64_t i = 0; i < counts.n_tensors; ++i) {
    HEARTH_ASSIGN(ListedTensor tensor, read_tensor_info(in, head.alignment));
    tensor.info.file_offset =
        tensor.offset;  // made absolute by place_tensors, when the start of the data is known
    head.tensors.push_back(tensor.info);
  }
  const auto data_start = checked_align_up(in.position(), head.alignment);
  if (!data_start) return corrupt("the alignment puts the data beyond any possible file");
  head.data_start = *data_start;
  HEARTH_TRY(place_tensors(bytes, head));
  HEARTH_TRY(check_overlaps(head.tensors));
  return head;
}

}  // namespace hearth::format
