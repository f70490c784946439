// The attention operation on a cache that it fills itself, against a plain softmax in double:
// windows, softcap, sinks, grouped heads, several sequences, prompts in pieces.
#include <gtest/gtest.h>

#include "backend/cpu/executor_test.h"

namespace hearth::backend::cpu::test {
namespace {

using namespace tensor;

constexpr int kHeads = 6;
constexpr int kKvHeads = 2;
constexpr int kDk = 16;
constexpr int kDv = 20;
constexpr int64_t kQkv = kHeads * kDk + kKvHeads * (kDk + kDv);

struct Case {
  int window = 0;
  float softcap = 0;
  bool sinks = false;
};

// Rows of q | k | v of every position of every sequence.
using Inputs = std::vector<std::vector<float>>;

std::vector<float> naive_attention(const Case& c, const std::vector<float>& rows,
                                   const std::vector<float>& sinks, int position, int head) {
  const auto row = [&](int p) { return rows.data() + p * kQkv; };
  const float* q = row(position) + head * kDk;
  const int kv_head = head / (kHeads / kKvHeads);
  std::vector<double> weights;
  const int first = c.window > 0 ? std::max(0, position - c.window + 1) : 0;
  double sum = c.sinks ? std::exp(double(sinks[size_t(head)])) : 0;
  for (int p = first; p <= position; ++p) {
    const float* k = row(p) + kHeads * kDk + kv_head * kDk;
    double s = 0;
    for (int i = 0; i < kDk; ++i) s += 0.3 * double(q[i]) * double(k[i]);
    if (c.softcap > 0) s = double(c.softcap) * std::tanh(s / double(c.softcap));
    weights.push_back(std::exp(s));
    sum += weights.back();
  }
  std::vector<float> out;
  for (int i = 0; i < kDv; ++i) {
    double y = 0;
    for (int p = first; p <= position; ++p)
      y += weights[size_t(p - first)] / sum *
           double(row(p)[kHeads * kDk + kKvHeads * kDk + kv_head * kDv + i]);
    out.push_back(float(y));
  }
  return out;
}

// How far the quantized types are off: their own loss on normal numbers, and that of int8 queries.
double tolerance(KvType type) {
  return type == KvType::kQ4_0 ? 2e-2 : type == KvType::kQ8_0 ? 2e-4 : 1e-10;
}

void run_case(const KernelTable& table, const Case& c, KvType type, int n_threads,
              const Inputs& inputs) {
  OwnedCache cache({{.type = type, .n_heads = kKvHeads, .dk = kDk, .dv = kDv}}, 6);
  Runner runner(table, n_threads);
  const std::vector<float> sinks = {0, 1, -1, 2, 5, -3};
  const int32_t chunks[3][2] = {{5, 0}, {2, 4}, {1, 3}};
  const KvSequenceView sequences[] = {{chunks[0], 2}, {chunks[1], 2}, {chunks[2], 2}};
  struct Piece {
    int sequence, first, n;
  };
  const std::vector<std::vector<Piece>> steps = {
      {{0, 0, 250}, {1, 0, 3}}, {{1, 3, 1}}, {{0, 250, 20}, {2, 0, 1}}, {{0, 270, 1}}};
  Nmse nmse;
  for (const std::vector<Piece>& step : steps) {
    std::vector<float> hidden;
    std::vector<int32_t> positions, sequence_of;
    for (const Piece& p : step)
      for (int i = p.first; i < p.first + p.n; ++i) {
        const float* row = inputs[size_t(p.sequence)].data() + i * kQkv;
        hidden.insert(hidden.end(), row, row + kQkv);
        positions.push_back(i);
        sequence_of.push_back(p.sequence);
      }
    Graph g;
    const auto n = int64_t(positions.size());
    g.set_n_tokens(n);
    const View x = g.add_tensor(n, kQkv);
    const View out = g.add_tensor(n, kHeads * kDv);
    g.add(HiddenInputOp{.out = x});
    g.add(KvAppendOp{.k = columns(x, kHeads * kDk, kKvHeads * kDk),
                     .v = columns(x, kHeads * kDk + kKvHeads * kDk, kKvHeads * kDv),
                     .layer = 0});
    g.add(AttentionOp{.q = columns(x, 0, kHeads * kDk),
                      .out = out,
                      .layer = 0,
                      .n_heads = kHeads,
                      .dk = kDk,
                      .dv = kDv,
                      .scale = 0.3f,
                      .softcap = c.softcap,
                      .window = c.window,
                      .sinks = c.sinks ? sinks.data() : nullptr});
    g.keep(out);
    g.plan();
    StepInputs in;
    in.n_tokens = int(n);
    in.hidden = hidden.data();
    in.positions = positions.data();
    in.sequence_of = sequence_of.data();
    in.sequences = sequences;
    in.layers = cache.layers;
    runner.run(g, in, 2 * kKvChunk);
    ASSERT_TRUE(runner.scratch_is_whole());
    const std::vector<float> got = runner.values(g, out);
    for (size_t t = 0; t < size_t(n); ++t)
      for (int head = 0; head < kHeads; ++head) {
        const std::vector<float> expected =
            naive_attention(c, inputs[size_t(sequence_of[t])], sinks, positions[t], head);
        for (int i = 0; i < kDv; ++i) {
          const float y = got[(t * kHeads + size_t(head)) * kDv + size_t(i)];
          nmse.add(y, double(expected[size_t(i)]));
          ASSERT_NEAR(y, expected[size_t(i)], type == KvType::kF32 ? 1e-4 : 2)
              << "sequence " << sequence_of[t] << " position " << positions[t] << " head " << head;
        }
      }
  }
  EXPECT_LE(nmse.value(), tolerance(type));
}

TEST(AttentionOp, MatchesThePlainSoftmax) {
  Random random(1);
  Inputs inputs;
  for (const int n : {271, 4, 1}) inputs.push_back(random.normals(size_t(n * kQkv)));
  const Case cases[] = {{},
                        {.window = 1},
                        {.window = 7},
                        {.window = 256},
                        {.softcap = 5},
                        {.sinks = true},
                        {.window = 30, .softcap = 5, .sinks = true}};
  for (const KernelTable& table : all_tables())
    for (const Case& c : cases)
      for (const KvType type : {KvType::kF32, KvType::kQ8_0, KvType::kQ4_0})
        for (const int n_threads :
             {1, 3}) {  // three: single tokens take the schedule that splits chunks
          SCOPED_TRACE(std::string(table.name) + " window " + std::to_string(c.window) +
                       " softcap " + std::to_string(c.softcap) + (c.sinks ? " sinks " : " ") +
                       std::string(info(type).name));
          run_case(table, c, type, n_threads, inputs);
        }
}

}  // namespace
}  // namespace hearth::backend::cpu::test
