#include "make/perplexity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace hearth::make {
namespace {

double negative_log_probability(std::span<const float> logits, int32_t token) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float z : logits) sum += std::exp(double(z) - double(largest));
  return std::log(sum) + double(largest) - double(logits[size_t(token)]);
}

Result<void> score_window(engine::Engine& engine, std::span<const int32_t> window,
                          PerplexityScore& score) {
  engine.trim(0, 0);
  const size_t first = window.size() / 2;
  std::vector<engine::BatchToken> batch;
  for (size_t at = 0; at + 1 < window.size();) {
    const size_t n =
        at < first ? first - at : std::min<size_t>(kPerplexityRows, window.size() - 1 - at);
    batch.clear();
    for (size_t i = at; i < at + n; ++i)
      batch.push_back({.token = window[i], .wants_logits = i >= first});
    HEARTH_ASSIGN(const std::span<const float> logits, engine.feed(batch));
    const auto n_vocab = size_t(engine.n_vocab());
    for (size_t i = 0; i < logits.size() / n_vocab; ++i)
      score.add(negative_log_probability(logits.subspan(i * n_vocab, n_vocab), window[at + i + 1]));
    at += n;
  }
  ++score.n_windows;
  return {};
}

}  // namespace

double PerplexityScore::perplexity() const { return std::exp(sum / double(n_tokens)); }

double PerplexityScore::error() const {
  if (n_tokens < 2) return 0;
  // That of the mean, by the derivative of exp.
  const double mean = sum / double(n_tokens);
  const double variance =
      std::max(0.0, sum_squares / double(n_tokens) - mean * mean) / double(n_tokens - 1);
  return std::sqrt(variance) * perplexity();
}

Result<PerplexityScore> measure_perplexity(engine::Engine& engine, std::span<const int32_t> ids,
                                           const PerplexityOptions& options,
                                           const PerplexityProgress& progress) {
  if (options.window < 2)
    return fail(ErrorCode::kInvalidArgument, "a window of one token has nothing to predict",
                "use a --ctx of 2 or more");
  const auto width = size_t(options.window);
  auto n_windows = int64_t(ids.size() / width);
  if (n_windows == 0)
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("the text has {} tokens, less than one window of {}", ids.size(), width),
        "give a longer text or a smaller --ctx");
  if (options.windows_max > 0) n_windows = std::min(n_windows, options.windows_max);

  PerplexityScore score;
  std::vector<int32_t> window;
  for (int64_t w = 0; w < n_windows; ++w) {
    const std::span<const int32_t> part = ids.subspan(size_t(w) * width, width);
    window.assign(part.begin(), part.end());
    if (options.first_token >= 0) window[0] = options.first_token;
    HEARTH_TRY(score_window(engine, window, score));
    if (progress) progress(w + 1, n_windows, score);
  }
  return score;
}

}  // namespace hearth::make
