// GgufWriter: makes GGUF files (version 3), whole or split into shards. Used by the quantizer, the
// converter and tests. Files appear under their names only when they are complete and on the disk
// (see base/new_file.h).
//
//   GgufWriter writer;
//   writer.set("general.architecture", "llama");
//   writer.set("llama.block_count", uint32_t{2});
//   writer.add_tensor({"output_norm.weight", quant::find_type("F32"), {64}},
//   std::as_bytes(std::span(weights))); HEARTH_TRY(writer.write("model.gguf", {}));
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "format/gguf_reader.h"
#include "format/gguf_value.h"
#include "quant/list.h"

namespace hearth::format {

template <class T>
concept GgufNumber =
    std::same_as<T, uint8_t> || std::same_as<T, int8_t> || std::same_as<T, uint16_t> ||
    std::same_as<T, int16_t> || std::same_as<T, uint32_t> || std::same_as<T, int32_t> ||
    std::same_as<T, uint64_t> || std::same_as<T, int64_t> || std::same_as<T, float> ||
    std::same_as<T, double> || std::same_as<T, bool>;

// Takes the next bytes of a tensor, in order.
using ByteSink = std::function<Result<void>(std::span<const std::byte>)>;
// Gives all bytes of one tensor to the sink, in pieces of any size: for data made while it is
// written.
using ByteSource = std::function<Result<void>(const ByteSink&)>;

struct NewTensor {
  std::string name;
  const quant::TypeInfo* type = nullptr;
  std::vector<uint64_t> shape;  // shape[0] contiguous; 1 to 4 dimensions
};

struct WriteOptions {
  uint32_t alignment = kAlignmentDefault;  // a power of two
  uint64_t shard_bytes_max =
      0;  // tensor bytes of one shard (a single larger tensor still fits); 0: no limit
  uint32_t shard_tensors_max = 0;  // tensors of one shard; 0: no limit
};

class GgufWriter {
 public:
  // A key set twice keeps its place and takes the later value. The number's C++ type is its type in
  // the file.
  template <GgufNumber T>
  void set(std::string_view key, T value);
  void set(std::string_view key, std::string_view text);
  template <GgufNumber T>
  void set_array(std::string_view key, std::span<const T> values);
  void set_array(std::string_view key, std::span<const std::string_view> texts);
  void set_array(std::string_view key, std::span<const std::string> texts);
  // A value of another file, byte for byte.
  void copy(std::string_view key, const Value& value);
  // All values of another file, except those that the writer makes itself (general.alignment,
  // split.*).
  void copy_all(const Metadata& metadata);
  void remove(std::string_view key);

  // `data` is not copied and must live until the last write.
  void add_tensor(NewTensor tensor, std::span<const std::byte> data);
  void add_tensor(NewTensor tensor, ByteSource source);

  // Writes `path`, or, if the options split the model, PREFIX-00001-of-0000N.gguf and so on (`path`
  // = PREFIX.gguf). Returns the paths written. On an error nothing new stays behind, except that
  // when giving several shards their names fails half-way, the later ones may already be in place;
  // the first, which makes the set valid, is last. Errors: kInvalidArgument (names, shapes, sizes,
  // options), those of NewFile, those of a source.
  Result<std::vector<std::string>> write(const std::string& path,
                                         const WriteOptions& options) const;

  // One file's bytes in memory; for tests and small models.
  Result<std::vector<std::byte>> to_bytes(const WriteOptions& options) const;

 private:
  struct OwnedValue {
    std::string key;
    ValueType type;
    ValueType element;
    uint64_t count;
    std::string bytes;  // as Value::bytes
  };
  struct PlannedTensor {
    NewTensor tensor;
    ByteSource source;
  };
  // One file to be written: the values and the range of tensors in it.
  struct Shard {
    std::vector<OwnedValue> own_values;  // split.*
    bool has_metadata = false;
    size_t begin = 0;
    size_t end = 0;
  };

  void put(OwnedValue value);
  Result<void> check(const WriteOptions& options) const;
  [[nodiscard]] std::vector<Shard> plan_shards(const WriteOptions& options) const;
  [[nodiscard]] std::string head_bytes(const Shard& shard, uint32_t alignment) const;
  [[nodiscard]] uint64_t file_bytes(const Shard& shard, uint32_t alignment) const;
  Result<void> write_shard(const Shard& shard, uint32_t alignment, const ByteSink& sink) const;

  std::vector<OwnedValue> values_;
  std::vector<PlannedTensor> tensors_;
};

}  // namespace hearth::format
