// A constant table for use inside `unpack`: std::array with an operator[] that is always inlined.
#pragma once

#include "quant/type.h"

namespace hearth::quant {

template <class T, size_t kSize>
struct Table {
  T entries[kSize];
  HEARTH_INLINE constexpr const T& operator[](size_t i) const { return entries[i]; }
  HEARTH_INLINE constexpr T& operator[](size_t i) { return entries[i]; }
};

}  // namespace hearth::quant
