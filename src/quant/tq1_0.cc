#include "quant/tq1_0.h"

#include "quant/encode_ternary.h"

namespace hearth::quant {
namespace {

// bytes[l] = the digits q[count n + l] + 1, n < digits, as a ternary fraction, rounded up to 1/256.
void pack_digits(const int8_t* q, int count, int digits, uint8_t* bytes) {
  for (int l = 0; l < count; ++l) {
    int number = 0;
    for (int n = 0; n < 5; ++n) number = 3 * number + (n < digits ? q[count * n + l] + 1 : 0);
    bytes[l] = uint8_t((number * 256 + 242) / 243);
  }
}

}  // namespace

void TQ1_0::encode(const float* x, const float* importance, Block& b) {
  int8_t q[kBlockLen];
  b.d = encode_ternary(x, importance, q);
  pack_digits(q, 32, 5, b.qs);
  pack_digits(q + 160, 16, 5, b.qs + 32);
  pack_digits(q + 240, 4, 4, b.qh);
}

}  // namespace hearth::quant
