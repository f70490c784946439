// Operations on heads, gates, bounds and streams against double arithmetic, on every instruction
// set and with one, two and three threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "backend/cpu/executor_test.h"

namespace hearth::backend::cpu::test {
namespace {

using namespace tensor;
using Row = std::vector<double>;

constexpr int64_t kTokens = 5;

// A graph whose first tensor is its input [kTokens, width] and whose result is compared, row by
// row, with `expected(row)`. More inputs are columns of the same rows.
struct Case {
  int64_t width;
  std::function<View(Graph&, View)> build;
  std::function<Row(const Row&)> expected;
  double tolerance = 1e-5;
};

void check(const char* what, const Case& c) {
  Random random(11);
  const std::vector<float> hidden = random.normals(size_t(kTokens * c.width));
  Graph g;
  g.set_n_tokens(kTokens);
  const View in = g.add_tensor(kTokens, c.width);
  g.add(HiddenInputOp{in});
  const View out = c.build(g, in);
  g.keep(out);
  g.plan();
  StepInputs inputs;
  inputs.n_tokens = int(kTokens);
  inputs.hidden = hidden.data();
  for (const KernelTable& table : all_tables())
    for (const int n_threads : {1, 2, 3}) {
      Runner runner(table, n_threads);
      runner.run(g, inputs);
      EXPECT_TRUE(runner.scratch_is_whole()) << what;
      const std::vector<float> values = runner.values(g, out);
      for (int64_t t = 0; t < kTokens; ++t) {
        const Row row(hidden.begin() + t * c.width, hidden.begin() + (t + 1) * c.width);
        const Row expected = c.expected(row);
        ASSERT_EQ(int64_t(expected.size()), out.width) << what;
        for (size_t i = 0; i < expected.size(); ++i)
          ASSERT_NEAR(values[size_t(t) * expected.size() + i], expected[i], c.tolerance)
              << what << ", " << table.name << ", " << n_threads << " threads, value " << i;
      }
    }
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Three heads of 20 values lie 24 apart; each has a matrix of its own.
TEST(Heads, EachMeetsItsMatrix) {
  Random random(3);
  for (const char* type : {"F32", "Q8_0"}) {
    const bool exact = type[0] == 'F';
    const int64_t k = exact ? 20 : 32;
    const int64_t step = k + 4;
    const OwnedWeight w(type, 18, k, random, 3);
    check(type, {3 * step,
                 [&](Graph& g, View in) {
                   const View out = g.add_tensor(kTokens, 3 * 18);
                   g.add(HeadMatMulOp{in, step, &w.w, out, 18});
                   return out;
                 },
                 [&](const Row& x) {
                   Row y;
                   for (int64_t head = 0; head < 3; ++head)
                     for (int64_t r = 0; r < 18; ++r) {
                       const std::vector<float> row = w.row(r, head);
                       double sum = 0;
                       for (int64_t i = 0; i < k; ++i)
                         sum += double(row[size_t(i)]) * x[size_t(head * step + i)];
                       y.push_back(sum);
                     }
                   return y;
                 },
                 exact ? 1e-5 : 0.05});  // activations are rounded to 8 bits
  }
}

TEST(Heads, AreCopiedWithAnyStep) {
  check("copy", {12,
                 [](Graph& g, View in) {
                   const View out = g.add_tensor(kTokens, 3 * 5);
                   g.add(NormOp{columns(in, 0, 5), columns(out, 0, 5), {}});
                   g.add(CopyHeadsOp{columns(in, 4, 8), 3, out, 5, 2, 3});
                   g.add(CopyHeadsOp{in, 0, columns(out, 2, 13), 5, 3, 3});
                   return out;
                 },
                 [](const Row& x) {
                   Row y;
                   for (size_t head = 0; head < 3; ++head)
                     for (const double value : {x[4 + 3 * head], x[5 + 3 * head], x[0], x[1], x[2]})
                       y.push_back(value);
                   return y;
                 }});
}

TEST(Heads, NormsHaveWeightsOfTheirOwn) {
  Random random(5);
  const std::vector<float> weights = random.normals(3 * 8);
  check("norm", {24,
                 [&](Graph& g, View in) {
                   Norm norm{.weight = weights.data(), .eps = 1e-5f};
                   norm.head_step = 8;
                   g.add(NormOp{.in = in, .out = in, .norm = norm, .scale = 0.5f, .n_heads = 3});
                   return in;
                 },
                 [&](const Row& x) {
                   Row y;
                   for (size_t head = 0; head < 3; ++head) {
                     double squares = 0;
                     for (size_t i = 0; i < 8; ++i) squares += x[8 * head + i] * x[8 * head + i];
                     for (size_t i = 0; i < 8; ++i)
                       y.push_back(0.5 * x[8 * head + i] / std::sqrt(squares / 8 + 1e-5) *
                                   double(weights[8 * head + i]));
                   }
                   return y;
                 }});
}

// The gates of two heads of 6: one for each value behind 3 others, or one for each head.
TEST(Gates, OfValuesAndOfHeads) {
  check("by value", {12 + 18,
                     [](Graph& g, View in) {
                       const View x = columns(in, 0, 12);
                       g.add(GateOp{.in = x,
                                    .gate = columns(in, 12 + 3, 15),
                                    .out = x,
                                    .activation = Activation::kSigmoid,
                                    .n_heads = 2,
                                    .gate_step = 9});
                       return in;
                     },
                     [](const Row& x) {
                       Row y = x;
                       for (size_t i = 0; i < 12; ++i)
                         y[i] = x[i] * sigmoid(x[15 + 9 * (i / 6) + i % 6]);
                       return y;
                     }});
  check("by head, added", {12 + 2,
                           [](Graph& g, View in) {
                             const View out = g.add_tensor(kTokens, 12);
                             g.add(NormOp{columns(in, 0, 12), out, {}});
                             g.add(GateOp{.in = columns(in, 0, 12),
                                          .gate = columns(in, 12, 2),
                                          .out = out,
                                          .activation = Activation::kSoftplus,
                                          .accumulate = true,
                                          .n_heads = 2});
                             return out;
                           },
                           [](const Row& x) {
                             Row y;
                             for (size_t i = 0; i < 12; ++i)
                               y.push_back(x[i] * (1 + std::log1p(std::exp(x[12 + i / 6]))));
                             return y;
                           }});
}

TEST(Bounds, Clamp) {
  check("clamp", {9,
                  [](Graph& g, View in) {
                    g.add(ClampOp{in, 0.7f});
                    return in;
                  },
                  [](Row x) {
                    for (double& value : x) value = std::clamp(value, -0.7, 0.7);
                    return x;
                  }});
}

TEST(Streams, LengthsAreMatched) {
  check("match", {4 + 3 * 4,
                  [](Graph& g, View in) {
                    const View others = columns(in, 4, 12);
                    g.add(MatchLengthOp{others, columns(in, 0, 4), others, 3});
                    return in;
                  },
                  [](Row x) {
                    const auto length = [&](size_t at) {
                      double squares = 0;
                      for (size_t i = 0; i < 4; ++i) squares += x[at + i] * x[at + i];
                      return std::sqrt(squares);
                    };
                    for (const size_t at : {4u, 8u, 12u}) {
                      const double factor = length(0) / length(at);
                      for (size_t i = 0; i < 4; ++i) x[at + i] *= factor;
                    }
                    return x;
                  }});
}

TEST(Streams, ArePredictedAndCorrected) {
  // Two streams of 3, four coefficients.
  check("predict", {6 + 4,
                    [](Graph& g, View in) {
                      const View out = g.add_tensor(kTokens, 6);
                      g.add(PredictStreamsOp{columns(in, 0, 6), columns(in, 6, 4), out, 2});
                      return out;
                    },
                    [](const Row& x) {
                      Row y;
                      for (size_t j = 0; j < 2; ++j)
                        for (size_t i = 0; i < 3; ++i)
                          y.push_back(x[3 * j + i] + x[6 + 2 * j] * x[i] + x[7 + 2 * j] * x[3 + i]);
                      return y;
                    }});
  check("correct",
        {6 + 3 + 2,
         [](Graph& g, View in) {
           g.add(CorrectStreamsOp{columns(in, 0, 6), columns(in, 6, 3), columns(in, 9, 2), 2});
           return in;
         },
         [](const Row& x) {
           Row y = x;
           for (size_t j = 0; j < 2; ++j)
             for (size_t i = 0; i < 3; ++i) y[3 * j + i] += (1 + x[9 + j]) * (x[6 + i] - x[i]);
           return y;
         }});
}

TEST(Streams, OnlyTheLargestAreKept) {
  const std::vector<float> weights = {2, -1, 0.5f, 3, 1, 1, -2};
  check("largest", {7,
                    [&](Graph& g, View in) {
                      g.add(KeepLargestOp{in, 0.5f});
                      const View out = g.add_tensor(kTokens, 7);
                      g.add(ScaleByOp{in, out, weights.data()});
                      return out;
                    },
                    [&](Row x) {
                      double mean = 0;
                      for (const double value : x) mean += value / 7;
                      double squares = 0;
                      for (const double value : x) squares += (value - mean) * (value - mean);
                      const double least = mean + 0.5 * std::sqrt(squares / 6);
                      for (size_t i = 0; i < 7; ++i)
                        x[i] = std::max(0.0, x[i] - least) * double(weights[i]);
                      return x;
                    }});
}

}  // namespace
}  // namespace hearth::backend::cpu::test
