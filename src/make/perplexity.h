// Perplexity: how well a model predicts a text; the measure of what a quantization costs. Called by
// `hearth perplexity` and by the golden tests.
//
// As the field measures it: the text is cut into windows of equal length, each begins with BOS in
// place of its first token (where the model adds one), and the tokens of its second half are
// scored, so that each has at least half a window before it. Perplexity = exp(mean of -ln
// p(token)).
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/result.h"
#include "engine/engine.h"

namespace hearth::make {

struct PerplexityScore {
  double sum = 0;  // of -ln p
  double sum_squares = 0;
  int64_t n_tokens = 0;
  int64_t n_windows = 0;

  void add(double nll) {
    sum += nll;
    sum_squares += nll * nll;
    ++n_tokens;
  }
  [[nodiscard]] double perplexity() const;
  // Standard error of the perplexity.
  [[nodiscard]] double error() const;
};

struct PerplexityOptions {
  int64_t window = 512;      // tokens; no more than the engine's context
  int64_t windows_max = 0;   // 0: all that the text fills
  int32_t first_token = -1;  // replaces the first of each window; -1: nothing does
};

// Logit rows that the scoring asks for at once: what EngineOptions::n_outputs must allow.
inline constexpr int kPerplexityRows = 64;

// Called after each window.
using PerplexityProgress =
    std::function<void(int64_t done, int64_t total, const PerplexityScore& so_far)>;

// Uses sequence 0 of the engine, which is empty or trimmed here. Errors: kInvalidArgument (less
// text than one window, a window of under 2 tokens), those of Engine::feed.
Result<PerplexityScore> measure_perplexity(engine::Engine& engine, std::span<const int32_t> ids,
                                           const PerplexityOptions& options,
                                           const PerplexityProgress& progress = {});

}  // namespace hearth::make
