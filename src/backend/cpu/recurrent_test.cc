// Recurrent operations on every instruction set: against double arithmetic that walks one sequence
// token by token, and the same bits whatever the batch, the split of the prompt and the threads.
#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "backend/cpu/executor_test.h"

namespace hearth::backend::cpu::test {
namespace {

using namespace tensor;

using Row = std::vector<double>;

// One operation (or a few) from a row of inputs to a row of outputs.
struct Case {
  std::string name;
  int64_t in_width;
  int64_t out_width;
  int64_t state_floats;
  std::function<void(Graph&, View in, View out)> build;
  // The outputs of a sequence that begins with the first row.
  std::function<std::vector<Row>(const std::vector<Row>&)> reference;
};

constexpr int kSequences = 3;
using Inputs = std::vector<std::vector<float>>;  // by sequence, rows of in_width

// Each step takes some tokens of some sequences: (sequence, tokens).
using Schedule = std::vector<std::vector<std::pair<int, int>>>;

Schedule whole(const Inputs& inputs, int64_t width) {
  Schedule schedule(1);
  for (int s = 0; s < kSequences; ++s)
    schedule[0].push_back({s, int(int64_t(inputs[size_t(s)].size()) / width)});
  return schedule;
}

Schedule random_schedule(const Inputs& inputs, int64_t width, Random& random) {
  std::vector<int> left;
  for (const auto& rows : inputs) left.push_back(int(int64_t(rows.size()) / width));
  Schedule schedule;
  while (*std::max_element(left.begin(), left.end()) > 0) {
    schedule.emplace_back();
    for (int s = kSequences; s-- > 0;) {
      const int n = std::min(left[size_t(s)], random.integer(0, 20));
      if (n == 0) continue;
      schedule.back().push_back({s, n});
      left[size_t(s)] -= n;
    }
    if (schedule.back().empty()) schedule.pop_back();
  }
  return schedule;
}

std::vector<std::vector<float>> outputs(const Case& c, const KernelTable& table, int n_threads,
                                        const Inputs& inputs, const Schedule& schedule) {
  Runner runner(table, n_threads);
  std::vector<float> memory(size_t(kSequences * c.state_floats), 0.0f);
  const StateView states[] = {{}, {memory.data(), c.state_floats}};  // layer 1 has the state
  std::vector<std::vector<float>> result(kSequences);
  std::vector<int64_t> at(kSequences);
  for (const auto& step : schedule) {
    std::vector<float> hidden;
    std::vector<int32_t> positions;
    std::vector<int32_t> sequence_of;
    for (const auto& [s, n] : step)
      for (int i = 0; i < n; ++i, ++at[size_t(s)]) {
        const float* row = inputs[size_t(s)].data() + at[size_t(s)] * c.in_width;
        hidden.insert(hidden.end(), row, row + c.in_width);
        positions.push_back(int32_t(at[size_t(s)]));
        sequence_of.push_back(s);
      }
    StepInputs in;
    in.n_tokens = int(positions.size());
    in.hidden = hidden.data();
    in.positions = positions.data();
    in.sequence_of = sequence_of.data();
    in.states = states;
    std::vector<int32_t> all_rows(positions.size());
    std::iota(all_rows.begin(), all_rows.end(), 0);
    in.output_rows = all_rows.data();
    in.n_outputs = in.n_tokens;
    Graph g;
    g.set_n_tokens(in.n_tokens);
    const View x = g.add_tensor(in.n_tokens, c.in_width);
    g.add(HiddenInputOp{x});
    const View out = g.add_tensor(in.n_tokens, c.out_width);
    c.build(g, x, out);
    g.keep(out);
    g.plan();
    runner.run(g, in);
    EXPECT_TRUE(runner.scratch_is_whole());
    const std::vector<float> values = runner.values(g, out);
    for (size_t t = 0; t < sequence_of.size(); ++t) {
      auto& to = result[size_t(sequence_of[t])];
      const auto from = values.begin() + int64_t(t) * c.out_width;
      to.insert(to.end(), from, from + c.out_width);
    }
  }
  return result;
}

void expect_near(const Case& c, const Inputs& inputs,
                 const std::vector<std::vector<float>>& values) {
  for (size_t s = 0; s < inputs.size(); ++s) {
    std::vector<Row> rows;
    for (size_t i = 0; i < inputs[s].size(); i += size_t(c.in_width))
      rows.emplace_back(inputs[s].begin() + int64_t(i),
                        inputs[s].begin() + int64_t(i) + c.in_width);
    const std::vector<Row> expected = c.reference(rows);
    double error = 0;
    double size = 0;
    for (size_t t = 0; t < rows.size(); ++t)
      for (size_t i = 0; i < size_t(c.out_width); ++i) {
        const double got = values[s][t * size_t(c.out_width) + i];
        ASSERT_TRUE(std::isfinite(got)) << "sequence " << s << " token " << t << " value " << i;
        error += (got - expected[t][i]) * (got - expected[t][i]);
        size += expected[t][i] * expected[t][i];
      }
    EXPECT_GT(size, 0);
    EXPECT_LT(error, 1e-11 * size) << "sequence " << s;
  }
}

void check(const Case& c) {
  Random random(11);
  Inputs inputs;
  for (const int n : {43, 1, 9}) inputs.push_back(random.normals(size_t(n * c.in_width)));
  for (const KernelTable& table : all_tables()) {
    SCOPED_TRACE(c.name + " " + table.name);
    const auto once = outputs(c, table, 1, inputs, whole(inputs, c.in_width));
    expect_near(c, inputs, once);
    for (const int n_threads : {1, 2, 3}) {
      const auto other =
          outputs(c, table, n_threads, inputs, random_schedule(inputs, c.in_width, random));
      for (int s = 0; s < kSequences; ++s)
        EXPECT_TRUE(equal_bits(once[size_t(s)], other[size_t(s)])) << n_threads << " threads";
    }
  }
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::log1p(std::exp(x)); }
std::vector<float> negative(std::vector<float> v) {
  for (float& x : v) x = -std::fabs(x) - 0.01f;
  return v;
}

TEST(Recurrent, Convolution) {
  for (const int width : {5, 64, 150})
    for (const int kernel : {2, 3, 4, 16})
      for (const bool gated : {false, true}) {
        Random random(1);
        const auto weight = random.normals(size_t(width * kernel));
        const auto bias = random.normals(size_t(width));
        const auto n = size_t(width);
        check({.name = "conv",
               .in_width = 3 * width,
               .out_width = width,
               .state_floats = 7 + (kernel - 1) * width,
               .build =
                   [&](Graph& g, View in, View out) {
                     ConvOp op{.in = columns(in, 2 * width, width),
                               .out = out,
                               .weight = weight.data(),
                               .bias = gated ? nullptr : bias.data(),
                               .kernel = kernel,
                               .silu = !gated,
                               .layer = 1,
                               .state = 7};
                     if (gated) op.gate_in = columns(in, 0, width);
                     if (gated) op.gate_out = columns(in, width, width);
                     g.add(op);
                   },
               .reference =
                   [&](const std::vector<Row>& x) {
                     std::vector<Row> y;
                     for (size_t t = 0; t < x.size(); ++t) {
                       y.emplace_back(n);
                       for (size_t c = 0; c < n; ++c) {
                         double sum = gated ? 0 : double(bias[c]);
                         for (int i = 0; i < kernel; ++i) {
                           const int from = int(t) - kernel + 1 + i;
                           if (from < 0) continue;
                           const Row& row = x[size_t(from)];
                           sum += double(weight[c * size_t(kernel) + size_t(i)]) * row[2 * n + c] *
                                  (gated ? row[c] : 1);
                         }
                         y[t][c] = gated ? sum * x[t][n + c] : sum * sigmoid(sum);
                       }
                     }
                     return y;
                   }});
      }
}

// Where the heads' parts of a DeltaRuleOp's row begin.
struct DeltaShape {
  int kh, vh, dk, dv;
  bool grouped, per_channel, interleaved;
  [[nodiscard]] size_t k() const { return size_t(kh * dk); }
  [[nodiscard]] size_t v() const { return 2 * k(); }
  [[nodiscard]] size_t beta() const { return v() + size_t(vh * dv); }
  // Interleaved: the betas of a K head's V heads, their decays, then the next K head's.
  [[nodiscard]] size_t decay() const { return beta() + size_t(interleaved ? vh / kh : vh); }
  [[nodiscard]] size_t width() const { return beta() + size_t(vh + vh * (per_channel ? dk : 1)); }
  [[nodiscard]] size_t gate(int h) const {
    return interleaved ? size_t(h / (vh / kh) * 2 * (vh / kh) + h % (vh / kh)) : size_t(h);
  }
};

std::vector<Row> delta_reference(const DeltaShape& d, const std::vector<float>& a,
                                 const std::vector<float>& dt_bias, const std::vector<Row>& x) {
  const auto dk = size_t(d.dk);
  const auto dv = size_t(d.dv);
  std::vector<Row> state(size_t(d.vh), Row(dk * dv));
  std::vector<Row> y;
  for (const Row& row : x) {
    y.emplace_back(size_t(d.vh) * dv);
    for (int h = 0; h < d.vh; ++h) {
      Row& s = state[size_t(h)];
      const int kh = d.grouped ? h / (d.vh / d.kh) : h % d.kh;
      const double* q = row.data() + size_t(kh) * dk;
      const double* k = q + d.k();
      double qq = 0, kk = 0;
      for (size_t i = 0; i < dk; ++i) qq += q[i] * q[i], kk += k[i] * k[i];
      const double beta = sigmoid(row[d.beta() + d.gate(h)]);
      for (size_t i = 0; i < dk; ++i) {
        const size_t c = d.per_channel ? size_t(h) * dk + i : d.gate(h);
        const size_t at = d.per_channel ? c : size_t(h);
        const double w =
            std::exp(double(a[size_t(h)]) * softplus(row[d.decay() + c] + double(dt_bias[at])));
        for (size_t j = 0; j < dv; ++j) s[i * dv + j] *= w;
      }
      for (size_t j = 0; j < dv; ++j) {
        double seen = 0;
        for (size_t i = 0; i < dk; ++i) seen += s[i * dv + j] * k[i] / std::sqrt(kk);
        const double delta = beta * (row[d.v() + size_t(h) * dv + j] - seen);
        double out = 0;
        for (size_t i = 0; i < dk; ++i) {
          s[i * dv + j] += k[i] / std::sqrt(kk) * delta;
          out += s[i * dv + j] * q[i] / std::sqrt(qq) / std::sqrt(double(dk));
        }
        y.back()[size_t(h) * dv + j] = out;
      }
    }
  }
  return y;
}

TEST(Recurrent, DeltaRule) {
  for (const DeltaShape& d :
       {DeltaShape{2, 4, 16, 16, false, false, false}, DeltaShape{2, 6, 32, 72, true, false, true},
        DeltaShape{1, 3, 20, 7, true, false, false},
        DeltaShape{3, 3, 24, 128, false, true, false}}) {
    Random random(2);
    const auto a = negative(random.normals(size_t(d.vh), 0.3f));
    const auto dt_bias = random.normals(size_t(d.vh * d.dk));
    check({.name = "delta",
           .in_width = int64_t(d.width()),
           .out_width = d.vh * d.dv,
           .state_floats = 3 + d.vh * d.dk * d.dv,
           .build =
               [&](Graph& g, View in, View out) {
                 const auto at = [&](size_t column, int64_t width) {
                   return columns(in, int64_t(column), width);
                 };
                 g.add(DeltaRuleOp{.q = at(0, d.kh * d.dk),
                                   .k = at(d.k(), d.kh * d.dk),
                                   .v = at(d.v(), d.vh * d.dv),
                                   .decay = at(d.decay(), d.per_channel ? d.vh * d.dk : d.vh),
                                   .beta = at(d.beta(), d.vh),
                                   .out = out,
                                   .a = a.data(),
                                   .dt_bias = dt_bias.data(),
                                   .n_k_heads = d.kh,
                                   .n_v_heads = d.vh,
                                   .dk = d.dk,
                                   .dv = d.dv,
                                   .grouped = d.grouped,
                                   .per_channel = d.per_channel,
                                   .group_stride = d.interleaved ? 2 * (d.vh / d.kh) : 0,
                                   .eps = 1e-6f,
                                   .layer = 1,
                                   .state = 3});
               },
           .reference =
               [&](const std::vector<Row>& x) { return delta_reference(d, a, dt_bias, x); }});
  }
}

struct ScanShape {
  int heads, head_dim, groups, d_state;
  bool per_channel;
  [[nodiscard]] size_t b() const { return size_t(heads * head_dim); }
  [[nodiscard]] size_t c() const { return b() + size_t(groups * d_state); }
  [[nodiscard]] size_t dt() const { return c() + size_t(groups * d_state); }
  [[nodiscard]] size_t width() const { return dt() + size_t(heads); }
};

TEST(Recurrent, SelectiveScan) {
  for (const ScanShape& s : {ScanShape{4, 64, 2, 32, false}, ScanShape{3, 10, 1, 7, false},
                             ScanShape{100, 1, 1, 16, true}, ScanShape{5, 1, 1, 21, true}}) {
    Random random(3);
    const auto n_a = size_t(s.per_channel ? s.heads * s.d_state : s.heads);
    const auto a = negative(random.normals(n_a));
    const auto d = random.normals(size_t(s.heads));
    const auto dt_bias = random.normals(size_t(s.heads));
    check({.name = "scan",
           .in_width = int64_t(s.width()),
           .out_width = s.heads * s.head_dim,
           .state_floats = s.heads * s.head_dim * s.d_state,
           .build =
               [&](Graph& g, View in, View out) {
                 const auto at = [&](size_t column, int64_t width) {
                   return columns(in, int64_t(column), width);
                 };
                 const View x = at(0, s.heads * s.head_dim);
                 g.add(SelectiveScanOp{.x = x,
                                       .b = at(s.b(), s.groups * s.d_state),
                                       .c = at(s.c(), s.groups * s.d_state),
                                       .dt = at(s.dt(), s.heads),
                                       .out = out,
                                       .dt_bias = dt_bias.data(),
                                       .a = a.data(),
                                       .d = d.data(),
                                       .n_heads = s.heads,
                                       .head_dim = s.head_dim,
                                       .n_groups = s.groups,
                                       .d_state = s.d_state,
                                       .per_channel = s.per_channel,
                                       .layer = 1,
                                       .state = 0});
               },
           .reference =
               [&](const std::vector<Row>& x) {
                 const auto p = size_t(s.head_dim);
                 const auto n = size_t(s.d_state);
                 std::vector<double> state(size_t(s.heads) * p * n);
                 std::vector<Row> y;
                 for (const Row& row : x) {
                   y.emplace_back(size_t(s.heads) * p);
                   for (size_t h = 0; h < size_t(s.heads); ++h) {
                     const double dt = softplus(row[s.dt() + h] + double(dt_bias[h]));
                     const size_t group = h / size_t(s.heads / s.groups) * n;
                     for (size_t i = 0; i < p; ++i) {
                       const double in = row[h * p + i];
                       double sum = double(d[h]) * in;
                       for (size_t j = 0; j < n; ++j) {
                         double& v = state[(h * n + j) * p + i];
                         const double rate = double(a[s.per_channel ? h * n + j : h]);
                         v = std::exp(dt * rate) * v + dt * in * row[s.b() + group + j];
                         sum += v * row[s.c() + group + j];
                       }
                       y.back()[h * p + i] = sum;
                     }
                   }
                 }
                 return y;
               }});
  }
}

TEST(Recurrent, TokenShift) {
  Random random(4);
  constexpr size_t kWidth = 70;
  constexpr size_t kMixes = 3;
  const auto mix = random.normals(kWidth * kMixes);
  check({.name = "shift",
         .in_width = int64_t(kWidth),
         .out_width = int64_t(kWidth * kMixes),
         .state_floats = 2 + int64_t(kWidth),
         .build =
             [&](Graph& g, View in, View out) {
               g.add(TokenShiftOp{.in = in,
                                  .out = out,
                                  .mix = mix.data(),
                                  .n_mixes = int(kMixes),
                                  .layer = 1,
                                  .state = 2});
             },
         .reference =
             [&](const std::vector<Row>& x) {
               std::vector<Row> y;
               for (size_t t = 0; t < x.size(); ++t) {
                 y.emplace_back(kWidth * kMixes);
                 for (size_t i = 0; i < kWidth * kMixes; ++i) {
                   const double now = x[t][i % kWidth];
                   const double before = t == 0 ? 0 : x[t - 1][i % kWidth];
                   y[t][i] = now + (before - now) * double(mix[i]);
                 }
               }
               return y;
             }});
}

// The inputs of Wkv7Op, in this order in a row: r, w, k, v, a, v_mix, first_v.
struct WkvWeights {
  size_t heads, s;
  bool mixed;  // with the first layer's v
  std::vector<float> w0, a0, v0, k_k, k_a, r_k, ln_weight, ln_bias;
  WkvWeights(size_t n_heads, size_t width, bool mix, Random& random)
      : heads(n_heads), s(width), mixed(mix) {
    for (auto* v : {&w0, &a0, &v0, &k_k, &k_a, &r_k, &ln_weight, &ln_bias})
      *v = random.normals(n());
  }
  [[nodiscard]] size_t n() const { return heads * s; }
};

void wkv_head(const WkvWeights& m, const Row& row, size_t h, Row& state, double* out) {
  const size_t s = m.s;
  const size_t n = m.n();
  const auto in = [&](size_t part, size_t i) { return row[part * n + h * s + i]; };
  const auto at = [&](const std::vector<float>& v, size_t i) { return double(v[h * s + i]); };
  Row w(s), k(s), kk(s), a(s), v(s);
  double length = 0;
  for (size_t i = 0; i < s; ++i) {
    w[i] = std::exp(-std::exp(-0.5) * sigmoid(in(1, i) + at(m.w0, i)));
    a[i] = sigmoid(in(4, i) + at(m.a0, i));
    kk[i] = in(2, i) * at(m.k_k, i);
    length += kk[i] * kk[i];
    k[i] = in(2, i) * (1 + (a[i] - 1) * at(m.k_a, i));
    v[i] = in(3, i);
    if (m.mixed) v[i] += (in(6, i) - v[i]) * sigmoid(in(5, i) + at(m.v0, i));
  }
  for (double& x : kk) x /= std::sqrt(length);
  double mean = 0, var = 0, bonus = 0;
  for (size_t j = 0; j < s; ++j) {
    double seen = 0;
    for (size_t i = 0; i < s; ++i) seen += state[i * s + j] * kk[i];
    out[j] = 0;
    for (size_t i = 0; i < s; ++i) {
      state[i * s + j] = w[i] * state[i * s + j] - kk[i] * a[i] * seen + k[i] * v[j];
      out[j] += state[i * s + j] * in(0, i);
    }
    mean += out[j] / double(s);
    bonus += k[j] * in(0, j) * at(m.r_k, j);
  }
  for (size_t j = 0; j < s; ++j) var += (out[j] - mean) * (out[j] - mean) / double(s);
  for (size_t j = 0; j < s; ++j)
    out[j] = (out[j] - mean) / std::sqrt(var + 64e-5) * at(m.ln_weight, j) +
             (m.mixed ? at(m.ln_bias, j) : 0) + v[j] * bonus;
}

TEST(Recurrent, Wkv7) {
  for (const bool mixed : {false, true})
    for (const size_t width : {64, 10}) {
      Random random(5);
      const WkvWeights m(3, width, mixed, random);
      const auto n = int64_t(m.n());
      check({.name = "wkv7",
             .in_width = 7 * n,
             .out_width = n,
             .state_floats = int64_t(m.heads * m.s * m.s) + 1,
             .build =
                 [&](Graph& g, View in, View out) {
                   const auto part = [&](int64_t i) { return columns(in, i * n, n); };
                   g.add(Wkv7Op{.r = part(0),
                                .w = part(1),
                                .k = part(2),
                                .v = part(3),
                                .a = part(4),
                                .v_mix = m.mixed ? part(5) : View{},
                                .first_v = m.mixed ? part(6) : View{},
                                .out = out,
                                .w0 = m.w0.data(),
                                .a0 = m.a0.data(),
                                .v0 = m.v0.data(),
                                .k_k = m.k_k.data(),
                                .k_a = m.k_a.data(),
                                .r_k = m.r_k.data(),
                                .ln_weight = m.ln_weight.data(),
                                .ln_bias = m.mixed ? m.ln_bias.data() : nullptr,
                                .ln_eps = 64e-5f,
                                .n_heads = int(m.heads),
                                .layer = 1,
                                .state = 1});
                 },
             .reference =
                 [&](const std::vector<Row>& x) {
                   std::vector<Row> state(m.heads, Row(m.s * m.s));
                   std::vector<Row> y;
                   for (const Row& row : x) {
                     y.emplace_back(m.n());
                     for (size_t h = 0; h < m.heads; ++h)
                       wkv_head(m, row, h, state[h], y.back().data() + h * m.s);
                   }
                   return y;
                 }});
    }
}

double gate(GateFunction function, double x) {
  if (function == GateFunction::kNone) return x;
  return function == GateFunction::kSilu ? x * sigmoid(x) : sigmoid(x);
}

TEST(Recurrent, GatesAndNorms) {
  constexpr size_t kGroup = 20;
  constexpr size_t kGroups = 3;
  constexpr size_t kWidth = kGroup * kGroups;
  constexpr size_t kStride = 2 * kGroup;  // the gates stand as in [q | gate] of each head
  Random random(6);
  const auto weight = random.normals(kWidth);
  for (const auto function : {GateFunction::kNone, GateFunction::kSilu, GateFunction::kSigmoid})
    for (const int norm : {0, 1, 2, 3}) {  // none; behind the gate; before it; of equal groups
      const bool differ = norm != 3;
      check({.name = "gate",
             .in_width = int64_t(kWidth + kStride * kGroups),
             .out_width = int64_t(kWidth),
             .state_floats = 0,
             .build =
                 [&](Graph& g, View in, View out) {
                   g.add(
                       GatedNormOp{.x = columns(in, 0, kWidth),
                                   .gate = columns(in, kWidth + kGroup, kStride * kGroups - kGroup),
                                   .out = out,
                                   .function = function,
                                   .group = kGroup,
                                   .gate_stride = kStride,
                                   .weight = norm == 0 ? nullptr : weight.data(),
                                   .weights_differ = differ,
                                   .gate_first = norm == 1,
                                   .eps = 0.01f});
                 },
             .reference =
                 [&](const std::vector<Row>& x) {
                   std::vector<Row> y;
                   for (const Row& row : x) {
                     y.emplace_back(kWidth);
                     for (size_t group = 0; group < kGroups; ++group) {
                       double squares = 0;
                       const auto value = [&](size_t i, bool gated) {
                         const double g = row[kWidth + group * kStride + kGroup + i];
                         return row[group * kGroup + i] * (gated ? gate(function, g) : 1);
                       };
                       for (size_t i = 0; i < kGroup; ++i)
                         squares += value(i, norm == 1) * value(i, norm == 1);
                       const double inv = 1 / std::sqrt(squares / double(kGroup) + double(0.01f));
                       for (size_t i = 0; i < kGroup; ++i)
                         y.back()[group * kGroup + i] =
                             value(i, true) *
                             (norm == 0 ? 1
                                        : inv * double(weight[(differ ? group * kGroup : 0) + i]));
                     }
                   }
                   return y;
                 }});
    }
}

TEST(Recurrent, AppliesFunctions) {
  for (const auto function : {Function::kTanh, Function::kSigmoid})
    check({.name = "apply",
           .in_width = 50,
           .out_width = 12,
           .state_floats = 0,
           .build =
               [&](Graph& g, View in, View out) {
                 const View x = columns(in, 5, 12);
                 g.add(ApplyOp{.x = x, .function = function});
                 g.add(SelectRowsOp{.in = x, .out = out});
               },
           .reference =
               [&](const std::vector<Row>& x) {
                 std::vector<Row> y;
                 for (const Row& row : x) {
                   y.emplace_back();
                   for (size_t i = 5; i < 17; ++i)
                     y.back().push_back(function == Function::kTanh ? std::tanh(row[i])
                                                                    : sigmoid(row[i]));
                 }
                 return y;
               }});
}

}  // namespace
}  // namespace hearth::backend::cpu::test
