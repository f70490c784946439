// The plain 8-bit encoding that Q8_0, Q8_1 and Q8_K share: the largest number becomes +-127.
#pragma once

#include <algorithm>
#include <cmath>

#include "quant/encode_search.h"

namespace hearth::quant {

// q[n] = round(x / d), ties away from zero, in -127 .. 127; d in the unit of `in`.
inline void encode_q8_codes(const SearchInput& in, float d, int8_t* q) {
  const float inverse = d > 1e-37f ? 1.0f / d : 0.0f;
  for (int i = 0; i < in.n; ++i)
    q[i] = int8_t(std::round(std::clamp(in.x[i] * inverse, -127.0f, 127.0f)));
}

inline float q8_scale(const SearchInput& in) {
  float largest = 0.0f;
  for (int i = 0; i < in.n; ++i) largest = std::max(largest, std::fabs(in.x[i]));
  return largest / 127.0f;
}

}  // namespace hearth::quant
