#include "quant/q4_k.h"

#include "quant/encode_pack.h"
#include "quant/encode_search.h"

namespace hearth::quant {

void Q4_K::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kMagnitude, in);
  AffineBlock found;
  encode_affine(in, {.group_len = kGroup, .max_code = 15.0f, .max_scale = 63.0f}, found);
  b.d = found.d;
  b.dmin = found.dmin;
  pack_k_scales(found.scale, found.min, b.scales);
  for (int k = 0; k < 4; ++k) pack_nibbles(found.q + 64 * k, 32, 0, b.qs + 32 * k);
}

}  // namespace hearth::quant
