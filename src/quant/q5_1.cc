#include "quant/q5_1.h"

#include "quant/encode_pack.h"
#include "quant/encode_search.h"

namespace hearth::quant {

void Q5_1::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kMagnitude, in);
  const Group group{in.x, in.w, in.n};
  const AffineFit fit = fit_affine(group, 31.0f, MinSign::kAny);
  b.d = to_f16_clamped(fit.scale * in.unit);
  b.m = to_f16_clamped(-fit.min * in.unit);
  int8_t q[kBlockLen];
  levels_of(group, UniformLevels{0.0f, 31.0f}, f16_to_f32(b.d) / in.unit,
            -f16_to_f32(b.m) / in.unit, q);
  pack_nibbles(q, 16, 0, b.qs);
  pack_fifth_bits(q, 0, b.qh);
}

}  // namespace hearth::quant
