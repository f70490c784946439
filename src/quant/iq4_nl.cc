#include "quant/iq4_nl.h"

#include "quant/encode_pack.h"
#include "quant/encode_search.h"

namespace hearth::quant {

void IQ4_NL::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kMagnitude, in);
  int8_t q[kBlockLen];
  b.d = encode_one_scale(in, Iq4Levels{}, SearchGrid{0.78f, 1.20f, 22}, q);
  pack_levels(kIq4Levels, q, 16, b.qs);
}

}  // namespace hearth::quant
