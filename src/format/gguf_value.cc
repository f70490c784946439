#include "format/gguf_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "base/printable.h"

namespace hearth::format {
namespace {

struct TypeRow {
  std::string_view name;
  size_t bytes;
};
constexpr std::array<TypeRow, kValueTypeCount> kTypeRows = {{{"u8", 1},
                                                             {"i8", 1},
                                                             {"u16", 2},
                                                             {"i16", 2},
                                                             {"u32", 4},
                                                             {"i32", 4},
                                                             {"f32", 4},
                                                             {"bool", 1},
                                                             {"string", 0},
                                                             {"array", 0},
                                                             {"u64", 8},
                                                             {"i64", 8},
                                                             {"f64", 8}}};

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// f(number) for the number of `type` at `at`; a bool comes as bool. Default result for strings and
// arrays.
template <class F>
auto visit_number(ValueType type, const std::byte* at, F&& f) -> decltype(f(uint8_t{})) {
  switch (type) {
    case ValueType::kU8:
      return f(load<uint8_t>(at));
    case ValueType::kI8:
      return f(load<int8_t>(at));
    case ValueType::kU16:
      return f(load<uint16_t>(at));
    case ValueType::kI16:
      return f(load<int16_t>(at));
    case ValueType::kU32:
      return f(load<uint32_t>(at));
    case ValueType::kI32:
      return f(load<int32_t>(at));
    case ValueType::kF32:
      return f(load<float>(at));
    case ValueType::kBool:
      return f(load<uint8_t>(at) != 0);
    case ValueType::kU64:
      return f(load<uint64_t>(at));
    case ValueType::kI64:
      return f(load<int64_t>(at));
    case ValueType::kF64:
      return f(load<double>(at));
    case ValueType::kString:
    case ValueType::kArray:
      break;
  }
  return {};
}

// The number `v` of the file as a T, by the rules in the header.
template <class T, class Stored>
std::optional<T> number_as(Stored v) {
  constexpr bool kStoredInt = std::is_integral_v<Stored> && !std::is_same_v<Stored, bool>;
  if constexpr (std::is_same_v<T, bool>) {
    if constexpr (std::is_same_v<Stored, bool>) return v;
    if constexpr (kStoredInt) {
      if (v == 0 || v == 1) return v == 1;
    }
  } else if constexpr (std::is_floating_point_v<T>) {
    if constexpr (std::is_floating_point_v<Stored>) return T(v);
  } else if constexpr (kStoredInt) {
    if (std::in_range<T>(v)) return T(v);
  }
  return std::nullopt;
}

template <class T>
constexpr std::string_view wanted_name() {
  if constexpr (std::is_same_v<T, bool>)
    return "a bool";
  else if constexpr (std::is_floating_point_v<T>)
    return "a float";
  else if constexpr (std::is_same_v<T, std::string_view>)
    return "a string";
  else if constexpr (std::is_signed_v<T>)
    return "an integer";
  else
    return "a non-negative integer";
}

std::string describe(const Value& value) {
  if (!value.is_array()) return fmt::format("a value of type {}", name_of(value.type));
  return fmt::format("an array of {} values of type {}", value.count, name_of(value.element));
}

std::unexpected<Error> absent(std::string_view key) {
  return fail(ErrorCode::kNotFound,
              fmt::format("the file has no value for '{}'", printable(key, 80)),
              "the file may be incomplete or made by an old converter; try another conversion of "
              "the model");
}

constexpr char kBadValueHint[] =
    "the file was written wrongly; try another conversion of the model";

template <class T>
std::unexpected<Error> misfit(std::string_view key, const Value& value, uint64_t index) {
  const ValueType stored = value.element;
  const uint64_t at = value.file_offset + index * bytes_of(stored);
  const bool stored_int = index < value.count &&
                          (element_as<int64_t>(value, index) || element_as<uint64_t>(value, index));
  if (std::is_integral_v<T> && stored_int) {
    const auto negative = element_as<int64_t>(value, index);
    const std::string number = negative
                                   ? std::to_string(*negative)
                                   : std::to_string(element_as<uint64_t>(value, index).value_or(0));
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("'{}' is {}, which does not fit {} of {} bits (byte {})", printable(key, 80),
                    number, wanted_name<T>(), std::is_same_v<T, bool> ? 1 : sizeof(T) * 8, at),
        kBadValueHint);
  }
  return fail(ErrorCode::kCorrupt,
              fmt::format("'{}' is {}; {} is expected (byte {})", printable(key, 80),
                          describe(value), wanted_name<T>(), at),
              kBadValueHint);
}

template <class T>
Result<T> scalar(std::string_view key, const Value& value) {
  if (!value.is_array())
    if (const auto converted = element_as<T>(value)) return *converted;
  if (value.is_array())
    return fail(ErrorCode::kCorrupt,
                fmt::format("'{}' is {}; {} is expected (byte {})", printable(key, 80),
                            describe(value), wanted_name<T>(), value.file_offset),
                kBadValueHint);
  return misfit<T>(key, value, 0);
}

template <class T>
Result<T> get_required(const Metadata& metadata, std::string_view key) {
  const Value* value = metadata.find(key);
  if (value == nullptr) return absent(key);
  return scalar<T>(key, *value);
}

template <class T>
Result<T> get_optional(const Metadata& metadata, std::string_view key, T fallback) {
  const Value* value = metadata.find(key);
  if (value == nullptr) return fallback;
  return scalar<T>(key, *value);
}

// The first `n` elements. REQUIRES: an array with at least n.
template <class T>
Result<std::vector<T>> elements(std::string_view key, const Value& value, uint64_t n) {
  std::vector<T> out;
  out.reserve(
      n);  // the elements exist in the file: at least one byte each, so this is bounded by its size
  if constexpr (std::is_same_v<T, std::string_view>) {
    if (value.element != ValueType::kString) return misfit<T>(key, value, 0);
    const StringArray strings = value.strings();
    auto it = strings.begin();
    for (uint64_t i = 0; i < n; ++i, ++it) out.push_back(*it);
  } else {
    for (uint64_t i = 0; i < n; ++i) {
      const auto converted = element_as<T>(value, i);
      if (!converted) return misfit<T>(key, value, i);
      out.push_back(*converted);
    }
  }
  return out;
}

}  // namespace

