// The FFN operations, dense and of experts, of every usable ISA against the plain formula in
// double.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "backend/cpu/executor_test.h"

namespace hearth::backend::cpu::test {
namespace {

using namespace tensor;

struct Moe {
  int64_t d = 48;
  int64_t f = 40;
  int n_experts = 8;
  int n_used = 3;
  bool renormalize = false;
  float weight_scale = 1;
  Activation activation = Activation::kSilu;
  bool accumulate = false;  // onto the input
  OwnedWeight router, gate, up, down;
};

Moe make_moe(std::string_view type, int64_t d, int64_t f, Random& random, int n_experts = 8) {
  Moe moe;
  moe.n_experts = n_experts;
  moe.d = d;
  moe.f = f;
  moe.router = OwnedWeight("F32", moe.n_experts, d, random);
  moe.gate = OwnedWeight(type, f, d, random, moe.n_experts);
  moe.up = OwnedWeight(type, f, d, random, moe.n_experts);
  moe.down = OwnedWeight(type, d, f, random, moe.n_experts);
  return moe;
}

struct Answer {
  std::vector<float> logits;  // [n, n_experts]
  std::vector<float> out;     // [n, d]
};

Answer run(const Moe& moe, const KernelTable& table, int n_threads,
           const std::vector<float>& hidden) {
  const auto n = int64_t(hidden.size()) / moe.d;
  Graph g;
  g.set_n_tokens(n);
  const View x = g.add_tensor(n, moe.d);
  const View logits = g.add_tensor(n, moe.n_experts);
  const View out = moe.accumulate ? x : g.add_tensor(n, moe.d);
  g.add(HiddenInputOp{.out = x});
  g.add(MoeOp{.in = x,
              .router = &moe.router.w,
              .logits = logits,
              .gate = &moe.gate.w,
              .up = &moe.up.w,
              .down = &moe.down.w,
              .hidden = g.add_tensor(n * moe.n_used, 2 * moe.f),
              .partial = g.add_tensor(n * moe.n_used, moe.d),
              .out = out,
              .routing = {.n_experts = moe.n_experts,
                          .n_used = moe.n_used,
                          .renormalize = moe.renormalize,
                          .weight_scale = moe.weight_scale},
              .activation = moe.activation,
              .accumulate = moe.accumulate});
  g.keep(out);
  g.keep(logits);
  g.plan();
  Runner runner(table, n_threads);
  StepInputs inputs;
  inputs.n_tokens = int(n);
  inputs.hidden = hidden.data();
  runner.run(g, inputs);
  EXPECT_TRUE(runner.scratch_is_whole());
  return {runner.values(g, logits), runner.values(g, out)};
}

// W x, with bias and scale of the expert.
std::vector<double> product(const OwnedWeight& weight, int64_t expert,
                            const std::vector<double>& x) {
  std::vector<double> y;
  for (int64_t r = 0; r < weight.w.rows; ++r) {
    const std::vector<float> row = weight.row(r, expert);
    double sum = 0;
    for (size_t i = 0; i < row.size(); ++i) sum += double(row[i]) * x[i];
    sum *= double(weight.w.matrix_scale(expert));
    if (weight.w.bias != nullptr) sum += double(weight.w.bias[expert * weight.w.rows + r]);
    y.push_back(sum);
  }
  return y;
}

double activate(Activation activation, double x) {
  if (activation == Activation::kSilu) return x / (1 + std::exp(-x));
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

std::vector<double> naive(const Moe& moe, const float* logits, const float* hidden) {
  std::vector<int> order(static_cast<size_t>(moe.n_experts));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int a, int b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  double all = 0;
  for (int e = 0; e < moe.n_experts; ++e) all += std::exp(double(logits[e]));
  double chosen = 0;
  for (int i = 0; i < moe.n_used; ++i) chosen += std::exp(double(logits[order[size_t(i)]])) / all;
  const std::vector<double> x(hidden, hidden + moe.d);
  std::vector<double> out = moe.accumulate ? x : std::vector<double>(x.size(), 0.0);
  for (int i = 0; i < moe.n_used; ++i) {
    const int e = order[size_t(i)];
    const double p = std::exp(double(logits[e])) / all * double(moe.weight_scale) /
                     (moe.renormalize ? chosen : 1.0);
    std::vector<double> h = product(moe.gate, e, x);
    const std::vector<double> u = product(moe.up, e, x);
    for (size_t j = 0; j < h.size(); ++j) h[j] = activate(moe.activation, h[j]) * u[j];
    const std::vector<double> y = product(moe.down, e, h);
    for (size_t j = 0; j < y.size(); ++j) out[j] += p * y[j];
  }
  return out;
}

void expect_matches_naive(const Moe& moe, int64_t n, double tolerance, Random& random) {
  const std::vector<float> hidden = random.normals(size_t(n * moe.d));
  for (const KernelTable& table : all_tables()) {
    const Answer answer = run(moe, table, 2, hidden);
    Nmse nmse;
    for (int64_t t = 0; t < n; ++t) {
      const std::vector<double> expected =
          naive(moe, answer.logits.data() + t * moe.n_experts, hidden.data() + t * moe.d);
      for (int64_t i = 0; i < moe.d; ++i)
        nmse.add(answer.out[size_t(t * moe.d + i)], expected[size_t(i)]);
    }
    EXPECT_LE(nmse.value(), tolerance) << table.name << ", " << n << " tokens";
  }
}

TEST(Moe, MatchesTheFormula) {
  Random random(1);
  Moe moe = make_moe("F32", 48, 40, random);
  // One token leaves five of eight experts without work; many fill them all.
  for (const int64_t n : {1, 2, 7, 40}) expect_matches_naive(moe, n, 1e-10, random);
  moe.renormalize = true;
  expect_matches_naive(moe, 9, 1e-10, random);
  moe.weight_scale = 2.5f;
  moe.activation = Activation::kGeluTanh;
  expect_matches_naive(moe, 9, 1e-10, random);
  moe.n_used = 1;
  expect_matches_naive(moe, 9, 1e-10, random);
  moe.n_used = moe.n_experts;
  expect_matches_naive(moe, 9, 1e-10, random);
  moe.accumulate = true;
  for (const int64_t n : {1, 9}) expect_matches_naive(moe, n, 1e-10, random);
}

TEST(Moe, BiasesAndScalesBelongToTheExpert) {
  Random random(2);
  Moe moe = make_moe("F16", 48, 40, random);
  moe.gate.add_bias(random);
  moe.up.add_bias(random);
  moe.down.add_bias(random);
  moe.up.add_scales(random.normals(size_t(moe.n_experts)));
  moe.down.add_scales({3.0f});
  expect_matches_naive(moe, 11, 1e-10, random);
}

TEST(Moe, BlockTypes) {
  Random random(3);
  for (const std::string_view type : {"Q8_0", "Q4_K", "Q6_K", "MXFP4"}) {
    SCOPED_TRACE(type);
    const Moe moe = make_moe(type, 256, 256, random, 4);
    expect_matches_naive(moe, 3, 5e-4, random);  // the activations are rounded to 8 bits
  }
}

// Equal logits: the lower expert wins, whatever the ISA.
TEST(Moe, TiesGoToTheLowerExpert) {
  Random random(4);
  Moe moe = make_moe("F32", 48, 40, random);
  moe.n_used = 2;
  const size_t row = moe.router.w.row_bytes();
  for (int e = 1; e < moe.n_experts; ++e)
    std::memcpy(moe.router.data.data() + size_t(e) * row, moe.router.data.data(), row);
  const std::vector<float> hidden = random.normals(size_t(5 * moe.d));
  for (const KernelTable& table : all_tables()) {
    const Answer answer = run(moe, table, 2, hidden);
    for (int e = 1; e < moe.n_experts; ++e)
      ASSERT_TRUE(same_bits(answer.logits[size_t(e)], answer.logits[0]));
    Nmse nmse;
    for (int64_t t = 0; t < 5; ++t) {
      const std::vector<double> expected =
          naive(moe, answer.logits.data() + t * 8, hidden.data() + t * moe.d);
      for (int64_t i = 0; i < moe.d; ++i)
        nmse.add(answer.out[size_t(t * moe.d + i)], expected[size_t(i)]);
    }
    EXPECT_LE(nmse.value(), 1e-10) << table.name;
  }
}

TEST(Moe, SameBitsInAnyBatchAndThreadCount) {
  Random random(5);
  for (const std::string_view type : {"Q4_0", "Q6_K", "F16"}) {
    const Moe moe = make_moe(type, 256, 256, random, 4);
    const std::vector<float> hidden = random.normals(size_t(23 * moe.d));
    for (const KernelTable& table : all_tables()) {
      SCOPED_TRACE(std::string(table.name) + " " + std::string(type));
      const std::vector<float> together = run(moe, table, 1, hidden).out;
      for (const int n_threads : {2, 3, 4})
        EXPECT_TRUE(equal_bits(run(moe, table, n_threads, hidden).out, together));
      for (int64_t t = 0; t < 23; t += 5) {
        const std::vector<float> one(hidden.begin() + t * moe.d, hidden.begin() + (t + 1) * moe.d);
        const std::vector<float> expected(together.begin() + t * moe.d,
                                          together.begin() + (t + 1) * moe.d);
        EXPECT_TRUE(equal_bits(run(moe, table, 1, one).out, expected)) << "token " << t;
      }
    }
  }
}

// --- one expert that all tokens choose ---

struct Ffn {
  int64_t d;
  int64_t f;
  bool fused;       // gate and up are one matrix
  bool accumulate;  // onto the input
  OwnedWeight gate, up, down;
  std::vector<float> norm;
};

Ffn make_ffn(std::string_view type, int64_t d, int64_t f, bool fused, Random& random) {
  Ffn ffn{d, f, fused, fused, {}, {}, {}, {}};
  if (!fused) ffn.gate = OwnedWeight(type, f, d, random);
  ffn.up = OwnedWeight(type, fused ? 2 * f : f, d, random);
  ffn.up.add_bias(random);
  ffn.down = OwnedWeight(type, d, f, random);
  ffn.norm = random.normals(size_t(d));
  return ffn;
}

std::vector<float> run(const Ffn& ffn, const KernelTable& table, int n_threads,
                       const std::vector<float>& hidden) {
  const auto n = int64_t(hidden.size()) / ffn.d;
  Graph g;
  g.set_n_tokens(n);
  const View x = g.add_tensor(n, ffn.d);
  const View out = ffn.accumulate ? x : g.add_tensor(n, ffn.d);
  g.add(HiddenInputOp{.out = x});
  const FfnOp op{.in = x,
                 .gate = ffn.fused ? nullptr : &ffn.gate.w,
                 .up = &ffn.up.w,
                 .down = &ffn.down.w,
                 .hidden = g.add_tensor(n, 2 * ffn.f),
                 .out = out,
                 .activation = Activation::kSilu,
                 .norm = {.weight = ffn.norm.data(), .eps = 1e-5f},
                 .accumulate = ffn.accumulate};
  g.add(op);
  // Once more: what the first left behind must not show.
  if (ffn.accumulate) g.add(op);
  g.keep(out);
  g.plan();
  Runner runner(table, n_threads);
  runner.run(g, {.n_tokens = int(n), .hidden = hidden.data(), .sequences = {}, .layers = {}});
  EXPECT_TRUE(runner.scratch_is_whole());
  return runner.values(g, out);
}

std::vector<double> naive(const Ffn& ffn, const std::vector<double>& x) {
  double squares = 0;
  for (const double v : x) squares += v * v;
  std::vector<double> normed;
  for (size_t i = 0; i < x.size(); ++i)
    normed.push_back(x[i] / std::sqrt(squares / double(x.size()) + 1e-5) * double(ffn.norm[i]));
  std::vector<double> up = product(ffn.up, 0, normed);
  std::vector<double> h = ffn.fused ? up : product(ffn.gate, 0, normed);
  h.resize(size_t(ffn.f));
  for (size_t i = 0; i < h.size(); ++i)
    h[i] = activate(Activation::kSilu, h[i]) * up[ffn.fused ? h.size() + i : i];
  std::vector<double> y = product(ffn.down, 0, h);
  for (size_t i = 0; i < y.size() && ffn.accumulate; ++i) y[i] += x[i];
  return y;
}

// Widths that are no multiple of a piece or a superblock, one of which makes up's half of a common
// matrix begin within a panel.
TEST(Ffn, MatchesTheFormulaAndItself) {
  Random random(6);
  struct Case {
    std::string_view type;
    int64_t d, f;
    double tolerance;
  };
  for (const Case c : {Case{"F32", 48, 50, 1e-10},
                       {"F32", 48, 400, 1e-10},
                       {"F16", 64, 272, 1e-10},
                       {"Q8_0", 96, 608, 1e-3},
                       {"Q4_K", 256, 768, 1e-3}})
    for (const bool fused : {false, true}) {
      const Ffn ffn = make_ffn(c.type, c.d, c.f, fused, random);
      const std::vector<float> hidden = random.normals(size_t(21 * c.d));
      for (const KernelTable& table : all_tables()) {
        SCOPED_TRACE(std::string(table.name) + " " + std::string(c.type) + (fused ? " fused" : ""));
        const std::vector<float> whole = run(ffn, table, 1, hidden);
        for (const int n_threads : {2, 3, 5})
          EXPECT_TRUE(equal_bits(run(ffn, table, n_threads, hidden), whole)) << n_threads;
        Nmse nmse;
        for (int64_t t = 0; t < 21; ++t) {
          const std::vector<float> one(hidden.begin() + t * c.d, hidden.begin() + (t + 1) * c.d);
          const std::vector<float> expected_bits(whole.begin() + t * c.d,
                                                 whole.begin() + (t + 1) * c.d);
          if (t % 10 == 0) {
            EXPECT_TRUE(equal_bits(run(ffn, table, 3, one), expected_bits));
          }
          std::vector<double> expected = naive(ffn, {one.begin(), one.end()});
          if (ffn.accumulate) expected = naive(ffn, expected);
          for (int64_t i = 0; i < c.d; ++i)
            nmse.add(whole[size_t(t * c.d + i)], expected[size_t(i)]);
        }
        EXPECT_LE(nmse.value(), c.tolerance);
      }
    }
}

}  // namespace
}  // namespace hearth::backend::cpu::test
