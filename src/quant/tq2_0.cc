#include "quant/tq2_0.h"

#include "quant/encode_pack.h"
#include "quant/encode_ternary.h"

namespace hearth::quant {

void TQ2_0::encode(const float* x, const float* importance, Block& b) {
  int8_t q[kBlockLen];
  b.d = encode_ternary(x, importance, q);
  for (int half = 0; half < 2; ++half) pack_crumbs(q + 128 * half, 1, b.qs + 32 * half);
}

}  // namespace hearth::quant
