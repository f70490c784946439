#include "quant/q4_0.h"

#include "quant/encode_pack.h"
#include "quant/encode_search.h"

namespace hearth::quant {

void Q4_0::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kMagnitude, in);
  int8_t q[kBlockLen];
  b.d = encode_one_scale(in, UniformLevels{-8.0f, 7.0f}, SearchGrid{0.80f, 1.20f, 20}, q);
  pack_nibbles(q, 16, 8, b.qs);
}

}  // namespace hearth::quant
