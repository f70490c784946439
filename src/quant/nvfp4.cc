#include "quant/nvfp4.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quant/encode_pack.h"
#include "quant/encode_search.h"

namespace hearth::quant {
namespace {

constexpr int kCodeMax = 0x7e;  // 448

// The largest code whose half scale is not above `value`. Codes 0 .. 0x7e are in increasing order.
int code_below(float value) {
  int low = 0;
  int high = kCodeMax;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (NVFP4::half_scale(uint8_t(middle)) <= value)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

}  // namespace

void NVFP4::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kMagnitude, in);
  for (int g = 0; g < 4; ++g) {
    const Group group{in.x + kGroup * g, in.w + kGroup * g, kGroup};
    const float fit = std::fabs(fit_scale(group, E2m1Levels{}, SearchGrid{0.8f, 1.3f, 21}));
    const int below = code_below(fit * in.unit);
    float best_error = std::numeric_limits<float>::infinity();
    float best_scale = 0.0f;
    for (int code = std::max(below - 1, 0); code <= std::min(below + 2, kCodeMax); ++code) {
      const float scale = half_scale(uint8_t(code)) / in.unit;
      const float error = error_of(group, E2m1Levels{}, scale, 0.0f);
      if (!(error < best_error)) continue;
      best_error = error;
      best_scale = scale;
      b.d[g] = uint8_t(code);
    }
    int8_t q[kGroup];
    levels_of(group, E2m1Levels{}, best_scale, 0.0f, q);
    pack_levels(kE2m1Doubled, q, 8, b.qs + 8 * g);
  }
}

}  // namespace hearth::quant
