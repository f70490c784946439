// Sparse attention: the positions that an indexer chooses, and attention over them, against plain
// double arithmetic. And many query heads on one KV head, which fill more than one tile.
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "backend/cpu/executor_test.h"
#include "base/f16.h"

namespace hearth::backend::cpu::test {
namespace {

using namespace tensor;

constexpr int kHeads = 71;  // no number of equal parts
constexpr int kDk = 16;
constexpr int kDv = 20;
constexpr int kIndexHeads = 5;
constexpr int kIndexWidth = 12;
constexpr int kTopK = 270;  // more than a chunk
constexpr int kQ = 0, kK = kHeads * kDk, kV = kK + kDk, kIndexQ = kV + kDv;
constexpr int kIndexK = kIndexQ + kIndexHeads * kIndexWidth, kWeights = kIndexK + kIndexWidth;
constexpr int kWidth = kWeights + kIndexHeads;

// Numbers that every type of cache holds exactly.
std::vector<float> exact_rows(Random& random, int n) {
  std::vector<float> rows = random.normals(size_t(n * kWidth));
  for (float& x : rows) x = bf16_to_f32(f32_to_bf16(x));
  return rows;
}

double product(const float* a, const float* b, int n) {
  return std::inner_product(a, a + n, b, 0.0,
                            std::plus<>(), [](float x, float y) { return double(x) * double(y); });
}

// The positions that the token at `position` sees.
std::vector<int> naive_choice(const std::vector<float>& rows, int position) {
  const auto row = [&](int p) { return rows.data() + size_t(p) * kWidth; };
  std::vector<int> order(size_t(position + 1));
  std::iota(order.begin(), order.end(), 0);
  if (position < kTopK) return order;
  std::vector<double> scores;
  for (const int p : order) {
    double score = 0;
    for (int h = 0; h < kIndexHeads; ++h)
      score += double(row(position)[kWeights + h]) *
               std::max(0.0, product(row(position) + kIndexQ + h * kIndexWidth, row(p) + kIndexK,
                                     kIndexWidth));
    scores.push_back(score);
  }
  std::partial_sort(order.begin(), order.begin() + kTopK, order.end(),
                    [&](int a, int b) { return scores[size_t(a)] > scores[size_t(b)]; });
  order.resize(kTopK);
  std::ranges::sort(order);
  return order;
}

std::vector<double> naive_attention(const std::vector<float>& rows, int position, int head,
                                    const std::vector<int>& seen) {
  const auto row = [&](int p) { return rows.data() + size_t(p) * kWidth; };
  std::vector<double> out(kDv);
  double sum = 0;
  for (const int p : seen) {
    const double w = std::exp(0.3 * product(row(position) + head * kDk, row(p) + kK, kDk));
    sum += w;
    for (int i = 0; i < kDv; ++i) out[size_t(i)] += w * double(row(p)[kV + i]);
  }
  for (double& x : out) x /= sum;
  return out;
}

struct Answers {
  std::vector<float> selected;  // [n, kTopK]
  std::vector<float> out;       // [n, kHeads * kDv]
};

// Positions [first, first + n) of one sequence, whose earlier ones the cache holds.
Answers step(Runner& runner, OwnedCache& cache, const std::vector<float>& rows, int first, int n,
             bool sparse) {
  Graph g;
  g.set_n_tokens(n);
  const View x = g.add_tensor(n, kWidth);
  const View selected = g.add_tensor(n, kTopK);
  const View out = g.add_tensor(n, kHeads * kDv);
  g.add(HiddenInputOp{.out = x});
  g.add(KvAppendOp{.k = columns(x, kK, kDk), .v = columns(x, kV, kDv), .layer = 0});
  g.add(KvAppendOp{.k = columns(x, kIndexK, kIndexWidth), .v = {}, .layer = 1});
  if (sparse)
    g.add(SelectPositionsOp{columns(x, kIndexQ, kIndexHeads * kIndexWidth),
                            columns(x, kWeights, kIndexHeads), selected, 1, kIndexHeads});
  AttentionOp attention{};
  attention.q = columns(x, kQ, kHeads * kDk);
  attention.out = out;
  attention.n_heads = kHeads;
  attention.dk = kDk;
  attention.dv = kDv;
  attention.scale = 0.3f;
  if (sparse) attention.selected = selected;
  g.add(attention);
  if (sparse) g.keep(selected);
  g.keep(out);
  g.plan();
  std::vector<int32_t> positions(size_t(n), 0);
  std::iota(positions.begin(), positions.end(), first);
  const std::vector<int32_t> sequence_of(size_t(n), 0);
  const int32_t chunks[] = {2, 0, 1};
  const KvSequenceView sequence{chunks, 3};
  StepInputs in;
  in.n_tokens = n;
  in.hidden = rows.data() + size_t(first) * kWidth;
  in.positions = positions.data();
  in.sequence_of = sequence_of.data();
  in.sequences = {&sequence, 1};
  in.layers = cache.layers;
  runner.run(g, in, 3 * kKvChunk);
  EXPECT_TRUE(runner.scratch_is_whole());
  return {sparse ? runner.values(g, selected) : std::vector<float>(), runner.values(g, out)};
}

void check(const KernelTable& table, KvType type, int n_threads, bool sparse,
           const std::vector<float>& rows) {
  OwnedCache cache({{.type = type, .n_heads = 1, .dk = kDk, .dv = kDv},
                    {.type = type, .n_heads = 1, .dk = kIndexWidth, .dv = 0}},
                   3);
  Runner runner(table, n_threads);
  Nmse nmse;
  for (const auto& [first, n] : {std::pair{0, 268}, {268, 5}, {273, 1}, {274, 2}, {276, 300}}) {
    const Answers got = step(runner, cache, rows, first, n, sparse);
    for (int t = 0; t < n; ++t) {
      const int position = first + t;
      if (t % 37 != 0 && position > 280) continue;  // the double arithmetic is slow
      std::vector<int> seen(size_t(position + 1));
      std::iota(seen.begin(), seen.end(), 0);
      if (sparse) seen = naive_choice(rows, position);
      const bool chosen = sparse && position >= kTopK;
      for (int i = 0; chosen && i < kTopK; ++i)
        ASSERT_EQ(got.selected[size_t(t * kTopK + i)], float(seen[size_t(i)]))
            << "position " << position << ", choice " << i;
      for (const int head : {0, 35, 36, 63, 64, 70}) {
        const std::vector<double> expected = naive_attention(rows, position, head, seen);
        for (int i = 0; i < kDv; ++i)
          nmse.add(got.out[size_t((t * kHeads + head) * kDv + i)], expected[size_t(i)]);
      }
    }
  }
  EXPECT_LE(nmse.value(), 1e-11);
}

TEST(SelectPositions, ChoosesAndAttendsAsDoubleArithmetic) {
  Random random(1);
  const std::vector<float> rows = exact_rows(random, 576);
  for (const KernelTable& table : all_tables())
    for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16})
      for (const int n_threads : {1, 3}) {
        SCOPED_TRACE(std::string(table.name) + " " + std::string(info(type).name) + ", " +
                     std::to_string(n_threads) + " threads");
        check(table, type, n_threads, true, rows);
      }
}

