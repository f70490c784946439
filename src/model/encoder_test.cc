// Encoders on tiny models, against their formulas in double: all tokens of a text at once.
#include <gtest/gtest.h>

#include "model/reference_test.h"

namespace hearth::model::test {
namespace {

using Rows = std::vector<Row>;

Row matrix_row(const tensor::Weight& w, int64_t row, int64_t matrix = 0) {
  std::vector<float> numbers(size_t(w.k));
  w.type->decode_row(w.matrix(matrix) + size_t(row) * w.row_bytes(), w.k, numbers.data());
  return {numbers.begin(), numbers.end()};
}

Row times(const tensor::Weight& w, const Row& x, int64_t matrix = 0) {
  Row y(size_t(w.rows));
  for (int64_t r = 0; r < w.rows; ++r) {
    const Row row = matrix_row(w, r, matrix);
    for (size_t i = 0; i < x.size(); ++i) y[size_t(r)] += row[i] * x[i];
    if (w.bias != nullptr) y[size_t(r)] += double(w.bias[matrix * w.rows + r]);
  }
  return y;
}

Row plus(Row a, const Row& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

double gelu_tanh(double x) {
  return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

class Encoder {
 public:
  explicit Encoder(const Model& model)
      : m_(model),
        p_(model.params()),
        main_(make_rope(p_.rope, {})),
        window_(make_rope(p_.window_rope, {})) {}

  // [n, d], behind the output norm.
  Row states(const std::vector<int32_t>& ids) const {
    Rows x;
    for (size_t t = 0; t < ids.size(); ++t) x.push_back(embed(ids[t], t));
    for (int il = 0; il < p_.n_layers(); ++il) layer(x, il);
    Row all;
    for (const Row& row : x) {
      const Row last = normed(row, m_.weight(Role::kOutputNorm));
      all.insert(all.end(), last.begin(), last.end());
    }
    return all;
  }

 private:
  Row embed(int32_t id, size_t position) const {
    Row x = matrix_row(m_.weight(Role::kTokenEmbd), id);
    for (double& value : x) value *= double(p_.embed_scale);
    if (const auto& w = m_.weight(Role::kTokenTypes); w.present()) x = plus(x, matrix_row(w, 0));
    if (const auto& w = m_.weight(Role::kPositionEmbd); w.present())
      x = plus(x, matrix_row(w, int64_t(position)));
    return normed(x, m_.weight(Role::kTokenEmbdNorm));
  }

  void layer(Rows& x, int il) const {
    const auto weight = [&](Role role) -> const tensor::Weight& { return m_.weight(role, il); };
    Rows h;
    for (const Row& row : x) h.push_back(normed(row, weight(Role::kAttnNorm)));
    const Rows mixed = attention(h, il);
    for (size_t t = 0; t < x.size(); ++t) {
      if (p_.topology == Topology::kPostNorm) {
        Row y = normed(plus(x[t], mixed[t]), weight(Role::kPostAttnNorm));
        if (const auto& again = weight(Role::kAttnNorm2); again.present())
          y = normed(plus(y, x[t]), again);
        x[t] = normed(plus(y, ffn(y, il)), weight(Role::kPostFfnNorm));
        continue;
      }
      x[t] = plus(x[t], normed(mixed[t], weight(Role::kPostAttnNorm)));
      const Row y = ffn(normed(x[t], weight(Role::kFfnNorm)), il);
      x[t] = plus(x[t], normed(y, weight(Role::kPostFfnNorm)));
    }
  }

  // Over spans of the weight's width.
  Row normed(Row x, const tensor::Weight& w) const {
    if (!w.present()) return x;
    const auto* weight = reinterpret_cast<const float*>(w.data);
    const auto span = size_t(w.k);
    for (size_t at = 0; at < x.size(); at += span) {
      double mean = 0;
      for (size_t i = 0; p_.arch->layer_norm && i < span; ++i) mean += x[at + i] / double(span);
      double squares = 0;
      for (size_t i = 0; i < span; ++i) squares += (x[at + i] - mean) * (x[at + i] - mean);
      const double scale = 1 / std::sqrt(squares / double(span) + double(p_.norm_eps));
      for (size_t i = 0; i < span; ++i)
        x[at + i] = (x[at + i] - mean) * scale * double(weight[i]) +
                    (w.bias != nullptr ? double(w.bias[i]) : 0);
    }
    return x;
  }

  void rotate(Row& heads, size_t position, const LayerParams& l) const {
    if (l.rope == LayerRope::kNone) return;
    const bool window = l.rope == LayerRope::kWindow;
    const RopeConfig& rope = window ? window_ : main_;
    const auto pairs = size_t((window ? p_.window_rope : p_.rope).n_rot / 2);
    for (size_t head = 0; head < heads.size(); head += size_t(l.head_dim_k))
      for (size_t i = 0; i < pairs; ++i) {
        const bool halves = p_.arch->rope == tensor::RopePairing::kNeox;
        double& a = heads[head + (halves ? i : 2 * i)];
        double& b = heads[head + (halves ? i + pairs : 2 * i + 1)];
        const double angle = double(position) * rope.inv_freq[i];
        const double rotated = a * std::cos(angle) - b * std::sin(angle);
        b = a * std::sin(angle) + b * std::cos(angle);
        a = rotated;
      }
  }

  Rows attention(const Rows& h, int il) const {
    const LayerParams& l = p_.layers[size_t(il)];
    const auto dk = size_t(l.head_dim_k);
    const auto dv = size_t(l.head_dim_v);
    Rows q;
    Rows k;
    Rows v;
    for (size_t t = 0; t < h.size(); ++t) {
      Row all;
      if (const auto& fused = m_.weight(Role::kAttnQkv, il); fused.present())
        all = times(fused, h[t]);
      for (const Role role : {Role::kAttnQ, Role::kAttnK, Role::kAttnV})
        if (const auto& w = m_.weight(role, il); w.present()) {
          const Row part = times(w, h[t]);
          all.insert(all.end(), part.begin(), part.end());
        }
      const auto nq = int64_t(dk) * l.n_heads;
      const auto nk = int64_t(dk) * l.n_kv_heads;
      q.push_back(normed({all.begin(), all.begin() + nq}, m_.weight(Role::kAttnQNorm, il)));
      k.push_back(
          normed({all.begin() + nq, all.begin() + nq + nk}, m_.weight(Role::kAttnKNorm, il)));
      v.emplace_back(all.begin() + nq + nk, all.end());
      rotate(q.back(), t, l);
      rotate(k.back(), t, l);
    }
    Rows out;
    for (size_t t = 0; t < h.size(); ++t) {
      Row mixed(size_t(l.n_heads) * dv);
      for (int head = 0; head < l.n_heads; ++head) {
        const auto kv = size_t(head / (l.n_heads / l.n_kv_heads));
        // Of four heads: 2^-2, 2^-4, ...
        const double slope =
            p_.max_alibi > 0 ? std::exp2(-double(p_.max_alibi) * (head + 1) / l.n_heads) : 0;
        Row weights(h.size());
        double sum = 0;
        for (size_t s = 0; s < h.size(); ++s) {
          const double distance = std::fabs(double(s) - double(t));
          if (l.window > 0 && distance > l.window / 2) continue;
          double score = 0;
          for (size_t i = 0; i < dk; ++i) score += q[t][size_t(head) * dk + i] * k[s][kv * dk + i];
          sum += weights[s] = std::exp(score * double(l.attn_scale) - slope * distance);
        }
        for (size_t s = 0; s < h.size(); ++s)
          for (size_t i = 0; i < dv; ++i)
            mixed[size_t(head) * dv + i] += weights[s] / sum * v[s][kv * dv + i];
      }
      out.push_back(times(m_.weight(Role::kAttnOut, il), mixed));
    }
    return out;
  }

  // The gate's half of `up` before the other, where there is no gate of its own.
  [[nodiscard]] Row activated(Row gate, Row up, int64_t n_ff) const {
    if (gate.empty() && int64_t(up.size()) > n_ff) {
      gate.assign(up.begin(), up.begin() + n_ff);
      up.erase(up.begin(), up.begin() + n_ff);
    }
    if (gate.empty()) {
      gate = up;
      std::ranges::fill(up, 1.0);
    }
    for (size_t i = 0; i < up.size(); ++i) {
      const double x = gate[i];
      up[i] *= p_.activation == tensor::Activation::kSilu ? x / (1 + std::exp(-x)) : gelu_tanh(x);
    }
    return up;
  }

  [[nodiscard]] Row ffn(const Row& h, int il) const {
    const LayerParams& l = p_.layers[size_t(il)];
    if (l.ffn == FfnKind::kDense) {
      const auto& gate = m_.weight(Role::kFfnGate, il);
      return times(m_.weight(Role::kFfnDown, il),
                   activated(gate.present() ? times(gate, h) : Row(),
                             times(m_.weight(Role::kFfnUp, il), h), l.n_ff));
    }
    const Row z = times(m_.weight(Role::kFfnRouter, il), h);
    std::vector<size_t> order(z.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::sort(order, [&](size_t a, size_t b) { return z[a] > z[b]; });
    if (p_.expert_renormalize) order.resize(size_t(p_.n_experts_used));
    double all = 0;
    for (const size_t expert : order) all += std::exp(z[expert]);
    const auto& gate = m_.weight(Role::kFfnGateExps, il);
    Row out(h.size());
    for (int i = 0; i < p_.n_experts_used; ++i) {
      const auto expert = int64_t(order[size_t(i)]);
      Row one = times(m_.weight(Role::kFfnDownExps, il),
                      activated(gate.present() ? times(gate, h, expert) : Row(),
                                times(m_.weight(Role::kFfnUpExps, il), h, expert), p_.n_ff_expert),
                      expert);
      for (double& value : one) value *= std::exp(z[size_t(expert)]) / all;
      out = plus(std::move(out), one);
    }
    return out;
  }

  const Model& m_;
  const HyperParams& p_;
  RopeConfig main_;
  RopeConfig window_;
};

std::vector<std::pair<std::string, TinyOptions>> encoders() {
  std::vector<std::pair<std::string, TinyOptions>> all;
  for (const ArchSpec* arch : all_archs()) {
    if (!is_encoder(*arch)) continue;
    for (auto [name, options] : variants(*arch)) {
      options.n_layers = 4;
      all.emplace_back(name, options);
      options.optional = {Role::kTokenTypes, Role::kAttnQNorm, Role::kAttnKNorm,
                          Role::kAttnNorm,   Role::kAttnNorm2, Role::kFfnGate};
      all.emplace_back(name + ", all norms", options);
    }
  }
  return all;
}

TEST(Encoder, ComputesItsFormulas) {
  ASSERT_FALSE(encoders().empty());
  for (const auto& [name, options] : encoders()) {
    const auto open = test::open(options);
    ASSERT_TRUE(open.has_value()) << name << ": " << open.error().message;
    EXPECT_FALSE(open->model->has_head()) << name;
    const std::vector<int32_t> ids = some_ids(24, options.n_vocab);
    const Row expected = Encoder(*open->model).states(ids);
    for (const std::string& isa : all_isas()) {
      Runner runner(*open->model, {.isa = isa});
      const std::vector<float> states = runner.step(ids, 0, {.states = true});
      EXPECT_LE(nmse(states, expected), 1e-10) << name << ", " << isa;
    }
  }
}

// More than one chunk of the cache, more than one tile of queries.
TEST(Encoder, LongerThanAChunk) {
  for (const char* arch : {"bert", "modern-bert", "jina-bert-v2"}) {
    const TinyOptions options{.arch = find_arch(arch),
                              .n_embd = 32,
                              .n_heads = 4,
                              .n_kv_heads = 4,
                              .head_dim = 8,
                              .n_ff = 32,
                              .n_vocab = 32,
                              .window = 20};
    const auto open = test::open(options);
    ASSERT_TRUE(open.has_value()) << arch << ": " << open.error().message;
    const std::vector<int32_t> ids = some_ids(300, options.n_vocab);
    const Row expected = Encoder(*open->model).states(ids);
    for (const int n_threads : {1, 2}) {
      Runner runner(*open->model,
                    {.isa = all_isas().back(), .n_threads = n_threads, .n_batch = 300});
      EXPECT_LE(nmse(runner.step(ids, 0, {.states = true}), expected), 1e-10) << arch;
    }
  }
}

// ModernBERT's kin with SiLU; the gate as the first half of up.
TEST(Encoder, VariantsThatFilesSay) {
  TinyModel silu = make_tiny_model({.arch = find_arch("modern-bert")}).value();
  silu.set("hidden_activation", std::string_view("silu"));
  const std::vector<int32_t> ids = some_ids(9, 96);
  const auto open = test::open(silu);
  ASSERT_TRUE(open.has_value()) << open.error().message;
  EXPECT_EQ(open->model->params().activation, tensor::Activation::kSilu);
  Runner runner(*open->model);
  EXPECT_LE(nmse(runner.step(ids, 0, {.states = true}), Encoder(*open->model).states(ids)), 1e-10);

  silu.set("hidden_activation", std::string_view("sine"));
  const auto unknown = test::open(silu);
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(unknown.error().message.find("'sine'"), std::string::npos);

  TinyModel fused = make_tiny_model({.arch = find_arch("jina-bert-v2"), .n_layers = 1}).value();
  TinyTensor* up = fused.find("blk.0.ffn_up.weight");
  ASSERT_NE(up, nullptr);
  up->shape[1] *= 2;
  const std::vector<std::byte> half = up->data;
  up->data.insert(up->data.end(), half.begin(), half.end());
  const auto opened = test::open(fused);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  Runner other(*opened->model);
  EXPECT_LE(nmse(other.step(ids, 0, {.states = true}), Encoder(*opened->model).states(ids)), 1e-10);
}

// A language model that says so looks both ways.
TEST(Encoder, TheKeyMakesOne) {
  TinyModel tiny = make_tiny_model({.arch = find_arch("llama")}).value();
  tiny.set("attention.causal", false);
  const auto open = test::open(tiny);
  ASSERT_TRUE(open.has_value()) << open.error().message;
  EXPECT_FALSE(open->model->has_head());
  EXPECT_TRUE(open->model->params().one_cache);
}

}  // namespace
}  // namespace hearth::model::test
