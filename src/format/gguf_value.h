// The metadata of a GGUF file: named values, viewed in place. Read by the loader (hyperparameters),
// by whoever builds the tokenizer, by `show`, and copied by the writer. Nothing here owns bytes:
// names, strings and arrays are views into the file, which its ModelFile keeps alive. The reader
// has checked every length before a Value exists.
//
//   scalar   bytes = the little-endian number           (any address: read it with memcpy, as the
//   accessors do) string   bytes = the characters, without length     (UTF-8 by custom, not by
//   guarantee; may hold NUL) array    bytes = all elements; a string element is u64 length +
//   characters
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::format {

// Ids as stored in the file.
enum class ValueType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};
inline constexpr uint32_t kValueTypeCount = 13;

// "u8", "string", "array", ...
std::string_view name_of(ValueType type);
// Bytes of one number in the file; 0 for string and array.
size_t bytes_of(ValueType type);

// The elements of a string array, in order. They have different lengths, so the n-th is found by
// walking: iterate, or make a vector (16 bytes a string) where random access is needed.
class StringArray {
 public:
  class Iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    Iterator() = default;
    explicit Iterator(const std::byte* at) : at_(at) {}
    std::string_view operator*() const;
    Iterator& operator++();
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const std::byte* at_ = nullptr;
  };

  // REQUIRES: `bytes` is exactly `count` length-prefixed strings.
  StringArray(std::span<const std::byte> bytes, uint64_t count) : bytes_(bytes), count_(count) {}
  [[nodiscard]] Iterator begin() const { return Iterator(bytes_.data()); }
  [[nodiscard]] Iterator end() const { return Iterator(bytes_.data() + bytes_.size()); }
  [[nodiscard]] uint64_t size() const { return count_; }
  // The n-th string; walks the n before it. Null if there are not that many.
  [[nodiscard]] std::optional<std::string_view> at(uint64_t n) const;

 private:
  std::span<const std::byte> bytes_;
  uint64_t count_;
};

struct Value {
  ValueType type = ValueType::kU8;
  ValueType element = ValueType::kU8;  // of an array; else equal to `type`
  uint64_t count = 1;                  // elements of an array; else 1
  std::span<const std::byte> bytes;
  uint64_t file_offset = 0;  // of `bytes`, for messages

  [[nodiscard]] bool is_array() const { return type == ValueType::kArray; }
  // REQUIRES: type == kString.
  [[nodiscard]] std::string_view text() const;
  // REQUIRES: an array whose element == kString.
  [[nodiscard]] StringArray strings() const;
};

struct Entry {
  std::string_view key;
  Value value;
};

// All values of a file, in file order. Lookup is a binary search (no hash that a hostile file could
// aim at).
//
// Every accessor accepts what writers of the field really produce: an integer may be stored in any
// integer width as long as the number fits; a float as f32 or f64; a bool as bool or as integer 0
// or 1. Errors, all naming the key: kNotFound (no such key, only from get_*), kCorrupt (another
// kind of value, or a number out of range).
class Metadata {
 public:
  Metadata() = default;
  // Errors: kCorrupt (a key occurs twice).
  static Result<Metadata> from_entries(std::vector<Entry> entries);

  [[nodiscard]] std::span<const Entry> entries() const { return entries_; }
  [[nodiscard]] const Value* find(std::string_view key) const;
  [[nodiscard]] bool contains(std::string_view key) const { return find(key) != nullptr; }

  Result<uint64_t> get_uint(std::string_view key) const;
  Result<int64_t> get_int(std::string_view key) const;
  Result<float> get_float(std::string_view key) const;
  Result<bool> get_bool(std::string_view key) const;
  Result<std::string_view> get_string(std::string_view key) const;

  // As above, but an absent key gives `fallback`. A present value of another kind is still an
  // error.
  Result<uint64_t> get_uint_or(std::string_view key, uint64_t fallback) const;
  Result<int64_t> get_int_or(std::string_view key, int64_t fallback) const;
  Result<float> get_float_or(std::string_view key, float fallback) const;
  Result<bool> get_bool_or(std::string_view key, bool fallback) const;
  Result<std::string_view> get_string_or(std::string_view key, std::string_view fallback) const;

  // All elements of an array. T: uint8_t, int32_t, uint32_t, int64_t, uint64_t, float, double,
  // bool, std::string_view.
  template <class T>
  Result<std::vector<T>> get_array(std::string_view key) const;
  // n values from a key that holds either one value for all or an array of at least n (the first n
  // are taken): how GGUF stores what may differ from layer to layer, such as head_count_kv.
  template <class T>
  Result<std::vector<T>> get_per_layer(std::string_view key, size_t n) const;

 private:
  std::vector<Entry> entries_;
  std::vector<uint32_t> by_key_;  // indices into entries_, keys ascending
};

// One number or string of any kind as T: an element of `value` (index 0 for a scalar). nullopt if
// it is of another kind or does not fit. REQUIRES: index < value.count, and value is not an array
// of strings unless index is 0.
template <class T>
std::optional<T> element_as(const Value& value, uint64_t index = 0);

}  // namespace hearth::format
