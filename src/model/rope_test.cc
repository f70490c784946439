// Frequencies of rope against the formulas of the papers, written down once more.
#include "model/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace hearth::model {
namespace {

constexpr double kTolerance = 1e-12;

double plain(int pair, int n_rot, double base) { return 1 / std::pow(base, 2.0 * pair / n_rot); }

TEST(Rope, Plain) {
  const RopeConfig rope = make_rope({.n_rot = 10, .freq_base = 500000}, {});
  ASSERT_EQ(rope.inv_freq.size(), 5u);
  EXPECT_EQ(rope.inv_freq[0], 1);
  for (int i = 0; i < 5; ++i)
    EXPECT_NEAR(rope.inv_freq[size_t(i)] / plain(i, 10, 500000), 1, kTolerance);
  EXPECT_EQ(rope.mscale, 1);
}

// "none" ignores the factor, "linear" divides every angle by it.
TEST(Rope, Linear) {
  RopeParams params{.n_rot = 64, .scaling = RopeScaling::kLinear, .factor = 8};
  RopeConfig rope = make_rope(params, {});
  for (int i = 0; i < 32; ++i)
    EXPECT_NEAR(rope.inv_freq[size_t(i)] * 8 / plain(i, 64, 10000), 1, kTolerance);
  EXPECT_EQ(rope.mscale, 1);
  params.scaling = RopeScaling::kNone;
  rope = make_rope(params, {});
  for (int i = 0; i < 32; ++i)
    EXPECT_NEAR(rope.inv_freq[size_t(i)] / plain(i, 64, 10000), 1, kTolerance);
}

// YaRN: a pair that turns more than beta_fast times within the trained context keeps its frequency,
// one that turns less than beta_slow times is slowed down by the factor, and between them there is
// a ramp over the pairs' numbers.
TEST(Rope, Yarn) {
  const RopeParams params{.n_rot = 128,
                          .freq_base = 1000000,
                          .scaling = RopeScaling::kYarn,
                          .factor = 4,
                          .n_ctx_original = 32768};
  const RopeConfig rope = make_rope(params, {});
  const auto turns = [&](int pair) {
    return double(params.n_ctx_original) * plain(pair, 128, 1e6) / (2 * std::numbers::pi);
  };
  int kept = 0;
  int slowed = 0;
  for (int i = 0; i < 64; ++i) {
    const double share = rope.inv_freq[size_t(i)] / plain(i, 128, 1e6);
    // The ramp begins and ends at whole pairs, so the one beside each edge may belong to it.
    if (turns(i + 1) > 32) {
      EXPECT_NEAR(share, 1, kTolerance) << i;
      ++kept;
    } else if (i > 0 && turns(i - 1) < 1) {
      EXPECT_NEAR(share, 0.25, kTolerance) << i;
      ++slowed;
    } else {
      EXPECT_LE(share, 1) << i;
      EXPECT_GE(share, 0.25) << i;
    }
    if (i > 0) {
      EXPECT_LT(rope.inv_freq[size_t(i)], rope.inv_freq[size_t(i) - 1]);
    }
  }
  EXPECT_GT(kept, 10);
  EXPECT_GT(slowed, 10);
  EXPECT_NEAR(double(rope.mscale), 0.1 * std::log(4.0) + 1, 1e-7);

  // The ramp itself: equal steps from pair to pair.
  const double log_base = 2 * std::log(1e6);
  const double low = std::floor(128 * std::log(32768 / (32 * 2 * std::numbers::pi)) / log_base);
  const double high = std::ceil(128 * std::log(32768 / (2 * std::numbers::pi)) / log_base);
  for (int i = int(low); i <= int(high); ++i) {
    const double slow = (i - low) / (high - low);
    EXPECT_NEAR(rope.inv_freq[size_t(i)] / plain(i, 128, 1e6), 1 - slow + slow / 4, kTolerance)
        << i;
  }
}

TEST(Rope, YarnScalesCosAndSin) {
  RopeParams params{.n_rot = 8, .scaling = RopeScaling::kYarn, .factor = 16, .n_ctx_original = 512};
  params.attn_factor = 0.5;
  EXPECT_NEAR(double(make_rope(params, {}).mscale), 0.5 * (0.1 * std::log(16.0) + 1), 1e-7);
  // DeepSeek's second term cancels the first where both are 1.
  params.attn_factor = 1;
  params.log_multiplier = 1;
  EXPECT_NEAR(double(make_rope(params, {}).mscale), 1, 1e-7);
  params.log_multiplier = 0.707;
  EXPECT_NEAR(double(make_rope(params, {}).mscale),
              (0.1 * std::log(16.0) + 1) / (0.1 * 0.707 * std::log(16.0) + 1), 1e-7);
  // A factor of 1 or less stretches nothing.
  params.factor = 1;
  EXPECT_EQ(make_rope(params, {}).mscale, 1);
}

// Llama 3's rope_freqs and LongRoPE's lists divide each pair's frequency.
TEST(Rope, Factors) {
  const std::vector<float> factors = {1, 1, 2.5f, 8};
  RopeParams params{.n_rot = 8, .freq_base = 500000};
  const RopeConfig llama3 = make_rope(params, factors);
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(llama3.inv_freq[size_t(i)] * double(factors[size_t(i)]) / plain(i, 8, 500000), 1,
                kTolerance);
  EXPECT_EQ(llama3.mscale, 1);
  params.scaling = RopeScaling::kLongRope;
  params.factor = 32;
  params.attn_factor = 1.19;
  const RopeConfig longrope = make_rope(params, factors);
  EXPECT_EQ(longrope.inv_freq, llama3.inv_freq);  // the scaling factor does not slow them further
  EXPECT_NEAR(double(longrope.mscale), 1.19, 1e-7);
}

}  // namespace
}  // namespace hearth::model