TEST(SelectPositions, ManyHeadsOnOneKvHead) {
  Random random(2);
  const std::vector<float> rows = exact_rows(random, 576);
  for (const KernelTable& table : all_tables())
    for (const int n_threads : {1, 3}) check(table, KvType::kF16, n_threads, false, rows);
}

// Among equal scores, a larger one is chosen, and what is no number is not.
TEST(SelectPositions, TiesAndNotANumber) {
  std::vector<float> rows(size_t(300 * kWidth), 0.5f);
  for (int i = 0; i < kIndexWidth; ++i) rows[size_t(3 * kWidth + kIndexK + i)] = NAN;
  for (int i = 0; i < kIndexWidth; ++i) rows[size_t(299 * kWidth + kIndexK + i)] = 1;
  OwnedCache cache({{.type = KvType::kF32, .n_heads = 1, .dk = kDk, .dv = kDv},
                    {.type = KvType::kF32, .n_heads = 1, .dk = kIndexWidth, .dv = 0}},
                   3);
  for (const KernelTable& table : all_tables()) {
    Runner runner(table, 1);
    step(runner, cache, rows, 0, 299, true);
    const std::vector<float> got = step(runner, cache, rows, 299, 1, true).selected;
    ASSERT_EQ(got.size(), size_t(kTopK));
    for (size_t i = 1; i < got.size(); ++i) EXPECT_LT(got[i - 1], got[i]) << table.name;
    EXPECT_EQ(got.back(), 299) << table.name;
    EXPECT_EQ(std::ranges::count(got, 3.0f), 0) << table.name;
  }
}

}  // namespace
}  // namespace hearth::backend::cpu::test
