#include "model/pooling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hearth::model {
namespace {

using Row = std::vector<double>;

Row state(std::span<const float> states, size_t row, size_t width) {
  const auto values = states.subspan(row * width, width);
  return {values.begin(), values.end()};
}

Row mean(std::span<const float> states, size_t width) {
  const size_t n = states.size() / width;
  Row sum(width);
  for (size_t row = 0; row < n; ++row)
    for (size_t i = 0; i < width; ++i) sum[i] += double(states[row * width + i]);
  for (double& value : sum) value /= double(n);
  return sum;
}

// weight * x (+ bias).
Row times(const tensor::Weight& weight, const Row& x) {
  std::vector<float> numbers(size_t(weight.k));
  Row y(size_t(weight.rows));
  for (int64_t r = 0; r < weight.rows; ++r) {
    weight.type->decode_row(weight.data + size_t(r) * weight.row_bytes(), weight.k, numbers.data());
    double sum = 0;
    for (size_t i = 0; i < numbers.size(); ++i) sum += double(numbers[i]) * x[i];
    sum *= double(weight.matrix_scale(0));
    y[size_t(r)] = weight.bias != nullptr ? sum + double(weight.bias[r]) : sum;
  }
  return y;
}

double gelu_tanh(double x) {
  return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

void layer_norm(Row& x, const float* weight, double eps) {
  double sum = 0;
  double squares = 0;
  for (const double value : x) sum += value;
  const double middle = sum / double(x.size());
  for (const double value : x) squares += (value - middle) * (value - middle);
  const double scale = 1 / std::sqrt(squares / double(x.size()) + eps);
  for (size_t i = 0; i < x.size(); ++i) x[i] = (x[i] - middle) * scale * double(weight[i]);
}

Row rank(const Model& model, std::span<const float> states) {
  const HyperParams& p = model.params();
  const auto width = size_t(p.n_embd);
  const size_t last = states.size() / width - 1;
  Row x = p.arch->classify_mean ? mean(states, width) : state(states, p.causal ? last : 0, width);
  if (const tensor::Weight& dense = model.weight(Role::kClsDense); dense.present()) {
    x = times(dense, x);
    for (double& value : x) value = p.arch->classify_mean ? gelu_tanh(value) : std::tanh(value);
    if (const float* norm = model.vector(Role::kClsNorm); norm != nullptr)
      layer_norm(x, norm, double(p.norm_eps));
  }
  // Some heads are the one matrix.
  const tensor::Weight& output = model.weight(Role::kClsOutput);
  return output.present() ? times(output, x) : x;
}

// EmbeddingGemma's matrices behind the pooling.
Row behind_pooling(const Model& model, Row x) {
  for (const Role role : {Role::kPooledDense1, Role::kPooledDense2})
    if (const tensor::Weight& weight = model.weight(role); weight.present()) x = times(weight, x);
  return x;
}

// The same for every token, so that their mean is that of Pooling::kMean.
Row each_behind_pooling(const Model& model, std::span<const float> states) {
  const auto width = size_t(model.params().n_embd);
  Row all;
  for (size_t row = 0; row < states.size() / width; ++row) {
    const Row one = behind_pooling(model, state(states, row, width));
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

}  // namespace

std::string_view pooling_name(Pooling pooling) {
  constexpr std::string_view kNames[] = {"none", "mean", "cls", "last", "rank"};
  return kNames[size_t(pooling)];
}

Pooling default_pooling(const HyperParams& params) {
  return params.pooling.value_or(params.causal ? Pooling::kLast : Pooling::kMean);
}

bool has_rank_head(const Model& model) {
  // A dense matrix alone is the head where it has one row; else it is a pooler that nothing reads.
  return model.weight(Role::kClsOutput).present() || model.weight(Role::kClsDense).rows == 1;
}

std::vector<double> pool(const Model& model, Pooling pooling, std::span<const float> states) {
  const auto width = size_t(model.params().n_embd);
  HEARTH_CHECK(!states.empty() && states.size() % width == 0);
  switch (pooling) {
    case Pooling::kNone:
      return each_behind_pooling(model, states);
    case Pooling::kMean:
      return behind_pooling(model, mean(states, width));
    case Pooling::kCls:
      return behind_pooling(model, state(states, 0, width));
    case Pooling::kLast:
      return behind_pooling(model, state(states, states.size() / width - 1, width));
    case Pooling::kRank:
      return rank(model, states);
  }
  return {};
}

Result<double> rank_score(const HyperParams& params, std::span<const double> numbers) {
  if (numbers.size() == 1) return numbers[0];
  const auto yes = std::ranges::find(params.cls_labels, "yes");
  if (numbers.size() != 2 || yes == params.cls_labels.end())
    return fail(
        ErrorCode::kUnsupported,
        fmt::format("this model tells {} classes apart and gives no single score", numbers.size()),
        "use a reranker: bge-reranker, jina-reranker, Qwen3-Reranker");
  const auto at = size_t(yes - params.cls_labels.begin());
  return 1 / (1 + std::exp(numbers[1 - at] - numbers[at]));
}

void normalize(std::span<double> vector) {
  double squares = 0;
  for (const double value : vector) squares += value * value;
  if (squares == 0) return;
  const double length = std::sqrt(squares);
  for (double& value : vector) value /= length;
}

}  // namespace hearth::model
