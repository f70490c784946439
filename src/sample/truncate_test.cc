// Every stage against its brute-force reference on random logits, and hand-made cases for their
// edges.
#include "sample/truncate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "sample/reference_test.h"
#include "sample/temperature.h"

namespace hearth::sample {
namespace {

void expect_same(Candidates& got, const reference::Items& expected, const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  got.softmax();
  got.sort_prefix(got.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(got.all()[i].id, expected[i].id) << what << " place " << i;
    ASSERT_NEAR(got.all()[i].p, expected[i].p, 1e-6 + 1e-5 * expected[i].p)
        << what << " place " << i;
  }
}

using Mine = std::function<void(Candidates&)>;
using Theirs = std::function<void(reference::Items&)>;

// 60 random cases of very different sizes and sharpness.
void compare(const std::string& what, const std::function<std::pair<Mine, Theirs>(Rng&)>& make) {
  Rng rng(42);
  constexpr size_t kSizes[] = {1, 2, 3, 17, 300, 5000};
  for (int round = 0; round < 60; ++round) {
    const size_t n = kSizes[size_t(round) % std::size(kSizes)];
    const auto logits = reference::random_logits(rng, n, 1 + 12 * rng.uniform());
    const auto [mine, theirs] = make(rng);
    Candidates c;
    c.assign(logits);
    mine(c);
    auto items = reference::from_logits(logits);
    theirs(items);
    expect_same(c, items, what + " round " + std::to_string(round));
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(SampleStages, Softmax) {
  compare("softmax", [](Rng&) { return std::pair<Mine, Theirs>([](auto&) {}, [](auto&) {}); });
}

TEST(SampleStages, TopK) {
  compare("top_k", [](Rng& rng) {
    const int k = 1 + int(rng.uniform() * 200);
    return std::pair<Mine, Theirs>([=](auto& c) { top_k(c, k); },
                                   [=](auto& i) { reference::top_k(i, k); });
  });
}

TEST(SampleStages, TopP) {
  compare("top_p", [](Rng& rng) {
    const double p = rng.uniform();
    const size_t keep = size_t(rng.uniform() * 8);
    return std::pair<Mine, Theirs>([=](auto& c) { top_p(c, p, keep); },
                                   [=](auto& i) { reference::top_p(i, p, keep); });
  });
}

TEST(SampleStages, MinP) {
  compare("min_p", [](Rng& rng) {
    const double p = rng.uniform() * 0.3;
    const size_t keep = size_t(rng.uniform() * 8);
    return std::pair<Mine, Theirs>([=](auto& c) { min_p(c, p, keep); },
                                   [=](auto& i) { reference::min_p(i, p, keep); });
  });
}

TEST(SampleStages, TypicalP) {
  compare("typical_p", [](Rng& rng) {
    const double p = rng.uniform();
    const size_t keep = size_t(rng.uniform() * 8);
    return std::pair<Mine, Theirs>([=](auto& c) { typical_p(c, p, keep); },
                                   [=](auto& i) { reference::typical_p(i, p, keep); });
  });
}

TEST(SampleStages, TopNSigma) {
  compare("top_n_sigma", [](Rng& rng) {
    const double n = 0.1 + 3 * rng.uniform();
    return std::pair<Mine, Theirs>([=](auto& c) { top_n_sigma(c, n); },
                                   [=](auto& i) { reference::top_n_sigma(i, n); });
  });
}

TEST(SampleStages, Xtc) {
  compare("xtc", [](Rng& rng) {
    const double threshold = rng.uniform() * 0.3;
    const size_t keep = size_t(rng.uniform() * 4);
    return std::pair<Mine, Theirs>(
        [=](auto& c) {
          Rng always(1);
          xtc(c, {.probability = 1.0, .threshold = threshold}, keep, always);
        },
        [=](auto& i) { reference::xtc(i, threshold, keep); });
  });
}

TEST(SampleStages, Temperature) {
  compare("temperature", [](Rng& rng) {
    const double t = 0.1 + 3 * rng.uniform();
    return std::pair<Mine, Theirs>([=](auto& c) { temperature(c, t); },
                                   [=](auto& i) { reference::temperature(i, t); });
  });
}

TEST(SampleStages, DynamicTemperature) {
  compare("dynamic_temperature", [](Rng& rng) {
    const double t = 0.5 + rng.uniform();
    const double range = 0.1 + 0.3 * rng.uniform();
    const double exponent = 0.5 + rng.uniform();
    return std::pair<Mine, Theirs>(
        [=](auto& c) { dynamic_temperature(c, {.t = t, .range = range, .exponent = exponent}); },
        [=](auto& i) {
          if (i.size() > 1) reference::dynamic_temperature(i, t, range, exponent);
        });
  });
}

TEST(SampleStages, ThreeInARow) {
  compare("top_p, min_p, typical_p", [](Rng& rng) {
    const double p = 0.5 + rng.uniform() / 2;
    return std::pair<Mine, Theirs>(
        [=](auto& c) {
          top_p(c, p, 0);
          min_p(c, 0.02, 0);
          typical_p(c, 0.9, 0);
        },
        [=](auto& i) {
          reference::top_p(i, p, 0);
          reference::min_p(i, 0.02, 0);
          reference::typical_p(i, 0.9, 0);
        });
  });
}

Candidates of(const std::vector<float>& logits) {
  Candidates c;
  c.assign(logits);
  return c;
}

std::vector<int32_t> ids(const Candidates& c) {
  std::vector<int32_t> out;
  for (const Candidate& e : c.all()) out.push_back(e.id);
  return out;
}

TEST(SampleStages, TiesGoToTheLowestId) {
  auto c = of({1, 3, 3, 3, 2});
  top_k(c, 2);
  EXPECT_EQ(ids(c), (std::vector<int32_t>{1, 2}));
  c = of({1, 3, 3, 3, 2});
  temperature(c, 0);
  EXPECT_EQ(ids(c), (std::vector<int32_t>{1}));
}

TEST(SampleStages, UnusableLogitsAreLeftOut) {
  auto c = of({NAN, -INFINITY, 0, INFINITY});
  EXPECT_EQ(ids(c), (std::vector<int32_t>{2, 3}));
  c.softmax();
  EXPECT_FLOAT_EQ(c.all()[1].p, 1.0f);
}

TEST(SampleStages, XtcKeepsTheLeastOfTheTopChoices) {
  auto c = of({0.0f, 4.0f, 3.9f, 3.8f});
  Rng rng(1);
  xtc(c, {.probability = 1, .threshold = 0.1}, 0, rng);
  EXPECT_EQ(ids(c), (std::vector<int32_t>{0, 3}));
}

TEST(SampleStages, XtcActsAsOftenAsItsProbability) {
  Rng rng(5);
  int acted = 0;
  constexpr int kN = 20000;
  for (int i = 0; i < kN; ++i) {
    auto c = of({1.0f, 1.1f, 0.0f});
    xtc(c, {.probability = 0.3, .threshold = 0.1}, 0, rng);
    acted += c.size() < 3;
  }
  EXPECT_NEAR(double(acted) / kN, 0.3, 0.015);  // sigma 0.0032
}

TEST(SampleStages, ExtremeTemperaturesStayFinite) {
  auto c = of({-3e38f, 3e38f, 1.0f});
  temperature(c, 1e-6);
  c.softmax();
  EXPECT_FLOAT_EQ(c.all()[1].p, 1.0f);
  c = of({1.0f, 2.0f});
  temperature(c, 1e6);
  c.softmax();
  EXPECT_NEAR(c.all()[0].p, 0.5, 1e-5);
}

TEST(SampleStages, TopPWithPlateauAcrossSortBlocks) {
  // 5000 equal tokens: the nucleus of 0.5 is the 2500 lowest ids, whatever the order of selection.
  auto c = of(std::vector<float>(5000, 1.0f));
  top_p(c, 0.49999, 0);
  ASSERT_NEAR(double(c.size()), 2500, 1);
  for (size_t i = 0; i < c.size(); ++i) ASSERT_EQ(c.all()[i].id, int32_t(i));
}

}  // namespace
}  // namespace hearth::sample
