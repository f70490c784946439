#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hearth::model {
namespace {

// The pair whose wavelength turns `rotations` times within the trained context.
double pair_of_rotations(const RopeParams& p, double rotations) {
  return p.n_rot * std::log(double(p.n_ctx_original) / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(p.freq_base));
}

// 1 for pairs that keep their frequency, 0 for those that are slowed down by the factor, a ramp
// between.
double yarn_keep(const RopeParams& p, int pair) {
  const double low = std::max(0.0, std::floor(pair_of_rotations(p, p.beta_fast)));
  const double high = std::min(double(p.n_rot) - 1, std::ceil(pair_of_rotations(p, p.beta_slow)));
  return 1 - std::clamp((pair - low) / std::max(0.001, high - low), 0.0, 1.0);
}

double yarn_mscale(const RopeParams& p) {
  if (p.factor <= 1) return 1;
  const auto get = [&](double m) { return 0.1 * m * std::log(p.factor) + 1; };
  return p.log_multiplier == 0 ? get(1) : get(1) / get(p.log_multiplier);
}

// M-RoPE: the pairs of its fourth section turn with a position that text does not have. The others
// turn with positions that are all the same in text.
bool stands_still(const RopeParams& p, int pair) {
  const auto& s = p.sections;
  const int turning = s[0] + s[1] + s[2];
  return turning > 0 && pair % (turning + s[3]) >= turning;
}

}  // namespace

RopeConfig make_rope(const RopeParams& params, std::span<const float> factors) {
  RopeConfig config;
  config.mscale =
      float(params.attn_factor * (params.scaling == RopeScaling::kYarn ? yarn_mscale(params) : 1));
  const bool scaled =
      params.scaling == RopeScaling::kLinear || params.scaling == RopeScaling::kYarn;
  const double slow = scaled ? 1 / params.factor : 1;
  config.inv_freq.resize(size_t(params.n_rot / 2));
  for (int i = 0; i < params.n_rot / 2; ++i) {
    double freq = std::pow(params.freq_base, -2.0 * i / params.n_rot);
    if (!factors.empty()) freq /= double(factors[size_t(i)]);
    const double keep = params.scaling == RopeScaling::kYarn ? yarn_keep(params, i) : 0;
    config.inv_freq[size_t(i)] = stands_still(params, i) ? 0 : freq * (slow * (1 - keep) + keep);
  }
  return config;
}

}  // namespace hearth::model
