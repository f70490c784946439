// Arithmetic on sizes that come from outside (files, requests): every product and sum that could
// wrap goes through here. Returns nullopt on overflow; the caller turns that into an Error that
// names the field.
#pragma once

#include <cstdint>
#include <optional>

namespace hearth {

[[nodiscard]] inline std::optional<uint64_t> checked_add(uint64_t a, uint64_t b) {
  uint64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

[[nodiscard]] inline std::optional<uint64_t> checked_mul(uint64_t a, uint64_t b) {
  uint64_t product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// The smallest multiple of `alignment` that is >= n. REQUIRES: alignment > 0.
[[nodiscard]] inline std::optional<uint64_t> checked_align_up(uint64_t n, uint64_t alignment) {
  const uint64_t rest = n % alignment;
  return rest == 0 ? std::optional<uint64_t>(n) : checked_add(n, alignment - rest);
}

// As checked_align_up, for sizes of our own that cannot wrap.
[[nodiscard]] constexpr uint64_t align_up(uint64_t n, uint64_t alignment) {
  return (n + alignment - 1) / alignment * alignment;
}

}  // namespace hearth
