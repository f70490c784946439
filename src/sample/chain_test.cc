// The chain as a whole: greedy, frequencies, order, reproducibility, mirostat, errors, allocations.
#include "sample/chain.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>

#include "sample/reference_test.h"

namespace {
std::atomic<size_t> n_allocations = 0;  // of this test program
}

// Replaced for AllocatesNothingAfterWarmUp.
[[gnu::noinline]] void* operator new(size_t size) {
  ++n_allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  std::abort();
}
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++n_allocations;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace hearth::sample {
namespace {

SamplerChain make(const SamplerParams& params, int n_vocab) {
  auto chain = SamplerChain::create(params, n_vocab);
  EXPECT_TRUE(chain.has_value()) << (chain ? "" : chain.error().message);
  return std::move(*chain);
}

// Everything off: plain sampling from the softmax.
SamplerParams plain() {
  SamplerParams p;
  p.temperature = 1;
  p.top_k = 0;
  p.top_p = 1;
  p.min_p = 0;
  return p;
}

TEST(SampleChain, GreedyIsArgmaxWithTheLowestIdAmongEquals) {
  Rng rng(1);
  SamplerParams params;
  params.temperature = 0;
  for (const char* order : {"penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature",
                            "temperature", "temperature;top_k;top_p"}) {
    params.order = order;
    auto chain = make(params, 1000);
    for (int i = 0; i < 200; ++i) {
      auto logits = reference::random_logits(rng, 1000, 4);
      for (float& l : logits) l = std::round(l * 2) / 2;  // many ties
      const auto best = int32_t(std::max_element(logits.begin(), logits.end()) - logits.begin());
      ASSERT_EQ(chain.sample(logits), best);
      ASSERT_EQ(chain.n_candidates(), 1u);
      ASSERT_EQ(chain.top(5).size(), 1u);
      ASSERT_EQ(chain.top(5)[0].p, 1.0f);
    }
  }
}

TEST(SampleChain, FrequenciesFollowTheSoftmax) {
  const std::vector<float> logits = {0.0f, 1.0f, -1.0f, 2.0f, 0.5f, -INFINITY, 1.5f, 0.25f};
  auto params = plain();
  params.seed = 1234;
  params.temperature = 1.3f;
  auto chain = make(params, int(logits.size()));
  constexpr int kN = 100000;
  std::vector<int> counts(logits.size());
  for (int i = 0; i < kN; ++i) ++counts[size_t(chain.sample(logits))];
  auto items = reference::from_logits(logits);
  reference::temperature(items, 1.3f);
  double chi2 = 0;
  for (const auto& item : items) {
    const double expected = item.p * kN;
    chi2 += (counts[size_t(item.id)] - expected) * (counts[size_t(item.id)] - expected) / expected;
  }
  EXPECT_EQ(counts[5], 0);
  EXPECT_LT(chi2, 22.5);  // 6 degrees of freedom: above this once in 1000 seeds
  EXPECT_GT(chi2, 0.3);   // below this once in 1000: draws that follow p too well are not random
}

TEST(SampleChain, FrequenciesOfALargeVocabularyWithoutTruncation) {
  // 20000 equal tokens: buckets of 1000 ids must fill evenly though sorting is lazy.
  const std::vector<float> logits(20000, 0.5f);
  auto params = plain();
  params.seed = 77;
  auto chain = make(params, int(logits.size()));
  constexpr int kN = 1000;
  std::vector<int> counts(20);
  for (int i = 0; i < kN; ++i) ++counts[size_t(chain.sample(logits) / 1000)];
  double chi2 = 0;
  for (const int n : counts) chi2 += (n - 50.0) * (n - 50.0) / 50.0;
  EXPECT_LT(chi2, 43.8);  // 19 degrees of freedom, 0.1 %
}

TEST(SampleChain, MatchesTheReferenceChainForRandomSettings) {
  Rng rng(21);
  for (int round = 0; round < 100; ++round) {
    SamplerParams p;
    p.temperature = float(0.3 + rng.uniform());
    p.top_k = int(rng.uniform() * 100);
    p.top_p = float(0.5 + rng.uniform() / 2);
    p.min_p = float(rng.uniform() / 10);
    p.typical_p = float(0.7 + rng.uniform() * 0.3);
    p.top_n_sigma = float(rng.uniform() * 4);
    p.seed = rng.next();
    const auto logits = reference::random_logits(rng, 2000, 8);
    auto chain = make(p, 2000);
    const int32_t token = chain.sample(logits);
    auto items = reference::from_logits(logits);
    if (p.top_n_sigma > 0) reference::top_n_sigma(items, p.top_n_sigma);
    reference::top_k(items, p.top_k);
    reference::typical_p(items, p.typical_p, 0);
    reference::top_p(items, p.top_p, 0);
    reference::min_p(items, p.min_p, 0);
    reference::temperature(items, p.temperature);
    const auto top = chain.top(5000);
    ASSERT_EQ(top.size(), items.size()) << round;
    double sum = 0;
    bool found = false;
    for (size_t i = 0; i < items.size(); ++i) {
      ASSERT_EQ(top[i].id, items[i].id);
      ASSERT_NEAR(top[i].p, items[i].p, 1e-5);
      sum += top[i].p;
      found |= top[i].id == token;
    }
    EXPECT_NEAR(sum, 1, 1e-5);
    EXPECT_TRUE(found);
  }
}

TEST(SampleChain, OrderMatters) {
  // Temperature before top_p flattens the distribution, so more tokens enter the nucleus.
  const std::vector<float> logits = {4, 3, 2, 1, 0};
  auto params = plain();
  params.temperature = 5;
  params.top_p = 0.8f;
  params.order = "top_p;temperature";
  auto late = make(params, 5);
  (void)late.sample(logits);
  EXPECT_EQ(late.n_candidates(), 2u);
  params.order = "temperature;top_p";
  auto early = make(params, 5);
  (void)early.sample(logits);
  EXPECT_EQ(early.n_candidates(), 4u);
  // A stage left out is not applied.
  params.order = "temperature";
  auto without = make(params, 5);
  (void)without.sample(logits);
  EXPECT_EQ(without.n_candidates(), 5u);
}

TEST(SampleChain, SameSeedSameTokensAndResetAndClone) {
  SamplerParams params;
  params.seed = 99;
  params.xtc_probability = 0.5f;
  params.repeat_penalty = 1.1f;
  params.dry_multiplier = 0.8f;
  const auto run = [](SamplerChain& chain, uint64_t logit_seed) {
    Rng rng(logit_seed);
    std::vector<int32_t> tokens;
    for (int i = 0; i < 50; ++i) {
      tokens.push_back(chain.sample(reference::random_logits(rng, 500, 3)));
      chain.accept(tokens.back());
    }
    return tokens;
  };
  auto a = make(params, 500);
  auto b = make(params, 500);
  const auto first = run(a, 1);
  EXPECT_EQ(first, run(b, 1));
  auto c = a.clone();
  EXPECT_EQ(run(a, 2), run(c, 2));
  a.reset();
  EXPECT_EQ(run(a, 1), first);
  params.seed = 100;
  auto other = make(params, 500);
  EXPECT_NE(run(other, 1), first);
}

TEST(SampleChain, FixedTokensForASeed) {
  // Guards the promise that a seed means the same tokens in every release and on every platform.
  auto params = plain();
  params.seed = 42;
  auto chain = make(params, 100);
  std::vector<float> logits(100);
  for (size_t i = 0; i < 100; ++i) logits[i] = -0.05f * float(i);
  std::vector<int32_t> tokens;
  for (int i = 0; i < 8; ++i) tokens.push_back(chain.sample(logits));
  // p_i falls by e^-0.05 per id, so the token is -20 log(1 - u (1 - e^-5)), rounded down.
  Rng rng(42);
  std::vector<int32_t> expected;
  for (int i = 0; i < 8; ++i)
    expected.push_back(
        int32_t(std::floor(-20 * std::log(1 - rng.uniform() * (1 - std::exp(-5.0))))));
  EXPECT_EQ(tokens, expected);
  EXPECT_EQ(tokens, (std::vector<int32_t>{1, 9, 22, 50, 84, 28, 25, 37}));
}

TEST(SampleChain, PenaltiesSeeAcceptedTokensOnly) {
  auto params = plain();
  params.temperature = 0;
  params.presence_penalty = 5;
  params.penalty_last_n = 2;
  auto chain = make(params, 4);
  const std::vector<float> logits = {3, 2, 1, 0};
  EXPECT_EQ(chain.sample(logits), 0);
  EXPECT_EQ(chain.sample(logits), 0);  // sampling alone changes nothing
  chain.accept(0);
  EXPECT_EQ(chain.sample(logits), 1);
  chain.accept(1);
  EXPECT_EQ(chain.sample(logits), 2);
  chain.accept(2);
  EXPECT_EQ(chain.sample(logits), 0);  // 0 has left the window of 2
}

TEST(SampleChain, LogitBiasComesFirst) {
  auto params = plain();
  params.temperature = 0;
  params.logit_bias = {{3, 10.0f}, {0, -INFINITY}, {3, 1.0f}};
  auto chain = make(params, 4);
  EXPECT_EQ(chain.sample(std::vector<float>{9, 2, 1, 0}), 3);
  EXPECT_EQ(chain.sample(std::vector<float>{9, 2, 1, -20}), 1);  // 0 is forbidden
}

TEST(SampleChain, NoTokenWhenNothingIsPossible) {
  auto chain = make(SamplerParams{}, 3);
  EXPECT_EQ(chain.sample(std::vector<float>{-INFINITY, NAN, -INFINITY}), kNoToken);
  EXPECT_TRUE(chain.top(3).empty());
  EXPECT_EQ(chain.sample(std::vector<float>{-INFINITY, NAN, -1e30f}), 2);
}

class SampleMirostat : public testing::TestWithParam<int> {};

TEST_P(SampleMirostat, AverageSurpriseConvergesToTau) {
  // A Zipf distribution with exponent 1.2 over 1000 tokens has an entropy well above both targets.
  std::vector<float> logits(1000);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = float(-1.2 * std::log(double(i + 1)));
  for (const float tau : {2.0f, 4.0f}) {
    auto params = plain();
    params.mirostat = GetParam();
    params.mirostat_tau = tau;
    params.seed = 5;
    auto chain = make(params, int(logits.size()));
    EXPECT_DOUBLE_EQ(*chain.mirostat_mu(), 2 * tau);
    double sum = 0;
    constexpr int kWarmUp = 200;
    constexpr int kN = 3000;
    for (int i = 0; i < kWarmUp + kN; ++i) {
      const int32_t token = chain.sample(logits);
      if (i < kWarmUp) continue;
      for (const Candidate& c : chain.top(1000))
        if (c.id == token) sum -= std::log2(double(c.p));
    }
    EXPECT_NEAR(sum / kN, tau, 0.1) << "tau " << tau;
  }
}

TEST_P(SampleMirostat, SurvivesDegenerateLogits) {
  auto params = plain();
  params.mirostat = GetParam();
  auto chain = make(params, 4);
  for (int i = 0; i < 50; ++i) {
    const int32_t flat = chain.sample(std::vector<float>{0, 0, 0, 0});
    EXPECT_TRUE(flat >= 0 && flat < 4);
    EXPECT_EQ(chain.sample(std::vector<float>{-INFINITY, 1, -INFINITY, NAN}), 1);
    EXPECT_EQ(chain.sample(std::vector<float>{0, 0, 3e38f, 0}), 2);
  }
  EXPECT_TRUE(std::isfinite(*chain.mirostat_mu()));
}

INSTANTIATE_TEST_SUITE_P(Versions, SampleMirostat, testing::Values(1, 2));

TEST(SampleChain, AllocatesNothingAfterWarmUp) {
  for (const int mirostat : {0, 1, 2}) {
    SamplerParams params;
    params.mirostat = mirostat;
    params.repeat_penalty = 1.1f;
    params.dry_multiplier = 0.8f;
    params.dry_penalty_last_n = 64;
    params.dry_sequence_breakers = {{1}, {2, 3}};
    params.typical_p = 0.9f;
    params.xtc_probability = 0.5f;
    params.top_n_sigma = 3;
    auto chain = make(params, 3000);
    Rng rng(3);
    std::vector<std::vector<float>> logits;
    for (int i = 0; i < 10; ++i) logits.push_back(reference::random_logits(rng, 3000, 5));
    const auto steps = [&](int n) {
      for (int i = 0; i < n; ++i) chain.accept(chain.sample(logits[size_t(i) % logits.size()]));
    };
    steps(300);
    const size_t before = n_allocations;
    steps(300);
    EXPECT_EQ(n_allocations - before, 0u) << "mirostat " << mirostat;
  }
}

TEST(SampleParams, ErrorsNameFieldValueAndRange) {
  const auto message = [](auto change) {
    SamplerParams p;
    change(p);
    const auto result = p.validate();
    return result ? std::string("valid") : result.error().message;
  };
  EXPECT_EQ(message([](auto&) {}), "valid");
  EXPECT_EQ(message([](auto& p) { p.temperature = -1; }),
            "temperature is -1; it must be 0 (greedy) to 1000000");
  EXPECT_EQ(message([](auto& p) { p.top_p = 1.5f; }),
            "top_p is 1.5; it must be 0 to 1 (1 means off)");
  EXPECT_EQ(message([](auto& p) { p.mirostat = 3; }), "mirostat is 3; it must be 0 (off), 1 or 2");
  EXPECT_NE(message([](auto& p) { p.min_p = NAN; }), "valid");
  EXPECT_NE(message([](auto& p) { p.repeat_penalty = 0; }), "valid");
  EXPECT_NE(message([](auto& p) { p.penalty_last_n = -2; }), "valid");
  EXPECT_NE(message([](auto& p) { p.dry_sequence_breakers = {{}}; }), "valid");
  EXPECT_NE(message([](auto& p) { p.logit_bias = {{-1, 0.0f}}; }), "valid");
  EXPECT_NE(message([](auto& p) { p.logit_bias = {{1, NAN}}; }), "valid");
  EXPECT_EQ(message([](auto& p) { p.order = "top_k;tail_free"; }),
            "order names an unknown sampler 'tail_free'");
  EXPECT_EQ(message([](auto& p) { p.order = "typ_p;typical_p"; }),
            "order names the sampler 'typical_p' twice");

  SamplerParams p;
  p.logit_bias = {{7, 1.0f}};
  const auto chain = SamplerChain::create(p, 7);
  ASSERT_FALSE(chain.has_value());
  EXPECT_EQ(chain.error().message, "logit_bias names token 7; this model's ids are 0 to 6");
}

TEST(SampleParams, OrderIsReadAsGiven) {
  const auto stages = parse_order(" temp, top-k;min_p;;");
  ASSERT_TRUE(stages.has_value());
  EXPECT_EQ(*stages, (std::vector<Stage>{Stage::kTemperature, Stage::kTopK, Stage::kMinP}));
  EXPECT_EQ(parse_order(kDefaultOrder)->size(), 9u);
  EXPECT_TRUE(parse_order("")->empty());
}

}  // namespace
}  // namespace hearth::sample
