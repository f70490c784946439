#include "quant/list.h"

#include <array>
#include <cctype>

namespace hearth::quant {
namespace {

template <class T>
void decode_row(const void* blocks, int64_t n, float* y) {
  const auto* b = static_cast<const typename T::Block*>(blocks);
  for (int64_t i = 0; i < n / T::kBlockLen; ++i) decode_block<T>(b[i], y + i * T::kBlockLen);
}

template <class T>
void encode_row(const float* x, int64_t n, const float* importance, void* blocks) {
  auto* b = static_cast<typename T::Block*>(blocks);
  for (int64_t i = 0; i < n / T::kBlockLen; ++i)
    T::encode(x + i * T::kBlockLen, importance ? importance + i * T::kBlockLen : nullptr, b[i]);
}

constexpr auto kTypes = [] {
  std::array<TypeInfo, TypeList::kSize> types{};
  int i = 0;
  TypeList::for_each([&]<class T>() {
    TypeInfo& info = types[size_t(i)];
    constexpr size_t kBytes = sizeof(typename T::Block);
    info = {.index = i,
            .name = T::kName,
            .gguf_id = T::kGgufId,
            .block_len = T::kBlockLen,
            .block_bytes = kBytes,
            .is_float = !BlockType<T> && !IntegerType<T>,
            .is_integer = IntegerType<T>,
            .is_block = BlockType<T>,
            .is_activation = ActivationType<T>,
            .has_encoder = Encodable<T>,
            .bits_per_weight = 8.0f * float(kBytes) / float(T::kBlockLen),
            .decode_row = decode_row<T>,
            .encode_row = nullptr};
    if constexpr (Encodable<T>) info.encode_row = encode_row<T>;
    ++i;
  });
  return types;
}();

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (std::toupper(static_cast<unsigned char>(a[i])) !=
        std::toupper(static_cast<unsigned char>(b[i])))
      return false;
  return true;
}

}  // namespace

std::span<const TypeInfo> all_types() { return kTypes; }

const TypeInfo* find_type(uint32_t gguf_id) {
  for (const TypeInfo& type : kTypes)
    if (type.gguf_id == gguf_id) return &type;
  return nullptr;
}

const TypeInfo* find_type(std::string_view name) {
  for (const TypeInfo& type : kTypes)
    if (equal_ignoring_case(type.name, name)) return &type;
  return nullptr;
}

}  // namespace hearth::quant
