#include "quant/mxfp4.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quant/encode_pack.h"
#include "quant/encode_search.h"

namespace hearth::quant {

void MXFP4::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kMagnitude, in);
  const Group group{in.x, in.w, in.n};
  float largest = 0.0f;
  for (int i = 0; i < in.n; ++i) largest = std::max(largest, std::fabs(in.x[i]));
  // The standard's choice puts the largest number in [4, 8) scales, where 6 is the largest level.
  // The exponents beside it are tried too: one more clips nothing, one less clips more and is
  // finer.
  int exponent = 0;
  std::frexp(largest, &exponent);
  const int unit_exponent = std::ilogb(in.unit);
  const int standard = exponent - 3 + unit_exponent + 127;
  float best_error = std::numeric_limits<float>::infinity();
  float best_scale = 0.0f;
  b.e = 0;
  for (int e = standard - 1; e <= standard + 1 && !in.all_zero; ++e) {
    const uint8_t code = uint8_t(std::clamp(e, 0, 252));  // 252: 6 scales are still a float
    const float scale = half_scale(code) / in.unit;
    const float error = error_of(group, E2m1Levels{}, scale, 0.0f);
    if (!(error < best_error)) continue;
    best_error = error;
    best_scale = scale;
    b.e = code;
  }
  int8_t q[kBlockLen];
  levels_of(group, E2m1Levels{}, best_scale, 0.0f, q);
  pack_levels(kE2m1Doubled, q, 16, b.qs);
}

}  // namespace hearth::quant
