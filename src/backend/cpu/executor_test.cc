// Whole graphs through make_cpu_backend: the same bits whatever the batch, the split of the prompt
// and the thread count; operations against double; the layout of the cache.
#include "backend/cpu/executor_test.h"

#include <gtest/gtest.h>

namespace hearth::backend::cpu::test {
namespace {

using namespace tensor;

// --- a model of two layers, small enough to run hundreds of times ---

constexpr int64_t kWidth = 128;
constexpr int64_t kHidden = 256;
constexpr int kHeads = 4;
constexpr int kKvHeads = 2;
constexpr int kDk = 32;
constexpr int kDv = 24;
constexpr int64_t kVocab = 50;

struct TinyLayer {
  OwnedWeight q, k, v, o, gate, up, down;
};

struct TinyModel {
  OwnedWeight embed, head;
  std::vector<float> norm;
  std::vector<float> sinks;
  std::vector<double> inv_freq;
  TinyLayer layers[2];

  explicit TinyModel(Random& random)
      : embed("F16", kVocab, kWidth, random),
        head("Q8_0", kVocab, kWidth, random),
        norm(size_t(kWidth), 1.5f),
        sinks{0.5f, -1, 2, 0} {
    for (int i = 0; i < kDk / 2; ++i) inv_freq.push_back(std::pow(10000.0, -2.0 * i / kDk));
    layers[0] = make_layer({"Q4_0", "Q8_0", "Q5_1", "Q6_K"}, random);
    layers[1] = make_layer({"F16", "BF16", "F32", "Q4_K"}, random);
    layers[0].q.add_bias(random);
    layers[1].down.add_bias(random);
    layers[1].up.add_scales({0.7f});
  }
  static TinyLayer make_layer(std::array<std::string_view, 4> types, Random& random) {
    return {.q = {types[0], kHeads * kDk, kWidth, random},
            .k = {types[1], kKvHeads * kDk, kWidth, random},
            .v = {types[2], kKvHeads * kDv, kWidth, random},
            .o = {types[0], kWidth, kHeads * kDv + 32, random},  // 128: what block types need
            .gate = {types[1], kHidden, kWidth, random},
            .up = {types[2], kHidden, kWidth, random},
            .down = {types[3], kWidth, kHidden, random}};
  }
};

void add_layer(Graph& g, const TinyModel& model, int number, View x, View table) {
  const int64_t n = g.n_tokens();
  const TinyLayer& layer = model.layers[number];
  const View qkv =
      g.add_tensor(n, kHeads * kDk + kKvHeads * (kDk + kDv));  // fused: three columns of one tensor
  const View q = columns(qkv, 0, kHeads * kDk);
  const View k = columns(qkv, kHeads * kDk, kKvHeads * kDk);
  const View v = columns(qkv, kHeads * kDk + kKvHeads * kDk, kKvHeads * kDv);
  const View attended = g.add_tensor(n, kHeads * kDv + 32);
  const View hidden = g.add_tensor(n, 2 * kHidden);
  const Norm norm{.weight = model.norm.data(), .eps = 1e-5f, .layer_norm = number == 1};
  g.add(MatMulOp{.in = x,
                 .n_weights = 3,
                 .weights = {&layer.q.w, &layer.k.w, &layer.v.w},
                 .out = {q, k, v},
                 .norm = norm});
  g.add(KvAppendOp{.k = k,
                   .v = v,
                   .layer = number,
                   .q = q,
                   .q_norm = number == 0 ? Norm{} : norm,
                   .k_norm = number == 0 ? Norm{} : norm,
                   .table = table,
                   .n_pairs = kDk / 2,
                   .pairing = number == 0 ? RopePairing::kNeox : RopePairing::kNorm});
  // The last 32 columns fill up to a whole block: anything finite.
  g.add(NormOp{.in = columns(x, 0, 32), .out = columns(attended, kHeads * kDv, 32), .norm = norm});
  g.add(AttentionOp{.q = q,
                    .out = columns(attended, 0, kHeads * kDv),
                    .layer = number,
                    .n_heads = kHeads,
                    .dk = kDk,
                    .dv = kDv,
                    .scale = 0.177f,
                    .softcap = number == 0 ? 0.0f : 30.0f,
                    .window = number == 0 ? 0 : 100,
                    .sinks = number == 0 ? nullptr : model.sinks.data()});
  g.add(MatMulOp{
      .in = attended, .n_weights = 1, .weights = {&layer.o.w}, .out = {x}, .accumulate = true});
  FfnOp ffn{.in = x,
            .gate = &layer.gate.w,
            .up = &layer.up.w,
            .down = &layer.down.w,
            .hidden = hidden,
            .out = x,
            .activation = number == 0 ? Activation::kSilu : Activation::kGeluTanh,
            .norm = norm,
            .accumulate = number == 0};
  if (number == 1) ffn.out = g.add_tensor(n, kWidth);
  g.add(ffn);
  // A norm behind the branch.
  if (number == 1) g.add(NormOp{.in = ffn.out, .out = x, .norm = norm, .accumulate = true});
}

View build(Graph& g, const TinyModel& model, int n_tokens, int n_outputs) {
  g.set_n_tokens(n_tokens);
  const View x = g.add_tensor(n_tokens, kWidth);
  const View table = g.add_tensor(n_tokens, kDk);
  const View chosen = g.add_tensor(n_outputs, kWidth);
  const View logits = g.add_tensor(n_outputs, kVocab);
  g.add(EmbedOp{.weight = &model.embed.w, .scale = 11.3f, .out = x});
  g.add(RopeTableOp{
      .inv_freq = model.inv_freq.data(), .n_pairs = kDk / 2, .mscale = 1.0f, .out = table});
  for (int i = 0; i < 2; ++i) add_layer(g, model, i, x, table);
  g.add(SelectRowsOp{.in = x, .out = chosen});
  g.add(MatMulOp{.in = chosen, .n_weights = 1, .weights = {&model.head.w}, .out = {logits}});
  g.add(SoftcapOp{.x = logits, .cap = 20, .scale = 3});
  g.keep(logits);
  g.plan();
  return logits;
}

// Some tokens of one sequence, computed in one step.
struct Piece {
  int sequence;
  int first;
  int n;
};
using Step = std::vector<Piece>;

constexpr int kLengths[] = {3, 40, 280};  // the last crosses a chunk
constexpr int kChunksPerSequence = 2;

// Runs the steps on a fresh cache; the logits of every token of every sequence.
class Conversation {
 public:
  Conversation(const TinyModel& model, const KernelTable& table, int n_threads, KvType kv_type,
               const CpuThreads& threads = {})
      : model_(model),
        runner_(table, n_threads, threads),
        cache_({{.type = kv_type, .n_heads = kKvHeads, .dk = kDk, .dv = kDv},
                {.type = kv_type, .n_heads = kKvHeads, .dk = kDk, .dv = kDv}},
               6) {
    for (const int n : kLengths) logits_.emplace_back(size_t(n) * kVocab, NAN);
  }

