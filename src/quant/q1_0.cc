#include "quant/q1_0.h"

#include <cmath>

#include "quant/encode_search.h"

namespace hearth::quant {

// With two levels +-d the signs are free, and the best d is the weighted mean of |x|.
void Q1_0::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kUniform, in);
  double sum = 0.0;
  double weight = 0.0;
  for (int i = 0; i < kBlockLen; ++i) {
    sum += double(in.w[i]) * std::fabs(in.x[i]);
    weight += in.w[i];
  }
  b.d = to_f16_clamped(float(sum / weight) * in.unit);
  for (int j = 0; j < 16; ++j) {
    int byte = 0;
    for (int bit = 0; bit < 8; ++bit) byte |= (in.x[8 * j + bit] >= 0.0f ? 1 : 0) << bit;
    b.qs[j] = uint8_t(byte);
  }
}

}  // namespace hearth::quant