std::string_view name_of(ValueType type) { return kTypeRows[size_t(type)].name; }
size_t bytes_of(ValueType type) { return kTypeRows[size_t(type)].bytes; }

std::string_view StringArray::Iterator::operator*() const {
  return {reinterpret_cast<const char*>(at_ + sizeof(uint64_t)), load<uint64_t>(at_)};
}

StringArray::Iterator& StringArray::Iterator::operator++() {
  at_ += sizeof(uint64_t) + load<uint64_t>(at_);
  return *this;
}

std::optional<std::string_view> StringArray::at(uint64_t n) const {
  if (n >= count_) return std::nullopt;
  Iterator it = begin();
  for (; n > 0; --n) ++it;
  return *it;
}

std::string_view Value::text() const {
  HEARTH_CHECK(type == ValueType::kString);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

StringArray Value::strings() const {
  HEARTH_CHECK(is_array() && element == ValueType::kString);
  return {bytes, count};
}

template <class T>
std::optional<T> element_as(const Value& value, uint64_t index) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    if (value.type == ValueType::kString) return value.text();
    if (value.is_array() && value.element == ValueType::kString) return value.strings().at(index);
    return std::nullopt;
  } else {
    const std::byte* at = value.bytes.data() + index * bytes_of(value.element);
    return visit_number(value.element, at, [](auto v) { return number_as<T>(v); });
  }
}

