// Benchmark of one loaded model: prefill and decode rates at given depths, with what they are of
// the machine's limits. Called by `hearth bench`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "advise/machine_probe.h"
#include "base/result.h"
#include "engine/engine.h"

namespace hearth::advise {

struct BenchmarkOptions {
  std::vector<int64_t> prompt_lengths = {512};   // "pp" tests; 0 is left out
  std::vector<int64_t> generate_lengths = {64};  // "tg" tests; 0 is left out
  std::vector<int64_t> depths = {0};             // tokens that the context holds before
  int repeats = 3;
};

struct BenchmarkRow {
  std::string test;  // "pp" or "tg"
  int64_t n_prompt = 0;
  int64_t n_gen = 0;
  int64_t depth = 0;
  int batch = 1;                     // tokens of one step
  std::vector<double> samples = {};  // tokens a second
  double tokens_per_second = 0;      // their median
  double bytes_per_token = 0;  // read from memory: weights (shared by a step's tokens), KV cache
  double percent_of_bandwidth = 0;
  double percent_of_peak =
      0;  // multiply-adds against the integer peak, or the float peak for float weights
};

// Called before each row with its name, for progress.
using BenchmarkProgress = std::function<void(const std::string& what)>;

// REQUIRES: the engine's context holds the largest depth plus the longest test.
Result<std::vector<BenchmarkRow>> run_benchmark(engine::Engine& engine, const MachineLimits& limits,
                                                const BenchmarkOptions& options,
                                                const BenchmarkProgress& progress);

}  // namespace hearth::advise
