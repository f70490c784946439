// What a benchmark row counts, on tiny models. Nothing here asserts a speed.
#include "advise/benchmark.h"

#include <gtest/gtest.h>

#include <map>

#include "engine/tiny_engine_test.h"

namespace hearth::advise {
namespace {

constexpr uint64_t kSmallBuffer = uint64_t{4} << 20;

class BenchmarkTest : public testing::Test {
 protected:
  // Loads a tiny llama with what the tests need, and runs them.
  void run(const BenchmarkOptions& options) {
    const BenchmarkNeeds needed = needs(options);
    engine::EngineOptions load = engine::test::tiny_options();
    load.kv_type = "f16";
    load.n_ctx = needed.n_ctx;
    load.n_sequences = needed.n_sequences;
    load.n_batch = 64;
    const model::TinyOptions tiny{.arch = model::find_arch("llama")};
    engine_ = engine::test::load(tiny, load).value();
    MachineProbe probe(kernels_, {.buffer_bytes = kSmallBuffer, .seconds = 0});
    ASSERT_EQ(probe.buffer_bytes(), kSmallBuffer);
    rows_ = run_benchmark(*engine_, probe, options,
                          {.begin = [&](const BenchmarkRow&) { ++n_begun_; }, .end = {}})
                .value();
  }

