// The mixture-of-experts operation of every usable ISA against the plain formula in double.
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
  const View out = g.add_tensor(n, moe.d);
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
              .n_experts = moe.n_experts,
              .n_used = moe.n_used,
              .renormalize = moe.renormalize,
              .weight_scale = moe.weight_scale,
              .activation = moe.activation});
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
  std::vector<double> out(size_t(moe.d), 0.0);
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

}  // namespace
}  // namespace hearth::backend::cpu::test
