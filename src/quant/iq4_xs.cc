#include "quant/iq4_xs.h"

#include "quant/encode_pack.h"
#include "quant/encode_search.h"

namespace hearth::quant {

void IQ4_XS::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kMagnitude, in);
  ScaledBlock found;
  encode_scaled(in, {.group_len = kGroup, .scale_low = -32.0f, .scale_high = 31.0f}, Iq4Levels{},
                SearchGrid{0.78f, 1.20f, 22}, found);
  b.d = found.d;
  b.scales_h = 0;
  for (uint8_t& byte : b.scales_l) byte = 0;
  for (int g = 0; g < 8; ++g) {
    const int s = found.scale[g] + 32;
    b.scales_l[g / 2] = uint8_t(b.scales_l[g / 2] | ((s & 15) << (4 * (g % 2))));
    b.scales_h = uint16_t(b.scales_h | ((s >> 4) << (2 * g)));
    pack_levels(kIq4Levels, found.q + 32 * g, 16, b.qs + 16 * g);
  }
}

}  // namespace hearth::quant