  const backend::cpu::KernelTable kernels_ =
      backend::cpu::select_kernels("scalar", detect_cpu_features()).value();
  std::unique_ptr<engine::Engine> engine_;
  std::vector<BenchmarkRow> rows_;
  int n_begun_ = 0;
};

std::map<std::string, int64_t> calls(const BenchmarkRow& row) {
  std::map<std::string, int64_t> calls;
  for (const auto& op : row.profile.rows) calls[op.name] = op.n_calls;
  return calls;
}

TEST_F(BenchmarkTest, EveryCombinationIsARow) {
  run({.prompt_lengths = {7, 100},
       .generate_lengths = {3},
       .depths = {0, 20},
       .batches = {1, 4},
       .repeats = 2});
  ASSERT_EQ(rows_.size(), 8u);
  EXPECT_EQ(n_begun_, 8);
  EXPECT_EQ(rows_[0].test, "pp");
  EXPECT_EQ(rows_[0].n_prompt, 7);
  EXPECT_EQ(rows_[0].batch, 7);
  EXPECT_EQ(rows_[1].batch, 64) << "a step takes no more than n_batch";
  EXPECT_EQ(rows_[7].test, "tg");
  EXPECT_EQ(rows_[7].depth, 20);
  EXPECT_EQ(rows_[7].batch, 4);
  for (const BenchmarkRow& row : rows_) {
    EXPECT_EQ(row.samples.size(), 2u);
    EXPECT_GT(row.tokens_per_second, 0);
    EXPECT_GT(row.limits.bytes_per_second, 0);
    EXPECT_GT(row.limits.int_macs_per_second, 0);
    EXPECT_DOUBLE_EQ(row.bytes_per_second, row.bytes_per_token * row.tokens_per_second);
    // The weights are floats.
    EXPECT_DOUBLE_EQ(row.percent_of_peak,
                     100 * row.macs_per_second / row.limits.float_macs_per_second);
    EXPECT_DOUBLE_EQ(row.percent_of_bandwidth,
                     100 * row.bytes_per_second / row.limits.bytes_per_second);
    EXPECT_TRUE(row.profile.rows.empty());
  }
  // The last row left its contexts behind: four of 20 and 3 tokens.
  for (int s = 0; s < 4; ++s) EXPECT_EQ(engine_->n_positions(s), 23);
}

TEST_F(BenchmarkTest, ABatchIsOneStepForAllSequences) {
  run({.prompt_lengths = {},
       .generate_lengths = {5},
       .depths = {30},
       .batches = {1, 4},
       .repeats = 2,
       .profile = true});
  ASSERT_EQ(rows_.size(), 2u);
  EXPECT_EQ(rows_[0].n_tokens(), 5);
  EXPECT_EQ(rows_[1].n_tokens(), 20);
  // As many operations for four sequences as for one: the weights are read once a step.
  EXPECT_FALSE(calls(rows_[0]).empty());
  EXPECT_EQ(calls(rows_[0]), calls(rows_[1]));
  for (const auto& [name, n_calls] : calls(rows_[0]))
    EXPECT_EQ(n_calls % 10, 0) << name << ": two samples of five steps, no warm-up";
}

TEST_F(BenchmarkTest, BytesAreWeightsOfTheStepAndTheCacheOfEachSequence) {
  run({.prompt_lengths = {50},
       .generate_lengths = {4},
       .depths = {0, 100},
       .batches = {1, 4},
       .repeats = 1});
  ASSERT_EQ(rows_.size(), 6u);
  const model::Model& model = engine_->model();
  // K and V of one position: two layers, two heads of 16 and 16 numbers in two bytes.
  const double position_bytes = 2 * 2 * (16 + 16) * 2;
  const auto weights = [&](int64_t n) { return model.bytes_per_step(n) / double(n); };
  // Four new tokens see 1, 2, 3 and 4 positions: 2.5 on average; 50 of a prompt share one pass.
  EXPECT_NEAR(rows_[0].bytes_per_token, weights(50) + position_bytes * 25.5 / 50, 1e-6);
  EXPECT_NEAR(rows_[1].bytes_per_token, weights(1) + position_bytes * 2.5, 1e-6);
  EXPECT_NEAR(rows_[2].bytes_per_token, weights(4) + position_bytes * 2.5, 1e-6);
  EXPECT_NEAR(rows_[3].bytes_per_token, weights(50) + position_bytes * 125.5 / 50, 1e-6);
  EXPECT_NEAR(rows_[4].bytes_per_token, weights(1) + position_bytes * 102.5, 1e-6);
  EXPECT_NEAR(rows_[5].bytes_per_token, weights(4) + position_bytes * 102.5, 1e-6);
  // Attention multiplies every position with K and with V of 16 numbers, for each of four heads.
  const double macs = double(model.macs_per_token(true)) + 2 * 4 * 102.5 * (16 + 16);
  EXPECT_NEAR(rows_[5].macs_per_second / rows_[5].tokens_per_second, macs, 1e-3);
}

TEST(Benchmark, NeedsRoomForTheLargest) {
  const BenchmarkNeeds all = needs({.prompt_lengths = {512, 32},
                                    .generate_lengths = {64},
                                    .depths = {0, 4096},
                                    .batches = {1, 16, 4}});
  EXPECT_EQ(all.n_ctx, 4096 + 512);
  EXPECT_EQ(all.n_sequences, 16);
  // Prompts are read one at a time.
  const BenchmarkNeeds prompts =
      needs({.prompt_lengths = {512}, .generate_lengths = {0}, .batches = {16}});
  EXPECT_EQ(prompts.n_sequences, 1);
  EXPECT_EQ(needs({.prompt_lengths = {}, .generate_lengths = {}}).n_ctx, 1);
}

TEST(MachineProbe, MeasuresWithOneThreadAndWithTwo) {
  const backend::cpu::KernelTable kernels =
      backend::cpu::select_kernels("", detect_cpu_features()).value();
  for (const int n_threads : {1, 2}) {
    MachineProbe probe(kernels,
                       {.n_threads = n_threads, .buffer_bytes = kSmallBuffer, .seconds = 0});
    EXPECT_GT(probe.measure_bandwidth(1), 0) << "less than a piece";
    EXPECT_GT(probe.measure_bandwidth(kSmallBuffer * 100), 0) << "more than the buffer";
    const MachineLimits limits = probe.measure(kSmallBuffer);
    EXPECT_GT(limits.bytes_per_second, 0);
    EXPECT_GT(limits.int_macs_per_second, 0);
    EXPECT_GT(limits.float_macs_per_second, 0);
  }
}

}  // namespace
}  // namespace hearth::advise
