#include "quant/q5_0.h"

#include "quant/encode_pack.h"
#include "quant/encode_search.h"

namespace hearth::quant {

void Q5_0::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kMagnitude, in);
  int8_t q[kBlockLen];
  b.d = encode_one_scale(in, UniformLevels{-16.0f, 15.0f}, SearchGrid{0.88f, 1.12f, 20}, q);
  pack_nibbles(q, 16, 16, b.qs);
  pack_fifth_bits(q, 16, b.qh);
}

}  // namespace hearth::quant
