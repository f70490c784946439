#include "quant/q2_k.h"

#include "quant/encode_pack.h"
#include "quant/encode_search.h"

namespace hearth::quant {

void Q2_K::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kMagnitude, in);
  AffineBlock found;
  encode_affine(in, {.group_len = kGroup, .max_code = 3.0f, .max_scale = 15.0f}, found);
  b.d = found.d;
  b.dmin = found.dmin;
  for (int g = 0; g < 16; ++g) b.sm[g] = uint8_t(found.scale[g] | (found.min[g] << 4));
  for (int half = 0; half < 2; ++half) pack_crumbs(found.q + 128 * half, 0, b.qs + 32 * half);
}

}  // namespace hearth::quant
