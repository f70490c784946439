// Benchmark of one loaded model: prefill and decode rates at given depths and batches, with what
// they are of the machine's limits, measured beside each row. Called by `hearth bench`; prints
// nothing.
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
  std::vector<int64_t> depths = {0};             // tokens that each context holds before
  std::vector<int64_t> batches = {1};            // of "tg": sequences that generate together
  int repeats = 3;
  bool profile = false;  // fill BenchmarkRow::profile
};

struct BenchmarkRow {
  std::string test;  // "pp" or "tg"
  int64_t n_prompt = 0;
  int64_t n_gen = 0;  // of each sequence
  int64_t depth = 0;  // tokens that each sequence held before
  int64_t batch = 1;  // tokens of one step: of a prompt, or one of each sequence
  int64_t n_sequences = 1;
  std::vector<double> samples = {};  // tokens a second, all sequences together
  double tokens_per_second = 0;      // their median
  // Read from memory: weights as the file stores them and KV cache, both shared by a step's tokens
  // as far as they can be.
  double bytes_per_token = 0;
  double bytes_per_second = 0;  // bytes_per_token * tokens_per_second
  double macs_per_second = 0;   // multiply-adds: matrices and attention
  MachineLimits limits = {};    // measured right before and after this row
  double percent_of_bandwidth = 0;
  double percent_of_peak = 0;  // of the integer peak, or of the float peak for float weights
  backend::Profile profile = {};

  // Tokens that one sample counts.
  [[nodiscard]] int64_t n_tokens() const { return n_prompt + n_gen * n_sequences; }
};

// What the engine must be loaded with for these tests.
struct BenchmarkNeeds {
  int64_t n_ctx = 1;
  int n_sequences = 1;
};
BenchmarkNeeds needs(const BenchmarkOptions& options);

// Called before a row (what is left of it are its names) and after it.
struct BenchmarkObserver {
  std::function<void(const BenchmarkRow&)> begin = {};
  std::function<void(const BenchmarkRow&)> end = {};
};

// REQUIRES: the engine has what needs() says, n_batch and n_outputs of at least as many sequences;
// the probe has as many threads. Rows come in the order depth, then prompts, then batches.
Result<std::vector<BenchmarkRow>> run_benchmark(engine::Engine& engine, MachineProbe& probe,
                                                const BenchmarkOptions& options,
                                                const BenchmarkObserver& observer);

}  // namespace hearth::advise
