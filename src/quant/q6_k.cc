#include "quant/q6_k.h"

#include "quant/encode_pack.h"
#include "quant/encode_search.h"

namespace hearth::quant {

void Q6_K::encode(const float* x, const float* importance, Block& b) {
  SearchInput in;
  prepare(x, importance, kBlockLen, WeightRule::kMagnitude, in);
  ScaledBlock found;
  encode_scaled(in, {.group_len = kGroup, .scale_low = -128.0f, .scale_high = 127.0f},
                UniformLevels{-32.0f, 31.0f}, SearchGrid{0.94f, 1.06f, 16}, found);
  b.d = found.d;
  for (int g = 0; g < 16; ++g) b.scales[g] = found.scale[g];
  for (int half = 0; half < 2; ++half) {
    for (int l = 0; l < 32; ++l) {
      int code[4];
      for (int part = 0; part < 4; ++part) code[part] = found.q[128 * half + 32 * part + l] + 32;
      b.ql[64 * half + l] = uint8_t((code[0] & 15) | ((code[2] & 15) << 4));
      b.ql[64 * half + 32 + l] = uint8_t((code[1] & 15) | ((code[3] & 15) << 4));
      b.qh[32 * half + l] = uint8_t((code[0] >> 4) | ((code[1] >> 4) << 2) | ((code[2] >> 4) << 4) |
                                    ((code[3] >> 4) << 6));
    }
  }
}

}  // namespace hearth::quant