  void run(const Step& step) {
    std::vector<int32_t> tokens, positions, sequence_of, rows;
    for (const Piece& p : step)
      for (int i = 0; i < p.n; ++i) {
        tokens.push_back((7 * p.sequence + 3 * (p.first + i) * (p.first + i)) % int(kVocab));
        positions.push_back(p.first + i);
        sequence_of.push_back(p.sequence);
        rows.push_back(int32_t(rows.size()));
      }
    const KvSequenceView sequences[] = {{chunks_[0], 2}, {chunks_[1], 2}, {chunks_[2], 2}};
    const StepInputs inputs{.n_tokens = int(tokens.size()),
                            .tokens = tokens.data(),
                            .positions = positions.data(),
                            .sequence_of = sequence_of.data(),
                            .sequences = sequences,
                            .layers = cache_.layers,
                            .output_rows = rows.data(),
                            .n_outputs = int(rows.size())};
    Graph graph;
    const View view = build(graph, model_, inputs.n_tokens, inputs.n_outputs);
    runner_.run(graph, inputs, kChunksPerSequence * kKvChunk);
    ASSERT_TRUE(runner_.scratch_is_whole());
    const std::vector<float> out = runner_.values(graph, view);
    const float* from = out.data();
    for (const Piece& p : step) {
      std::copy_n(from, size_t(p.n) * kVocab,
                  logits_[size_t(p.sequence)].begin() + p.first * kVocab);
      from += p.n * kVocab;
    }
  }
  const std::vector<std::vector<float>>& run_all(const std::vector<Step>& steps) {
    for (const Step& step : steps) run(step);
    return logits_;
  }

