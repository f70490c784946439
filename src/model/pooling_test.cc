#include "model/pooling.h"

#include <gtest/gtest.h>

#include "model/reference_test.h"

namespace hearth::model::test {
namespace {

constexpr int kWidth = 64;

std::vector<float> some_states(size_t rows) { return tiny_normals("states", 3, rows * kWidth); }

// weight * x + bias, of a tensor of the file.
Row times(const tensor::Weight& w, const Row& x) {
  Row y(size_t(w.rows));
  const auto* numbers = reinterpret_cast<const float*>(w.data);
  for (size_t r = 0; r < y.size(); ++r) {
    for (size_t i = 0; i < x.size(); ++i) y[r] += double(numbers[r * x.size() + i]) * x[i];
    if (w.bias != nullptr) y[r] += double(w.bias[r]);
  }
  return y;
}

void expect_near(const Row& a, const Row& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12) << i;
}

TEST(Pooling, FirstLastMeanAndAll) {
  const auto open = test::open(TinyOptions{.arch = find_arch("bert")});
  ASSERT_TRUE(open.has_value()) << open.error().message;
  const std::vector<float> states = some_states(3);
  Row mean(kWidth);
  for (size_t i = 0; i < kWidth; ++i)
    mean[i] = (double(states[i]) + double(states[kWidth + i]) + double(states[2 * kWidth + i])) / 3;
  expect_near(pool(*open->model, Pooling::kMean, states), mean);
  expect_near(pool(*open->model, Pooling::kCls, states), {states.begin(), states.begin() + kWidth});
  expect_near(pool(*open->model, Pooling::kLast, states), {states.end() - kWidth, states.end()});
  expect_near(pool(*open->model, Pooling::kNone, states), {states.begin(), states.end()});
}

TEST(Pooling, MatricesBehindIt) {
  const auto open = test::open(TinyOptions{.arch = find_arch("gemma-embedding"),
                                           .optional = {Role::kPooledDense1, Role::kPooledDense2}});
  ASSERT_TRUE(open.has_value()) << open.error().message;
  const Model& model = *open->model;
  const std::vector<float> states = some_states(2);
  const Row last(states.end() - kWidth, states.end());
  const Row expected =
      times(model.weight(Role::kPooledDense2), times(model.weight(Role::kPooledDense1), last));
  expect_near(pool(model, Pooling::kLast, states), expected);
  // For each token too: the mean of these is the mean's.
  const Row each = pool(model, Pooling::kNone, states);
  const Row mean = pool(model, Pooling::kMean, states);
  for (size_t i = 0; i < kWidth; ++i) EXPECT_NEAR((each[i] + each[kWidth + i]) / 2, mean[i], 1e-12);
}

TEST(Pooling, HeadsThatRank) {
  const std::vector<float> states = some_states(3);
  for (const char* arch : {"bert", "modern-bert", "qwen3", "jina-bert-v2"}) {
    const auto open = test::open(TinyOptions{
        .arch = find_arch(arch),
        .biases = true,
        .optional = {Role::kClsDense, Role::kClsNorm, Role::kClsOutput, Role::kOutput}});
    ASSERT_TRUE(open.has_value()) << arch << ": " << open.error().message;
    const Model& model = *open->model;
    ASSERT_TRUE(has_rank_head(model)) << arch;
    Row x(states.begin(), states.begin() + kWidth);
    if (model.params().causal) x.assign(states.end() - kWidth, states.end());
    if (model.params().arch->classify_mean) x = pool(model, Pooling::kMean, states);
    if (model.weight(Role::kClsDense).present()) {
      x = times(model.weight(Role::kClsDense), x);
      for (double& value : x)
        value = model.params().arch->classify_mean
                    ? 0.5 * value *
                          (1 + std::tanh(0.7978845608028654 *
                                         (value + 0.044715 * value * value * value)))
                    : std::tanh(value);
    }
    if (const float* weight = model.vector(Role::kClsNorm); weight != nullptr) {
      double mean = 0;
      double squares = 0;
      for (const double value : x) mean += value / kWidth;
      for (const double value : x) squares += (value - mean) * (value - mean) / kWidth;
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = (x[i] - mean) / std::sqrt(squares + double(model.params().norm_eps)) *
               double(weight[i]);
    }
    if (model.weight(Role::kClsOutput).present()) x = times(model.weight(Role::kClsOutput), x);
    const Row numbers = pool(model, Pooling::kRank, states);
    expect_near(numbers, x);
    EXPECT_EQ(rank_score(model.params(), numbers).value(), numbers[0]) << arch;
  }
  const auto plain = test::open(TinyOptions{.arch = find_arch("bert")});
  EXPECT_FALSE(has_rank_head(*plain->model));
  const auto pooler =
      test::open(TinyOptions{.arch = find_arch("bert"), .optional = {Role::kClsDense}});
  EXPECT_FALSE(has_rank_head(*pooler->model));
}

TEST(Pooling, YesAndNoAreAProbability) {
  HyperParams params;
  params.cls_labels = {"yes", "no"};
  EXPECT_NEAR(rank_score(params, Row{2.0, -1.0}).value(), 1 / (1 + std::exp(-3.0)), 1e-15);
  params.cls_labels = {"no", "yes"};
  EXPECT_NEAR(rank_score(params, Row{2.0, -1.0}).value(), 1 / (1 + std::exp(3.0)), 1e-15);
  EXPECT_EQ(rank_score(params, Row{2000.0, -1000.0}).value(), 0.0);  // no infinity on the way
  params.cls_labels = {"contradiction", "neutral", "entailment"};
  const auto many = rank_score(params, Row{1, 2, 3});
  ASSERT_FALSE(many.has_value());
  EXPECT_EQ(many.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(many.error().message.find("3 classes"), std::string::npos);
}

TEST(Pooling, TheFileSaysWhich) {
  TinyModel tiny = make_tiny_model({.arch = find_arch("bert")}).value();
  EXPECT_EQ(default_pooling(test::open(tiny)->model->params()), Pooling::kMean);
  tiny.set("pooling_type", uint32_t{2});
  tiny.set("normalize_embeddings", false);
  const auto open = test::open(tiny);
  ASSERT_TRUE(open.has_value()) << open.error().message;
  EXPECT_EQ(default_pooling(open->model->params()), Pooling::kCls);
  EXPECT_FALSE(open->model->params().normalize_embeddings);
  tiny.set("pooling_type", uint32_t{5});
  const auto bad = test::open(tiny);
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(bad.error().message.find("bert.pooling_type"), std::string::npos);

  const auto text = test::open(TinyOptions{.arch = find_arch("llama")});
  EXPECT_EQ(default_pooling(text->model->params()), Pooling::kLast);
}

TEST(Pooling, LengthOfOne) {
  Row row = {3, 0, -4};
  normalize(row);
  expect_near(row, {0.6, 0, -0.8});
  Row zero(4);
  normalize(zero);
  EXPECT_EQ(zero, Row(4));
}

}  // namespace
}  // namespace hearth::model::test
