#include "quant/q8_k.h"

#include <cmath>

#include "quant/encode_q8.h"

namespace hearth::quant {

void Q8_K::encode(const float* x, const float* /*importance*/, Block& b) {
  SearchInput in;
  prepare(x, nullptr, kBlockLen, WeightRule::kUniform, in);
  const float d = q8_scale(in);
  b.d = d * in.unit;
  // For the largest floats of all, 127 d may round up to infinity.
  if (std::isinf(127.0f * b.d)) b.d = std::nextafter(b.d, 0.0f);
  encode_q8_codes(in, d, b.qs);
  for (int g = 0; g < 16; ++g) {
    int sum = 0;
    for (int i = 0; i < 16; ++i) sum += b.qs[16 * g + i];
    b.sums[g] = int16_t(sum);
  }
}

}  // namespace hearth::quant
