#include "advise/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace hearth::advise {
namespace {

using Clock = std::chrono::steady_clock;

// A stream of token ids that no cache or branch predictor profits from.
class Tokens {
 public:
  explicit Tokens(int64_t n_vocab) : n_vocab_(uint64_t(n_vocab)) {}
  int32_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX
    return int32_t((state_ >> 33) % n_vocab_);
  }

 private:
  uint64_t n_vocab_;
  uint64_t state_ = 1;
};

Result<void> feed(engine::Engine& engine, Tokens& tokens, int64_t n, bool wants_logits) {
  std::vector<engine::BatchToken> batch(static_cast<size_t>(n));
  for (engine::BatchToken& t : batch) t.token = tokens.next();
  if (n > 0) batch.back().wants_logits = wants_logits;
  HEARTH_TRY(engine.feed(batch));
  return {};
}

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const size_t n = samples.size();
  return n % 2 == 1 ? samples[n / 2] : (samples[n / 2 - 1] + samples[n / 2]) / 2;
}

class Benchmark {
 public:
  Benchmark(engine::Engine& engine, const MachineLimits& limits, int repeats)
      : engine_(engine), limits_(limits), repeats_(repeats), tokens_(engine.n_vocab()) {}

  Result<BenchmarkRow> run(BenchmarkRow row) {
    const int64_t n = row.n_prompt + row.n_gen;
    engine_.trim(0, 0);
    HEARTH_TRY(feed(engine_, tokens_, row.depth, false));
    for (int i = -1; i < repeats_; ++i) {
      engine_.trim(0, row.depth);
      // The first round warms caches and clocks; of it a few tokens are enough.
      const int64_t n_now = i < 0 && row.n_gen > 0 ? std::min<int64_t>(n, 4) : n;
      const Clock::time_point begin = Clock::now();
      if (row.n_prompt > 0) {
        HEARTH_TRY(feed(engine_, tokens_, n_now, true));
      } else {
        for (int64_t t = 0; t < n_now; ++t) HEARTH_TRY(feed(engine_, tokens_, 1, true));
      }
      const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      if (i >= 0) row.samples.push_back(double(n_now) / seconds);
    }
    row.tokens_per_second = median(row.samples);
    add_shares(row);
    return row;
  }

 private:
  void add_shares(BenchmarkRow& row) const {
    const model::Model& model = engine_.model();
    const model::HyperParams& p = model.params();
    const int64_t n = row.n_prompt + row.n_gen;
    const double mean_position = double(row.depth) + double(n) / 2;
    double kv_bytes = 0;
    double attention_macs = 0;
    for (int il = 0; il < p.n_layers(); ++il) {
      const model::LayerParams& l = p.layers[size_t(il)];
      const double seen = l.window > 0 ? std::min(mean_position, double(l.window)) : mean_position;
      const double width = p.head_dim_k + p.head_dim_v;
      kv_bytes +=
          seen * l.n_kv_heads * width * double(engine_.kv().layers()[size_t(il)].type->block_bytes);
      attention_macs += seen * l.n_heads * width;
    }
    // A step reads the weights once for all of its tokens.
    row.bytes_per_token =
        double(model.bytes_per_token()) / row.batch + kv_bytes / (row.n_prompt > 0 ? 16 : 1);
    const double macs = double(model.macs_per_token(row.n_gen > 0)) + attention_macs;
    const bool is_float = model.weight(model::Role::kAttnOut, 0).type->is_float;
    const double peak = is_float ? limits_.float_macs_per_second : limits_.int_macs_per_second;
    row.percent_of_bandwidth =
        100 * row.bytes_per_token * row.tokens_per_second / limits_.bytes_per_second;
    row.percent_of_peak = 100 * macs * row.tokens_per_second / peak;
  }

  engine::Engine& engine_;
  const MachineLimits& limits_;
  int repeats_;
  Tokens tokens_;
};

}  // namespace

Result<std::vector<BenchmarkRow>> run_benchmark(engine::Engine& engine, const MachineLimits& limits,
                                                const BenchmarkOptions& options,
                                                const BenchmarkProgress& progress) {
  Benchmark benchmark(engine, limits, options.repeats);
  std::vector<BenchmarkRow> rows;
  const auto add = [&](BenchmarkRow row) -> Result<void> {
    if (progress)
      progress(fmt::format("{}{} at depth {}", row.test, row.n_prompt + row.n_gen, row.depth));
    HEARTH_ASSIGN(row, benchmark.run(std::move(row)));
    rows.push_back(std::move(row));
    return {};
  };
  for (const int64_t depth : options.depths) {
    for (const int64_t n : options.prompt_lengths)
      if (n > 0)
        HEARTH_TRY(add({.test = "pp",
                        .n_prompt = n,
                        .depth = depth,
                        .batch = int(std::min<int64_t>(n, engine.decoder().limits().n_batch))}));
    for (const int64_t n : options.generate_lengths)
      if (n > 0) HEARTH_TRY(add({.test = "tg", .n_gen = n, .depth = depth}));
  }
  return rows;
}

}  // namespace hearth::advise
