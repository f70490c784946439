#include "quant/q3_k.h"

#include "quant/encode_pack.h"
#include "quant/encode_search.h"

namespace hearth::quant {

void Q3_K::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kMagnitude, in);
  ScaledBlock found;
  encode_scaled(in, {.group_len = kGroup, .scale_low = -32.0f, .scale_high = 31.0f},
                UniformLevels{-4.0f, 3.0f}, SearchGrid{0.70f, 1.30f, 20}, found);
  b.d = found.d;
  for (uint8_t& byte : b.scales) byte = 0;
  for (int g = 0; g < 16; ++g) {
    const int s = found.scale[g] + 32;
    b.scales[g % 8] = uint8_t(b.scales[g % 8] | ((s & 15) << (4 * (g / 8))));
    b.scales[8 + g % 4] = uint8_t(b.scales[8 + g % 4] | ((s >> 4) << (2 * (g / 4))));
  }
  for (int half = 0; half < 2; ++half) pack_crumbs(found.q + 128 * half, 4, b.qs + 32 * half);
  for (int l = 0; l < 32; ++l) {
    int bits = 0;
    for (int part = 0; part < 8; ++part) bits |= ((found.q[32 * part + l] + 4) >> 2) << part;
    b.hmask[l] = uint8_t(bits);
  }
}

}  // namespace hearth::quant
