// Executor: the operations of Gemma 3n (tensor/altup.h). Each token is one thread's.
#include <algorithm>
#include <cmath>

#include "backend/cpu/executor.h"

namespace hearth::backend::cpu {

using namespace tensor;

namespace {

double length(const float* x, int64_t n) {
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) squares += double(x[i]) * double(x[i]);
  return std::sqrt(squares);
}

}  // namespace

void Executor::run(const MatchLengthOp& op, int thread) {
  const int64_t d = op.in.width / op.n_heads;
  const Range r = share(rows(op.in), thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t) {
    const double wanted = length(data(op.like, t), d);
    for (int head = 0; head < op.n_heads; ++head) {
      const float* x = data(op.in, t) + head * d;
      float* out = data(op.out, t) + head * d;
      const double own = length(x, d);
      const auto factor = float(own > 0 ? wanted / own : 0);
      for (int64_t i = 0; i < d; ++i) out[i] = x[i] * factor;
    }
  }
}

void Executor::run(const PredictStreamsOp& op, int thread) {
  const int64_t d = op.in.width / op.n_streams;
  const Range r = share(rows(op.in), thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t)
    for (int j = 0; j < op.n_streams; ++j) {
      const float* in = data(op.in, t);
      float* out = data(op.out, t) + j * d;
      std::copy_n(in + j * d, d, out);
      for (int i = 0; i < op.n_streams; ++i)
        k_.add_scaled(out, in + i * d, data(op.coefficients, t)[j * op.n_streams + i], out, d);
    }
}

// The stream that was computed on comes last: the others need it as it was.
void Executor::run(const CorrectStreamsOp& op, int thread) {
  const int64_t d = op.computed.width;
  const Range r = share(rows(op.x), thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t) {
    float* x = data(op.x, t);
    const float* computed = data(op.computed, t);
    for (int j = op.n_streams; j-- > 0;) {
      const float factor = 1 + data(op.coefficients, t)[j];
      for (int64_t i = 0; i < d; ++i) x[j * d + i] += factor * (computed[i] - x[i]);
    }
  }
}

void Executor::run(const KeepLargestOp& op, int thread) {
  const int64_t n = op.x.width;
  const Range r = share(rows(op.x), thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t) {
    float* x = data(op.x, t);
    double mean = 0;
    for (int64_t i = 0; i < n; ++i) mean += double(x[i]);
    mean /= double(n);
    double squares = 0;
    for (int64_t i = 0; i < n; ++i) squares += (double(x[i]) - mean) * (double(x[i]) - mean);
    const double deviation = n > 1 ? std::sqrt(squares / double(n - 1)) : 0;
    const auto least = float(mean + double(op.factor) * deviation);
    for (int64_t i = 0; i < n; ++i) x[i] = std::max(0.0f, x[i] - least);
  }
}

void Executor::run(const ScaleByOp& op, int thread) {
  const Range r = share(rows(op.in), thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t)
    for (int64_t i = 0; i < op.in.width; ++i) data(op.out, t)[i] = data(op.in, t)[i] * op.weight[i];
}

}  // namespace hearth::backend::cpu
