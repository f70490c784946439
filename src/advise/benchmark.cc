#include "advise/benchmark.h"

#include <algorithm>
#include <chrono>

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

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const size_t n = samples.size();
  return n % 2 == 1 ? samples[n / 2] : (samples[n / 2 - 1] + samples[n / 2]) / 2;
}

backend::Profile difference(backend::Profile after, const backend::Profile& before) {
  for (backend::Profile::Row& row : after.rows)
    for (const backend::Profile::Row& old : before.rows) {
      if (old.name != row.name) continue;
      row.seconds -= old.seconds;
      row.n_calls -= old.n_calls;
    }
  std::erase_if(after.rows, [](const auto& row) { return row.n_calls == 0; });
  std::sort(after.rows.begin(), after.rows.end(),
            [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return after;
}

MachineLimits better(const MachineLimits& a, const MachineLimits& b) {
  return {.bytes_per_second = std::max(a.bytes_per_second, b.bytes_per_second),
          .int_macs_per_second = std::max(a.int_macs_per_second, b.int_macs_per_second),
          .float_macs_per_second = std::max(a.float_macs_per_second, b.float_macs_per_second)};
}

class Benchmark {
 public:
  Benchmark(engine::Engine& engine, MachineProbe& probe, const BenchmarkOptions& options)
      : engine_(engine), probe_(probe), options_(options), tokens_(engine.n_vocab()) {}

  Result<BenchmarkRow> run(BenchmarkRow row) {
    HEARTH_TRY(hold(row.n_sequences, row.depth));
    const double macs_per_token = count(row);
    row.limits = measure(row);
    // The first round warms caches and clocks; of a decode a few steps are enough.
    HEARTH_TRY(sample(row, std::min<int64_t>(row.n_gen, 4)));
    backend::Backend& backend = engine_.backend();
    backend.set_profiling(options_.profile);
    const backend::Profile before = backend.profile();
    for (int i = 0; i < options_.repeats; ++i) {
      HEARTH_TRY(hold(row.n_sequences, row.depth));
      HEARTH_ASSIGN(const double seconds, sample(row, row.n_gen));
      row.samples.push_back(double(row.n_tokens()) / seconds);
    }
    if (options_.profile) row.profile = difference(backend.profile(), before);
    backend.set_profiling(false);
    row.limits = better(row.limits, measure(row));
    row.tokens_per_second = median(row.samples);
    add_shares(row, macs_per_token);
    return row;
  }

 private:
  // The first n sequences hold `depth` tokens each, the others none.
  Result<void> hold(int64_t n, int64_t depth) {
    for (int s = 0; s < int(engine_.kv().sequences().size()); ++s) {
      if (s >= n)
        engine_.trim(s, 0);
      else if (engine_.n_positions(s) < depth || engine_.trim(s, depth) < depth)
        HEARTH_TRY(engine_.make_up_context(s, depth));
    }
    return {};
  }

  // Seconds of reading the row's prompt, or of n_steps steps of one token for each sequence.
  Result<double> sample(const BenchmarkRow& row, int64_t n_steps) {
    const Clock::time_point begin = Clock::now();
    if (row.n_prompt > 0) {
      batch_.resize(size_t(row.n_prompt));
      for (engine::BatchToken& t : batch_) t = {.token = tokens_.next()};
      batch_.back().wants_logits = true;
      HEARTH_TRY(engine_.feed(batch_));
    }
    for (int64_t step = 0; step < n_steps; ++step) {
      batch_.clear();
      for (int s = 0; s < int(row.n_sequences); ++s)
        batch_.push_back({.token = tokens_.next(), .sequence = s, .wants_logits = true});
      HEARTH_TRY(engine_.feed(batch_));
    }
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

  // Fills in bytes_per_token; returns the multiply-adds of one token.
  double count(BenchmarkRow& row) const {
    const model::Model& model = engine_.model();
    const model::HyperParams& p = model.params();
    // Positions that a token sees, on average over the test.
    const double position = double(row.depth) + double(row.n_prompt + row.n_gen + 1) / 2;
    const auto bytes_of = [&](int il) {
      return double(engine_.kv().layers()[size_t(il)].chunk_bytes()) / tensor::kKvChunk;
    };
    double cache_bytes = 0;
    double attention_macs = 0;
    for (int il = 0; il < p.n_layers(); ++il) {
      const model::LayerParams& l = p.layers[size_t(il)];
      // States are read and written.
      cache_bytes += 2 * sizeof(float) * double(l.conv_state + l.matrix_state);
      if (l.mixer != model::Mixer::kAttention) continue;
      double seen = l.window > 0 ? std::min(position, double(l.window)) : position;
      if (l.selects != model::Selects::kAll) seen = std::min(seen, double(p.indexer.top_k));
      cache_bytes += seen * bytes_of(il);
      attention_macs += seen * l.n_heads * double(l.head_dim_k + l.head_dim_v);
      if (l.selects != model::Selects::kOwn) continue;
      cache_bytes += position * bytes_of(p.n_layers() + il);
      attention_macs += position * p.indexer.n_heads * p.indexer.width;
    }
    // A step reads the weights once for all of its tokens, and each sequence's cache once for all
    // tokens of that sequence.
    const double sequence_tokens = double(row.batch) / double(row.n_sequences);
    row.bytes_per_token =
        model.bytes_per_step(row.batch) / double(row.batch) + cache_bytes / sequence_tokens;
    // Of a prompt only the last token meets the output head.
    return double(model.macs_per_token(row.n_gen > 0)) + attention_macs;
  }

  // What a step can have of the machine: the bandwidth of reading, again and again, as much as is
  // read before the same bytes come again. Of a mixture of experts that is the whole model: one
  // token's experts are not the next one's.
  MachineLimits measure(const BenchmarkRow& row) {
    const double step_bytes = row.bytes_per_token * double(row.batch);
    const model::Model& model = engine_.model();
    const int64_t n_experts = model.params().n_experts;
    const double all_bytes = n_experts > 0 ? model.bytes_per_step(64 * n_experts) : 0;
    return probe_.measure(uint64_t(std::max(step_bytes, all_bytes)));
  }

  // Whether most of its products are of floats.
  [[nodiscard]] bool computes_in_floats() const {
    const model::Model& model = engine_.model();
    int64_t macs[2] = {};
    for (int il = 0; il < model.params().n_layers(); ++il)
      for (int role = 0; role < model::kRoleCount; ++role)
        if (const tensor::Weight& w = model.weight(model::Role(role), il); w.present())
          if (w.rows > 1) macs[w.type->is_float ? 1 : 0] += w.rows * w.k;
    return macs[1] > macs[0];
  }

  void add_shares(BenchmarkRow& row, double macs_per_token) const {
    const double peak =
        computes_in_floats() ? row.limits.float_macs_per_second : row.limits.int_macs_per_second;
    const double bandwidth = row.limits.bytes_per_second;
    row.bytes_per_second = row.bytes_per_token * row.tokens_per_second;
    row.macs_per_second = macs_per_token * row.tokens_per_second;
    row.percent_of_bandwidth = bandwidth > 0 ? 100 * row.bytes_per_second / bandwidth : 0;
    row.percent_of_peak = peak > 0 ? 100 * row.macs_per_second / peak : 0;
  }

  engine::Engine& engine_;
  MachineProbe& probe_;
  const BenchmarkOptions& options_;
  Tokens tokens_;
  std::vector<engine::BatchToken> batch_;
};

int64_t largest(const std::vector<int64_t>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

}  // namespace

BenchmarkNeeds needs(const BenchmarkOptions& options) {
  const int64_t test = std::max(largest(options.prompt_lengths), largest(options.generate_lengths));
  const bool generates = largest(options.generate_lengths) > 0;
  return {.n_ctx = std::max<int64_t>(1, largest(options.depths) + test),
          .n_sequences = generates ? int(std::max<int64_t>(1, largest(options.batches))) : 1};
}

Result<std::vector<BenchmarkRow>> run_benchmark(engine::Engine& engine, MachineProbe& probe,
                                                const BenchmarkOptions& options,
                                                const BenchmarkObserver& observer) {
  std::vector<BenchmarkRow> wanted;
  const int64_t n_batch = engine.decoder().limits().n_batch;
  for (const int64_t depth : options.depths) {
    for (const int64_t n : options.prompt_lengths)
      if (n > 0)
        wanted.push_back(
            {.test = "pp", .n_prompt = n, .depth = depth, .batch = std::min(n, n_batch)});
    for (const int64_t n : options.generate_lengths)
      for (const int64_t batch : options.batches)
        if (n > 0 && batch > 0)
          wanted.push_back(
              {.test = "tg", .n_gen = n, .depth = depth, .batch = batch, .n_sequences = batch});
  }
  Benchmark benchmark(engine, probe, options);
  std::vector<BenchmarkRow> rows;
  for (BenchmarkRow& row : wanted) {
    if (observer.begin) observer.begin(row);
    HEARTH_ASSIGN(row, benchmark.run(std::move(row)));
    if (observer.end) observer.end(row);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace hearth::advise
