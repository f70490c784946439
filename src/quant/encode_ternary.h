// The search that TQ1_0 and TQ2_0 share: the best ternary form of 256 numbers.
#pragma once

#include "quant/encode_search.h"

namespace hearth::quant {

// q[256] in -1 .. 1; returns the f16 scale, which is not negative. A block that is ternary already
// is kept exactly.
inline uint16_t encode_ternary(const float* x, const float* importance, int8_t* q) {
  SearchInput in;
  prepare(x, importance, 256, WeightRule::kUniform, in);
  // A number counts as +-1 above half a scale. For normal weights the best threshold is about 0.6
  // of their standard deviation, a fifth of the largest of 256: a factor of 2.5.
  return encode_one_scale(in, UniformLevels{-1.0f, 1.0f}, SearchGrid{1.0f, 6.0f, 51}, q);
}

}  // namespace hearth::quant