 private:
  const TinyModel& model_;
  Runner runner_;
  OwnedCache cache_;
  const int32_t chunks_[3][kChunksPerSequence] = {{4, 1}, {0, 3}, {5, 2}};
  std::vector<std::vector<float>> logits_;
};

std::vector<Step> alone_and_whole() { return {{{0, 0, 3}}, {{1, 0, 40}}, {{2, 0, 280}}}; }
std::vector<Step> alone_token_by_token() {
  std::vector<Step> steps = {
      {{2, 0, 230}}};  // its beginning at once: single tokens are slow, and the chunk's end is near
  for (int s = 0; s < 3; ++s)
    for (int i = s == 2 ? 230 : 0; i < kLengths[s]; ++i) steps.push_back({{s, i, 1}});
  return steps;
}
std::vector<Step> mixed() {
  return {{{2, 0, 100}, {0, 0, 1}},
          {{1, 0, 17}, {2, 100, 1}, {0, 1, 1}},
          {{2, 101, 150}},
          {{0, 2, 1}, {2, 251, 5}, {1, 17, 1}},
          {{1, 18, 22}, {2, 256, 1}},
          {{2, 257, 23}}};
}

class Executors : public ::testing::TestWithParam<std::string_view> {
 protected:
  static KernelTable table() { return select_kernels(GetParam(), detect_cpu_features()).value(); }
};
INSTANTIATE_TEST_SUITE_P(Isas, Executors, ::testing::ValuesIn(usable_isas(detect_cpu_features())),
                         [](const auto& isa) { return std::string(isa.param); });

void expect_same(const std::vector<std::vector<float>>& a,
                 const std::vector<std::vector<float>>& b) {
  for (size_t s = 0; s < a.size(); ++s)
    for (size_t i = 0; i < a[s].size(); ++i)
      ASSERT_TRUE(same_bits(a[s][i], b[s][i])) << "sequence " << s << " position " << i / kVocab
                                               << ": " << a[s][i] << " and " << b[s][i];
}

TEST_P(Executors, SameBitsInAnyBatchAndSplit) {
  Random random(1);
  const TinyModel model(random);
  for (const KvTypeInfo& kv : kKvTypes) {
    SCOPED_TRACE(kv.name);
    const KvType type = kv.type;
    if (GetParam() == "scalar" && type != KvType::kF16) continue;  // slow
    Conversation whole(model, table(), 1, type);
    const std::vector<std::vector<float>>& expected = whole.run_all(alone_and_whole());
    for (const std::vector<float>& logits : expected)
      for (const float x : logits) ASSERT_TRUE(std::isfinite(x));
    expect_same(Conversation(model, table(), 1, type).run_all(mixed()), expected);
    expect_same(Conversation(model, table(), 1, type).run_all(alone_token_by_token()), expected);
    if (type != KvType::kF16 && type != KvType::kQ4_0) continue;
    for (const int n_threads : {2, 3, 4}) {
      SCOPED_TRACE(std::to_string(n_threads) + " threads");
      expect_same(Conversation(model, table(), n_threads, type).run_all(mixed()), expected);
    }
    // Other parts of the team for small steps and for large ones.
    expect_same(
        Conversation(model, table(), 4, type, {.few_tokens = 2, .many_tokens = 3}).run_all(mixed()),
        expected);
    // One token and several threads: the schedule that splits the chunks of a row.
    expect_same(Conversation(model, table(), 3, type).run_all(alone_token_by_token()), expected);
  }
}

TEST_P(Executors, AgreesWithScalar) {
  Random random(2);
  const TinyModel model(random);
  const KernelTable scalar = select_kernels("scalar", detect_cpu_features()).value();
  for (const KvType type : {KvType::kF16, KvType::kQ8_0}) {
    SCOPED_TRACE(info(type).name);
    Conversation reference(model, scalar, 1, type);
    Conversation other(model, table(), 2, type);
    const auto& expected = reference.run_all(alone_and_whole());
    const auto& got = other.run_all(alone_and_whole());
    Nmse nmse;
    for (size_t s = 0; s < expected.size(); ++s)
      for (size_t i = 0; i < expected[s].size(); ++i) nmse.add(got[s][i], double(expected[s][i]));
    // Not float rounding alone: a rounding may tip a code of the int8 activations.
    EXPECT_LT(nmse.value(), 1e-4);
  }
}

// y = W x * scale + bias, in double on float types; one weight of each kind in one operation.
TEST_P(Executors, MatMulWithBiasAndScale) {
  Random random(3);
  OwnedWeight plain("F32", 19, 40, random);
  OwnedWeight biased("F16", 33, 40, random);
  OwnedWeight scaled("BF16", 7, 40, random);
  biased.add_bias(random);
  scaled.add_bias(random);
  scaled.add_scales({-1.5f});
  std::vector<float> hidden = random.normals(5 * 40);
  // Some ISAs round them to bfloat16 where the weights are: let that lose nothing.
  for (float& value : hidden) value = bf16_to_f32(f32_to_bf16(value));
  for (const int n_threads : {1, 3}) {
    Graph g;
    g.set_n_tokens(5);
    const View x = g.add_tensor(5, 40);
    const View y[] = {g.add_tensor(5, 19), g.add_tensor(5, 33), g.add_tensor(5, 7)};
    g.add(HiddenInputOp{.out = x});
    g.add(MatMulOp{.in = x,
                   .n_weights = 3,
                   .weights = {&plain.w, &biased.w, &scaled.w},
                   .out = {y[0], y[1], y[2]}});
    for (const View& v : y) g.keep(v);
    g.plan();
    Runner runner(table(), n_threads);
    runner.run(g, {.n_tokens = 5, .hidden = hidden.data(), .sequences = {}, .layers = {}});
    EXPECT_TRUE(runner.scratch_is_whole());
    const OwnedWeight* weights[] = {&plain, &biased, &scaled};
    for (int i = 0; i < 3; ++i) {
      const std::vector<float> got = runner.values(g, y[i]);
      const Weight& w = weights[i]->w;
      for (int64_t t = 0; t < 5; ++t)
        for (int64_t r = 0; r < w.rows; ++r) {
          double expected = 0;
          const std::vector<float> row = weights[i]->row(r);
          for (int64_t k = 0; k < 40; ++k)
            expected += double(row[size_t(k)]) * double(hidden[size_t(t * 40 + k)]);
          if (w.scale != nullptr) expected *= double(w.scale[0]);
          if (w.bias != nullptr) expected += double(w.bias[r]);
          ASSERT_NEAR(got[size_t(t * w.rows + r)], expected, 2e-6)
              << "weight " << i << " row " << r;
        }
    }
  }
}

// out += W norm(x), and out = norm(x), for one row (which each thread makes for itself) and more.
TEST_P(Executors, NormsBeforeAndSumsBehindTheProduct) {
  Random random(9);
  constexpr int64_t kIn = 70, kOut = 95;
  const OwnedWeight plain("F32", kOut, kIn, random);
  const std::vector<float> weight = random.normals(kIn);
  const std::vector<float> bias = random.normals(kIn);
  const Norm norms[] = {{.weight = weight.data(), .eps = 1e-5f},
                        {.weight = weight.data(), .bias = bias.data(), .layer_norm = true}};
  for (const int64_t n : {1, 6})
    for (const int n_threads : {1, 3})
      for (const Norm& norm : norms) {
        const std::vector<float> hidden = random.normals(size_t(n * (kIn + kOut)));
        Graph g;
        g.set_n_tokens(n);
        const View x = g.add_tensor(n, kIn + kOut);
        const View normed = g.add_tensor(n, kIn);
        g.add(HiddenInputOp{.out = x});
        g.add(NormOp{.in = columns(x, 0, kIn), .out = normed, .norm = norm});
        g.add(MatMulOp{.in = columns(x, 0, kIn),
                       .n_weights = 1,
                       .weights = {&plain.w},
                       .out = {columns(x, kIn, kOut)},
                       .norm = norm,
                       .accumulate = true});
        g.add(NormOp{.in = columns(x, 0, kIn), .out = normed, .norm = norm, .accumulate = true});
        g.keep(x);
        g.keep(normed);
        g.plan();
        Runner runner(table(), n_threads);
        runner.run(g, {.n_tokens = int(n), .hidden = hidden.data(), .sequences = {}, .layers = {}});
        EXPECT_TRUE(runner.scratch_is_whole());
        const std::vector<float> got = runner.values(g, columns(x, kIn, kOut));
        const std::vector<float> twice = runner.values(g, normed);
        for (int64_t t = 0; t < n; ++t) {
          const float* from = hidden.data() + t * (kIn + kOut);
          double mean = 0, squares = 0;
          for (int64_t i = 0; i < kIn; ++i) mean += double(from[i]) / kIn;
          if (!norm.layer_norm) mean = 0;
          for (int64_t i = 0; i < kIn; ++i) squares += std::pow(double(from[i]) - mean, 2);
          std::vector<double> y;
          for (int64_t i = 0; i < kIn; ++i) {
            y.push_back((double(from[i]) - mean) / std::sqrt(squares / kIn + double(norm.eps)) *
                            double(weight[size_t(i)]) +
                        (norm.layer_norm ? double(bias[size_t(i)]) : 0.0));
            ASSERT_NEAR(twice[size_t(t * kIn + i)], 2 * y.back(), 1e-5);
          }
          for (int64_t r = 0; r < kOut; ++r) {
            double expected = from[kIn + r];
            for (int64_t i = 0; i < kIn; ++i)
              expected += y[size_t(i)] * double(plain.row(r)[size_t(i)]);
            ASSERT_NEAR(got[size_t(t * kOut + r)], expected, 1e-5);
          }
        }
      }
}

// Ids, positions that bring their own embedding, and both mixed.
TEST_P(Executors, EmbeddingsOfTokensAndOfPictures) {
  Random random(4);
  const OwnedWeight embed("Q4_0", 10, 64, random);
  const std::vector<float> pictures = random.normals(3 * 64);
  const int32_t tokens[] = {7, -1, 0};
  Graph g;
  g.set_n_tokens(3);
  const View x = g.add_tensor(3, 64);
  g.add(EmbedOp{.weight = &embed.w, .scale = 2.5f, .out = x});
  g.keep(x);
  g.plan();
  Runner runner(table(), 2);
  runner.run(g, {.n_tokens = 3,
                 .tokens = tokens,
                 .embeddings = pictures.data(),
                 .sequences = {},
                 .layers = {}});
  const std::vector<float> got = runner.values(g, x);
  for (size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(got[i], 2.5f * embed.row(7)[i]);
    EXPECT_EQ(got[64 + i], pictures[64 + i]);
    EXPECT_EQ(got[128 + i], 2.5f * embed.row(0)[i]);
  }
}

// Rope turns q and k by position * frequency, and leaves what lies behind the pairs.
TEST_P(Executors, RopeTurnsByPosition) {
  Random random(5);
  const std::vector<double> inv_freq = {1.0, 0.01, 0.0001};
  const int32_t positions[] = {0, 5, 100000};
  const int32_t sequence_of[] = {0, 0, 0};
  const std::vector<int32_t> chunks(100000 / kKvChunk + 1, 0);
  const KvSequenceView sequences[] = {{chunks.data(), int(chunks.size())}};
  OwnedCache cache({{.type = KvType::kF32, .n_heads = 1, .dk = 8, .dv = 8}}, 1);
  const std::vector<float> hidden = random.normals(3 * 24);  // q: two heads of 8; k: one
  for (const RopePairing pairing : {RopePairing::kNorm, RopePairing::kNeox}) {
    Graph g;
    g.set_n_tokens(3);
    const View x = g.add_tensor(3, 24);
    const View table_view = g.add_tensor(3, 6);
    g.add(HiddenInputOp{.out = x});
    g.add(
        RopeTableOp{.inv_freq = inv_freq.data(), .n_pairs = 3, .mscale = 1.25f, .out = table_view});
    g.add(KvAppendOp{.k = columns(x, 16, 8),
                     .v = columns(x, 16, 8),
                     .layer = 0,
                     .q = columns(x, 0, 16),
                     .table = table_view,
                     .n_pairs = 3,
                     .pairing = pairing});
    g.keep(x);
    g.plan();
    Runner runner(table(), 2);
    runner.run(g, {.n_tokens = 3,
                   .hidden = hidden.data(),
                   .positions = positions,
                   .sequence_of = sequence_of,
                   .sequences = sequences,
                   .layers = cache.layers});
    const std::vector<float> got = runner.values(g, x);
    for (size_t head = 0; head < 9; ++head) {
      const double position = positions[head / 3];
      for (size_t i = 0; i < 3; ++i) {
        const size_t a = head * 8 + (pairing == RopePairing::kNorm ? 2 * i : i);
        const size_t b = head * 8 + (pairing == RopePairing::kNorm ? 2 * i + 1 : i + 3);
        const double c = 1.25 * std::cos(position * inv_freq[i]);
        const double s = 1.25 * std::sin(position * inv_freq[i]);
        EXPECT_NEAR(got[a], double(hidden[a]) * c - double(hidden[b]) * s, 1e-6);
        EXPECT_NEAR(got[b], double(hidden[a]) * s + double(hidden[b]) * c, 1e-6);
      }
      for (size_t i = 6; i < 8; ++i) EXPECT_EQ(got[head * 8 + i], hidden[head * 8 + i]);
    }
  }
}

// The drawing of tensor/kv_view.h, element by element.
TEST_P(Executors, KvAppendWritesTheDocumentedLayout) {
  Random random(6);
  constexpr int kNumHeads = 2, kWidthK = 8, kWidthV = 20, kPadded = 32;
  const std::vector<float> hidden = random.normals(4 * (kNumHeads * (kWidthK + kWidthV)));
  const int32_t positions[] = {255, 256, 257, 18};
  const int32_t sequence_of[] = {0, 0, 0, 1};
  const int32_t chunks[2][2] = {{2, 0}, {1, 3}};
  const KvSequenceView sequences[] = {{chunks[0], 2}, {chunks[1], 2}};
  for (const KvType kv_type : {KvType::kF32, KvType::kF16, KvType::kBF16}) {
    OwnedCache cache({{.type = kv_type, .n_heads = kNumHeads, .dk = kWidthK, .dv = kWidthV}}, 4);
    Graph g;
    g.set_n_tokens(4);
    const View x = g.add_tensor(4, kNumHeads * (kWidthK + kWidthV));
    g.add(HiddenInputOp{.out = x});
    g.add(KvAppendOp{.k = columns(x, 0, kNumHeads * kWidthK),
                     .v = columns(x, kNumHeads * kWidthK, kNumHeads * kWidthV),
                     .layer = 0});
    g.plan();
    Runner runner(table(), 3);
    runner.run(g,
               {.n_tokens = 4,
                .hidden = hidden.data(),
                .positions = positions,
                .sequence_of = sequence_of,
                .sequences = sequences,
                .layers = cache.layers},
               512);
    const quant::TypeInfo& type = *quant::find_type(info(kv_type).name);
    size_t written = 0;
    const auto expect_at = [&](size_t element, float x_value) {
      float stored = 0;
      type.decode_row(cache.memory[0].data() + element * type.block_bytes, 1, &stored);
      std::byte rounded[8] = {};
      type.encode_row(&x_value, 1, nullptr, rounded);
      float expected = 0;
      type.decode_row(rounded, 1, &expected);
      ASSERT_EQ(stored, expected);
      ++written;
    };
    constexpr size_t kHeadK = 256 * kWidthK, kHeadV = 256 * kPadded;
    constexpr size_t kChunk = kNumHeads * (kHeadK + kHeadV);
    for (size_t t = 0; t < 4; ++t) {
      const auto chunk = size_t(chunks[sequence_of[t]][positions[t] / 256]);
      const auto row = size_t(positions[t] % 256);
      for (size_t h = 0; h < kNumHeads; ++h) {
        for (size_t i = 0; i < kWidthK; ++i)
          expect_at(chunk * kChunk + h * kHeadK + (row / 16 * kWidthK + i) * 16 + row % 16,
                    hidden[t * 56 + h * kWidthK + i]);
        for (size_t i = 0; i < kPadded; ++i)
          expect_at(chunk * kChunk + kNumHeads * kHeadK + h * kHeadV + row * kPadded + i,
                    i < kWidthV ? hidden[t * 56 + kNumHeads * kWidthK + h * kWidthV + i] : 0.0f);
      }
    }
    // Nothing else was touched: all the rest is still 0xff.
    size_t touched = 0;
    for (size_t e = 0; e < cache.memory[0].size() / type.block_bytes; ++e) {
      bool same = true;
      for (size_t i = 0; i < type.block_bytes; ++i)
        same &= cache.memory[0][e * type.block_bytes + i] == std::byte(0xff);
      touched += same ? 0 : 1;
    }
    EXPECT_EQ(touched, written);
  }
}

// x times the orthogonal Hadamard matrix of size `block`, whose signs are the parities of i & j.
std::vector<double> rotated(const float* x, int n, int block) {
  std::vector<double> y(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < block; ++j)
      y[size_t(i)] += double(x[i / block * block + j]) / std::sqrt(double(block)) *
                      (__builtin_popcount(unsigned(i % block & j)) % 2 == 0 ? 1 : -1);
  return y;
}

// The same drawing, of the quantized types: every code stands where it should and is the nearest.
TEST_P(Executors, KvAppendWritesRotatedCodes) {
  Random random(8);
  constexpr int kWidthK = 24, kWidthV = 20, kPadded = 32;  // rotated in blocks of 8 and of 4
  constexpr int kRow = 2 * (kWidthK + kWidthV);
  const std::vector<float> hidden = random.normals(3 * kRow);
  const int32_t positions[] = {0, 255, 37};
  const int32_t sequence_of[] = {0, 0, 1};
  const int32_t chunks[2] = {1, 0};
  const KvSequenceView sequences[] = {{chunks, 1}, {chunks + 1, 1}};
  for (const KvType type : {KvType::kQ8_0, KvType::kQ4_0}) {
    SCOPED_TRACE(info(type).name);
    const bool four = type == KvType::kQ4_0;
    OwnedCache cache({{.type = type, .n_heads = 2, .dk = kWidthK, .dv = kWidthV}}, 2);
    const KvLayerView& kv = cache.layers[0];
    Graph g;
    g.set_n_tokens(3);
    const View x = g.add_tensor(3, kRow);
    g.add(HiddenInputOp{.out = x});
    g.add(KvAppendOp{
        .k = columns(x, 0, 2 * kWidthK), .v = columns(x, 2 * kWidthK, 2 * kWidthV), .layer = 0});
    g.plan();
    Runner runner(table(), 2);
    runner.run(g,
               {.n_tokens = 3,
                .hidden = hidden.data(),
                .positions = positions,
                .sequence_of = sequence_of,
                .sequences = sequences,
                .layers = cache.layers},
               256);
    const auto expect_code = [&](const std::byte* words, int byte, bool upper, float scale,
                                 double expected) {
      const int code = int(words[byte]);
      const double got =
          four ? scale * (2 * (upper ? code >> 4 : code & 15) - 15) : double(scale) * (code - 128);
      ASSERT_NEAR(got, expected, double(scale) * (four ? 1.001 : 0.501));
    };
    for (int t = 0; t < 3; ++t)
      for (int h = 0; h < 2; ++h) {
        const int chunk = chunks[sequence_of[t]];
        const int row = positions[t];
        const float* k = hidden.data() + t * kRow + h * kWidthK;
        const float* v = hidden.data() + t * kRow + 2 * kWidthK + h * kWidthV;
        const std::vector<double> turned_k = rotated(k, kWidthK, 8);
        const std::vector<double> turned_v = rotated(v, kWidthV, 4);
        double largest = 0;
        for (const double y : turned_k) largest = std::max(largest, std::fabs(y));
        EXPECT_NEAR(kv.k_scales(chunk, h)[row] * (four ? 15 : 127), largest, 1e-5);
        for (int i = 0; i < kWidthK; ++i) {
          const int words = four ? row / 16 * 3 + i / 8 : row / 16 * 6 + i / 4;
          expect_code(kv.k(chunk, h), 64 * words + row % 16 * 4 + i % 4, i % 8 >= 4,
                      kv.k_scales(chunk, h)[row], turned_k[size_t(i)]);
        }
        for (int i = 0; i < kWidthV; ++i) {
          const int words = four ? row / 4 * 16 + i % 16 : row / 4 * kPadded + i;
          expect_code(kv.v(chunk, h), 4 * words + row % 4, i >= 16, kv.v_scales(chunk, h)[row],
                      turned_v[size_t(i)]);
        }
      }
  }
}

TEST_P(Executors, NoOutputsWanted) {
  Random random(7);
  const OwnedWeight head("Q4_0", 20, 256, random);
  const std::vector<float> hidden = random.normals(2 * 256);
  Graph g;
  g.set_n_tokens(2);
  const View x = g.add_tensor(2, 256);
  const View chosen = g.add_tensor(0, 256);
  const View logits = g.add_tensor(0, 20);
  g.add(HiddenInputOp{.out = x});
  g.add(SelectRowsOp{.in = x, .out = chosen});
  g.add(MatMulOp{.in = chosen, .n_weights = 1, .weights = {&head.w}, .out = {logits}});
  g.keep(x);
  g.plan();
  Runner runner(table(), 2);
  runner.run(g, {.n_tokens = 2, .hidden = hidden.data(), .sequences = {}, .layers = {}});
  EXPECT_TRUE(runner.scratch_is_whole());
  EXPECT_TRUE(equal_bits(runner.values(g, x), hidden));
}

TEST_P(Executors, ProfileNamesTheOperations) {
  Random random(8);
  const std::vector<float> hidden = random.normals(64);
  Graph g;
  g.set_n_tokens(1);
  const View x = g.add_tensor(1, 64);
  g.add(HiddenInputOp{.out = x});
  g.add(SoftcapOp{.x = x, .cap = 0, .scale = 2});
  g.add(SoftcapOp{.x = x, .cap = 0, .scale = 2});
  g.keep(x);
  g.plan();
  Runner runner(table(), 2);
  EXPECT_EQ(runner.backend().name(), "cpu/" + std::string(GetParam()));
  runner.run(g, {.n_tokens = 1, .hidden = hidden.data(), .sequences = {}, .layers = {}});
  EXPECT_TRUE(runner.backend().profile().rows.empty());
  runner.backend().set_profiling(true);
  runner.run(g, {.n_tokens = 1, .hidden = hidden.data(), .sequences = {}, .layers = {}});
  EXPECT_EQ(runner.values(g, x)[5], 4 * hidden[5]);
  const Profile profile = runner.backend().profile();
  ASSERT_EQ(profile.rows.size(), 2u);
  EXPECT_EQ(profile.rows[0].name, "hidden");
  EXPECT_EQ(profile.rows[0].n_calls, 1);
  EXPECT_EQ(profile.rows[1].name, "softcap");
  EXPECT_EQ(profile.rows[1].n_calls, 2);
  EXPECT_GE(profile.rows[1].seconds, 0);
}

TEST(NullBackend, ExecutesNothing) {
  Graph g;
  const View x = g.add_tensor(1, 16);
  g.add(HiddenInputOp{.out = x});
  g.plan();
  std::vector<std::byte> memory(g.activation_bytes(), std::byte(3));
  const std::unique_ptr<Backend> backend = make_null_backend();
  EXPECT_EQ(backend->name(), "null");
  backend->execute(g, {}, memory.data(), nullptr);
  EXPECT_EQ(memory, std::vector<std::byte>(g.activation_bytes(), std::byte(3)));
}

}  // namespace
}  // namespace hearth::backend::cpu::test
