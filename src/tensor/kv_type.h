// KvType: what the numbers of the KV cache are. One row here is all that a type has; the kernels
// of backend/ that read it are its only other place.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace hearth::tensor {

enum class KvType : uint8_t { kF32, kF16, kBF16, kQ8_0, kQ4_0 };

struct KvTypeInfo {
  KvType type;
  std::string_view name;
  int per_word;    // numbers in 32 bits
  bool quantized;  // one f32 scale for the numbers of one head at one position
};

inline constexpr KvTypeInfo kKvTypes[] = {
    {KvType::kF32, "f32", 1, false},   {KvType::kF16, "f16", 2, false},
    {KvType::kBF16, "bf16", 2, false}, {KvType::kQ8_0, "q8_0", 4, true},
    {KvType::kQ4_0, "q4_0", 8, true},
};
inline constexpr int kNumKvTypes = int(std::size(kKvTypes));
inline constexpr std::string_view kKvTypeNames = "f16, bf16, f32, q8_0 or q4_0";

constexpr const KvTypeInfo& info(KvType type) { return kKvTypes[int(type)]; }

constexpr std::optional<KvType> find_kv_type(std::string_view name) {
  for (const KvTypeInfo& row : kKvTypes)
    if (row.name == name) return row.type;
  return std::nullopt;
}

}  // namespace hearth::tensor
