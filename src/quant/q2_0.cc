#include "quant/q2_0.h"

#include "quant/encode_search.h"

namespace hearth::quant {

void Q2_0::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kUniform, in);
  int8_t q[kBlockLen];
  // From 0.5 (the largest number is one step: a ternary block is exact) to 2.5 (clips hard).
  b.d = encode_one_scale(in, UniformLevels{-1.0f, 2.0f}, SearchGrid{0.5f, 2.5f, 41}, q);
  for (int j = 0; j < 16; ++j) {
    int byte = 0;
    for (int k = 0; k < 4; ++k) byte |= (q[4 * j + k] + 1) << (2 * k);
    b.qs[j] = uint8_t(byte);
  }
}

}  // namespace hearth::quant
