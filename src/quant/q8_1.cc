#include "quant/q8_1.h"

#include "quant/encode_q8.h"

namespace hearth::quant {

void Q8_1::encode(const float* x, const float* /*importance*/, Block& b) {
  SearchInput in;
  prepare(x, nullptr, kBlockLen, WeightRule::kUniform, in);
  b.d = to_f16_clamped(q8_scale(in) * in.unit);
  const float d = f16_to_f32(b.d);
  encode_q8_codes(in, d / in.unit, b.qs);
  int sum = 0;
  for (const int8_t q : b.qs) sum += q;
  b.s = to_f16_clamped(d * float(sum));
}

}  // namespace hearth::quant