Result<Metadata> Metadata::from_entries(std::vector<Entry> entries) {
  Metadata metadata;
  metadata.entries_ = std::move(entries);
  const auto& all = metadata.entries_;
  metadata.by_key_.resize(all.size());
  for (uint32_t i = 0; i < all.size(); ++i) metadata.by_key_[i] = i;
  std::ranges::sort(metadata.by_key_, [&](uint32_t a, uint32_t b) {
    return all[a].key != all[b].key ? all[a].key < all[b].key : a < b;
  });
  for (size_t i = 1; i < all.size(); ++i) {
    const Entry& first = all[metadata.by_key_[i - 1]];
    const Entry& second = all[metadata.by_key_[i]];
    if (first.key == second.key)
      return fail(
          ErrorCode::kCorrupt,
          fmt::format("the key '{}' occurs twice (values at byte {} and byte {})",
                      printable(first.key, 80), first.value.file_offset, second.value.file_offset),
          kBadValueHint);
  }
  return metadata;
}

const Value* Metadata::find(std::string_view key) const {
  const auto it =
      std::ranges::lower_bound(by_key_, key, {}, [&](uint32_t i) { return entries_[i].key; });
  if (it == by_key_.end() || entries_[*it].key != key) return nullptr;
  return &entries_[*it].value;
}

Result<uint64_t> Metadata::get_uint(std::string_view key) const {
  return get_required<uint64_t>(*this, key);
}
Result<int64_t> Metadata::get_int(std::string_view key) const {
  return get_required<int64_t>(*this, key);
}
Result<float> Metadata::get_float(std::string_view key) const {
  return get_required<float>(*this, key);
}
Result<bool> Metadata::get_bool(std::string_view key) const {
  return get_required<bool>(*this, key);
}
Result<std::string_view> Metadata::get_string(std::string_view key) const {
  return get_required<std::string_view>(*this, key);
}

Result<uint64_t> Metadata::get_uint_or(std::string_view key, uint64_t fallback) const {
  return get_optional(*this, key, fallback);
}
Result<int64_t> Metadata::get_int_or(std::string_view key, int64_t fallback) const {
  return get_optional(*this, key, fallback);
}
Result<float> Metadata::get_float_or(std::string_view key, float fallback) const {
  return get_optional(*this, key, fallback);
}
Result<bool> Metadata::get_bool_or(std::string_view key, bool fallback) const {
  return get_optional(*this, key, fallback);
}
Result<std::string_view> Metadata::get_string_or(std::string_view key,
                                                 std::string_view fallback) const {
  return get_optional(*this, key, fallback);
}

template <class T>
Result<std::vector<T>> Metadata::get_array(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return absent(key);
  if (!value->is_array())
    return fail(ErrorCode::kCorrupt,
                fmt::format("'{}' is {}; an array is expected (byte {})", printable(key, 80),
                            describe(*value), value->file_offset),
                kBadValueHint);
  return elements<T>(key, *value, value->count);
}

template <class T>
Result<std::vector<T>> Metadata::get_per_layer(std::string_view key, size_t n) const {
  const Value* value = find(key);
  if (value == nullptr) return absent(key);
  if (!value->is_array()) {
    HEARTH_ASSIGN(const T one, scalar<T>(key, *value));
    return std::vector<T>(n, one);
  }
  if (value->count < n)
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("'{}' has {} elements; the model needs {}, one for each layer (byte {})",
                    printable(key, 80), value->count, n, value->file_offset),
        kBadValueHint);
  return elements<T>(key, *value, n);
}

#define HEARTH_INSTANTIATE(T)                                                                 \
  template Result<std::vector<T>> Metadata::get_array<T>(std::string_view) const;             \
  template Result<std::vector<T>> Metadata::get_per_layer<T>(std::string_view, size_t) const; \
  template std::optional<T> element_as<T>(const Value&, uint64_t);
HEARTH_INSTANTIATE(uint8_t)
HEARTH_INSTANTIATE(int32_t)
HEARTH_INSTANTIATE(uint32_t)
HEARTH_INSTANTIATE(int64_t)
HEARTH_INSTANTIATE(uint64_t)
HEARTH_INSTANTIATE(float)
HEARTH_INSTANTIATE(double)
HEARTH_INSTANTIATE(bool)
HEARTH_INSTANTIATE(std::string_view)
#undef HEARTH_INSTANTIATE

}  // namespace hearth::format
