#include "quant/q8_0.h"

#include "quant/encode_q8.h"

namespace hearth::quant {

void Q8_0::encode(const float* x, const float* /*importance*/, Block& b) {
  SearchInput in;
  prepare(x, nullptr, kBlockLen, WeightRule::kUniform, in);
  b.d = to_f16_clamped(q8_scale(in) * in.unit);
  encode_q8_codes(in, f16_to_f32(b.d) / in.unit, b.qs);
}

}  // namespace hearth::quant
