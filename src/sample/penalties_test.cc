// Penalties and their window; DRY against the quadratic reference.
#include "sample/penalties.h"

#include <gtest/gtest.h>

#include <map>

#include "sample/dry.h"
#include "sample/reference_test.h"

namespace hearth::sample {
namespace {

TEST(SamplePenalties, HistoryKeepsItsWindow) {
  History h(3);
  std::vector<int32_t> all;
  for (int32_t t = 0; t < 100; ++t) {
    h.push(t);
    all.push_back(t);
    const auto last = h.last(3);
    const size_t n = std::min<size_t>(3, all.size());
    ASSERT_EQ(std::vector<int32_t>(last.begin(), last.end()),
              std::vector<int32_t>(all.end() - ptrdiff_t(n), all.end()));
  }
  History everything(-1);
  for (int32_t t = 0; t < 1000; ++t) everything.push(t);
  EXPECT_EQ(everything.last(-1).size(), 1000u);
}

TEST(SamplePenalties, CountsOnlyTheWindow) {
  constexpr int kVocab = 12;
  for (const int window : {1, 5, 64, -1}) {
    Rng rng(9);
    const PenaltyParams params{
        .last_n = window, .repeat = 1.3f, .frequency = 0.25f, .presence = 0.5f};
    History history(window);
    Penalties penalties(params, kVocab);
    std::vector<int32_t> all;
    for (int step = 0; step < 300; ++step) {
      const auto token = int32_t(rng.next() % kVocab);
      all.push_back(token);
      history.push(token);
      penalties.accept(token, history);
      const auto logits = reference::random_logits(rng, kVocab, 5);
      Candidates c;
      c.assign(logits);
      penalties.apply(c);
      std::map<int32_t, int> counts;
      const size_t start =
          window < 0 || all.size() < size_t(window) ? 0 : all.size() - size_t(window);
      for (size_t i = start; i < all.size(); ++i) ++counts[all[i]];
      for (const Candidate& e : c.all()) {
        float expected = logits[size_t(e.id)];
        if (const int n = counts[e.id]; n > 0) {
          expected = expected > 0 ? expected / 1.3f : expected * 1.3f;
          expected -= 0.25f * float(n) + 0.5f;
        }
        ASSERT_NEAR(e.logit, expected, 1e-5) << "window " << window << " step " << step;
      }
    }
  }
}

TEST(SamplePenalties, IdsOutsideTheVocabularyAreIgnored) {
  History history(4);
  Penalties penalties({.last_n = 4, .repeat = 2, .frequency = 0, .presence = 0}, 3);
  for (const int32_t token : {-1, 99, 1, -1, 99, 99, 99}) {
    history.push(token);
    penalties.accept(token, history);
  }
  Candidates c;
  c.assign(std::vector<float>{1, 1, 1});
  penalties.apply(c);  // the 1 has left the window
  for (const Candidate& e : c.all()) EXPECT_EQ(e.logit, 1.0f);
}

TEST(SampleDry, MatchesTheQuadraticReference) {
  Rng rng(11);
  for (int round = 0; round < 400; ++round) {
    const int vocab = 2 + int(rng.next() % 6);  // few tokens: many repetitions
    std::vector<int32_t> history(rng.next() % 80);
    for (int32_t& t : history) t = int32_t(rng.next() % uint64_t(vocab));
    DryParams params{
        .multiplier = 0.8, .base = 1.75, .allowed_length = int(rng.next() % 4), .breakers = {}};
    for (uint64_t b = rng.next() % 3; b > 0; --b) {
      std::vector<int32_t> breaker(1 + rng.next() % 3);
      for (int32_t& t : breaker) t = int32_t(rng.next() % uint64_t(vocab));
      params.breakers.push_back(breaker);
    }
    const auto logits = reference::random_logits(rng, size_t(vocab), 3);
    auto items = reference::from_logits(logits);
    if (history.size() > size_t(params.allowed_length))
      reference::dry(items, history, params.multiplier, params.base, params.allowed_length,
                     params.breakers);
    Dry dry(params, vocab);
    for (int twice = 0; twice < 2; ++twice) {  // scratch is clean again
      Candidates c;
      c.assign(logits);
      dry.apply(c, history);
      c.sort_prefix(c.size());
      for (size_t i = 0; i < items.size(); ++i) {
        const auto same = std::find_if(c.all().begin(), c.all().end(),
                                       [&](const Candidate& e) { return e.id == items[i].id; });
        ASSERT_NE(same, c.all().end());
        ASSERT_NEAR(same->logit, items[i].logit, 1e-4 * (1 + std::fabs(items[i].logit)))
            << "round " << round;
      }
    }
  }
}

TEST(SampleDry, ExampleByHand) {
  // "1 2 3 4 1 2 3": 4 would make it "1 2 3 4" again, match length 3, penalty 0.8 * 1.75^(3-2).
  const std::vector<int32_t> history = {1, 2, 3, 4, 1, 2, 3};
  const std::vector<float> logits(6, 0.0f);
  Dry dry({.multiplier = 0.8, .base = 1.75, .allowed_length = 2, .breakers = {}}, 6);
  Candidates c;
  c.assign(logits);
  dry.apply(c, history);
  for (const Candidate& e : c.all()) EXPECT_FLOAT_EQ(e.logit, e.id == 4 ? -1.4f : 0.0f) << e.id;
  // A breaker inside the match shortens it to 1, below the allowed length.
  Dry broken({.multiplier = 0.8, .base = 1.75, .allowed_length = 2, .breakers = {{1, 2}}}, 6);
  EXPECT_EQ(broken.tokens_since_breaker(history), 1u);
  c.assign(logits);
  broken.apply(c, history);
  for (const Candidate& e : c.all()) EXPECT_EQ(e.logit, 0.0f);
}

TEST(SampleDry, LongRepetitionStaysFinite) {
  const std::vector<int32_t> history(5000, 1);
  Dry dry({.multiplier = 1, .base = 4, .allowed_length = 2, .breakers = {}}, 3);
  Candidates c;
  c.assign(std::vector<float>{0, 10, 0});
  dry.apply(c, history);
  c.softmax();
  EXPECT_EQ(c.size(), 3u);
  for (const Candidate& e : c.all()) {
    EXPECT_TRUE(std::isfinite(e.logit));
    EXPECT_NEAR(e.p, e.id == 1 ? 0.0 : 0.5, 1e-6);
  }
}

}  // namespace
}  // namespace hearth::sample
