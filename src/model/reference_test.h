// What the tests of this room share: opening a tiny model, running it on the CPU backend with a KV
// cache of our own, and the same model in double arithmetic, written down as plainly as possible.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/isa.h"
#include "base/cpu_info.h"
#include "base/thread_team.h"
#include "model/decoder.h"
#include "model/model.h"
#include "model/tiny_model.h"

namespace hearth::model::test {

// A loaded model with the bytes that it views.
struct OpenModel {
  std::vector<std::byte> bytes;
  std::unique_ptr<format::ModelFile> file;
  std::unique_ptr<Arena> arena;
  std::unique_ptr<Model> model;
};

inline Result<OpenModel> open(const TinyModel& tiny) {
  OpenModel open;
  HEARTH_ASSIGN(open.bytes, tiny.to_bytes());
  HEARTH_ASSIGN(format::ModelFile file, format::ModelFile::parse(open.bytes));
  open.file = std::make_unique<format::ModelFile>(std::move(file));
  open.arena = std::make_unique<Arena>(Arena::Mode::kReal);
  HEARTH_ASSIGN(Model model, Model::load(*open.file, *open.arena));
  open.model = std::make_unique<Model>(std::move(model));
  return open;
}

inline Result<OpenModel> open(const TinyOptions& options) {
  HEARTH_ASSIGN(const TinyModel tiny, make_tiny_model(options));
  return open(tiny);
}

// The reference below knows no recurrent layers: their formulas are compared in backend/cpu
// (recurrent_test.cc), the architectures in tests/golden.
inline bool has_states(const HyperParams& params) {
  return std::ranges::any_of(
      params.layers, [](const LayerParams& l) { return l.conv_state + l.matrix_state > 0; });
}

// Whether the reference below knows all that a model has. The others' operations are compared with
// formulas in backend/cpu, and their architectures with other programs in tests/golden.
inline bool is_covered(const HyperParams& p) {
  const ArchSpec& a = *p.arch;
  using enum tensor::Activation;
  const bool usual = a.layer == nullptr && p.topology == Topology::kSequential && !a.layer_norm &&
                     a.causal && a.gated && (a.activation == kSilu || a.activation == kGeluTanh) &&
                     a.attn_gate == AttnGate::kNone && !a.wide_qk_norm && !p.plain_qk_norm &&
                     !a.qk_norm_behind_rope && !a.window_chunked && !a.plain_output_norm &&
                     a.window_rope == WindowRope::kSame && a.rope != tensor::RopePairing::kNone;
  const bool usual_numbers = p.mla.kv_rank == 0 && p.residual_scale == 1 && p.max_alibi == 0 &&
                             p.clamp_qkv == 0 && p.value_scale == 1 && p.n_expert_groups <= 1 &&
                             p.expert_gating == tensor::ExpertGating::kSoftmax;
  return usual && usual_numbers && !has_states(p) &&
         std::ranges::all_of(p.layers, [&](const LayerParams& l) {
           return l.mixer == Mixer::kAttention && l.rope == LayerRope::kMain && l.kv_layer < 0 &&
                  l.ffn == p.layers[0].ffn && l.n_ff_shared == 0 && l.temperature == 0;
         });
}

// Those that look both ways and go on with no text are compared in encoder_test.cc.
inline bool is_encoder(const ArchSpec& arch) { return !arch.causal; }

inline bool has_experts(const ArchSpec& arch) {
  for (const TensorSpec& t : arch.tensors)
    if (t.presence == Presence::kExpert) return true;
  return false;
}

// What one architecture is tested in: head tied or not, biases, experts.
inline std::vector<std::pair<std::string, TinyOptions>> variants(const ArchSpec& arch) {
  const std::string name(arch.name);
  std::vector<std::pair<std::string, TinyOptions>> all = {
      {name, {.arch = &arch}},
      {name + " tied, biases",
       {.arch = &arch, .n_kv_heads = 4, .n_rot = 8, .biases = true, .optional = {}}},
  };
  if (has_experts(arch)) all.push_back({name + " experts", {.arch = &arch, .n_experts = 4}});
  return all;
}

inline std::vector<std::string> all_isas() {
  std::vector<std::string> names;
  for (const std::string_view isa : backend::cpu::usable_isas(detect_cpu_features()))
    names.emplace_back(isa);
  return names;
}

struct RunnerOptions {
  std::string isa = "scalar";
  int n_threads = 1;
  int n_batch = 64;
  int64_t n_ctx = 512;
};

// A decoder with one sequence of `n_ctx` positions in F32.
class Runner {
 public:
  using Options = RunnerOptions;

  explicit Runner(const Model& model, const Options& options = {})
      : team_({.n_threads = options.n_threads, .pin = false}),
        backend_(backend::make_cpu_backend(
            backend::cpu::select_kernels(options.isa, detect_cpu_features()).value(), team_)),
        arena_(Arena::Mode::kReal),
        decoder_(Decoder::create(model, *backend_,
                                 {options.n_ctx, options.n_batch, options.n_batch}, arena_)
                     .value()) {
    const HyperParams& p = model.params();
    chunks_.resize(size_t(options.n_ctx + tensor::kKvChunk - 1) / tensor::kKvChunk);
    // Any order will do.
    for (size_t i = 0; i < chunks_.size(); ++i) chunks_[i] = int32_t(chunks_.size() - 1 - i);
    sequence_ = {chunks_.data(), int(chunks_.size())};
    for (tensor::KvLayerView view : kv_layout(p, tensor::KvType::kF32)) {
      cache_.emplace_back(view.chunk_bytes() * chunks_.size() / sizeof(float), NAN);
      view.base = reinterpret_cast<std::byte*>(cache_.back().data());
      layers_.push_back(view);
    }
    for (const LayerParams& l : p.layers) {
      state_memory_.emplace_back(size_t(l.conv_state + l.matrix_state), 0.0f);
      states_.push_back({state_memory_.back().data(), l.conv_state + l.matrix_state});
    }
  }

  // The tokens at positions from `n_past` on; logits of each, or the hidden states of a range that
  // ends earlier.
  std::vector<float> step(std::span<const int32_t> ids, int n_past, LayerRange range = {},
                          const float* hidden = nullptr) {
    const auto n = int(ids.size());
    std::vector<int32_t> positions(ids.size());
    std::iota(positions.begin(), positions.end(), n_past);
    std::vector<int32_t> rows(ids.size());
    std::iota(rows.begin(), rows.end(), 0);
    const std::vector<int32_t> sequence_of(ids.size(), 0);
    // A new sequence's states are zero.
    const int end = range.end < 0 ? int(states_.size()) : range.end;
    for (int il = range.begin; n_past == 0 && il < end; ++il)
      std::ranges::fill(state_memory_[size_t(il)], 0.0f);
    tensor::StepInputs in;
    in.n_tokens = n;
    in.tokens = ids.data();
    in.hidden = hidden;
    in.positions = positions.data();
    in.sequence_of = sequence_of.data();
    in.sequences = {&sequence_, 1};
    in.layers = layers_;
    in.states = states_;
    in.output_rows = rows.data();
    in.n_outputs = range.end < 0 ? n : 0;
    const std::span<const float> out = decoder_.step(in, range);
    return {out.begin(), out.end()};
  }

  // All of them from position 0, `at_once` a step.
  std::vector<float> logits(const std::vector<int32_t>& ids, size_t at_once) {
    std::vector<float> all;
    for (size_t at = 0; at < ids.size(); at += at_once) {
      const std::vector<float> rows =
          step(std::span(ids).subspan(at, std::min(at_once, ids.size() - at)), int(at));
      all.insert(all.end(), rows.begin(), rows.end());
    }
    return all;
  }

 private:
  ThreadTeam team_;
  std::unique_ptr<backend::Backend> backend_;
  Arena arena_;
  Decoder decoder_;
  std::vector<int32_t> chunks_;
  tensor::KvSequenceView sequence_;
  std::vector<std::vector<float>> cache_;
  std::vector<tensor::KvLayerView> layers_;
  std::vector<std::vector<float>> state_memory_;
  std::vector<tensor::StateView> states_;
};

inline std::vector<int32_t> some_ids(size_t n, int n_vocab, uint64_t seed = 7) {
  std::vector<int32_t> ids;
  for (const float x : tiny_normals("ids", seed, n))
    ids.push_back(int32_t(std::fabs(double(x)) * 1e6) % n_vocab);
  return ids;
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// Sum of squared differences over sum of squares.
inline double nmse(std::span<const float> values, std::span<const double> reference) {
  if (values.size() != reference.size()) return INFINITY;
  double error = 0;
  double power = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    error += (double(values[i]) - reference[i]) * (double(values[i]) - reference[i]);
    power += reference[i] * reference[i];
  }
  return std::isfinite(error) ? error / power : INFINITY;
}

// ---- The model in double arithmetic, one token after the other.

using Row = std::vector<double>;

class Reference {
 public:
  Reference(const Model& model, const RopeConfig& rope)
      : m_(model), p_(model.params()), rope_(rope) {
    keys_.resize(size_t(p_.n_layers()));
    values_.resize(size_t(p_.n_layers()));
  }

  // The logits behind one more token.
  Row next(int32_t token) {
    Row x = matrix_row(m_.weight(Role::kTokenEmbd), token);
    for (double& value : x) value *= double(p_.embed_scale);
    for (int il = 0; il < p_.n_layers(); ++il) {
      add(x, normed(attention(normed(x, m_.weight(Role::kAttnNorm, il)), il),
                    m_.weight(Role::kPostAttnNorm, il)));
      const Row h = normed(x, m_.weight(Role::kFfnNorm, il));
      add(x, normed(p_.n_experts > 0 ? experts(h, il) : ffn(h, il),
                    m_.weight(Role::kPostFfnNorm, il)));
    }
    Row logits = times(m_.head(), normed(x, m_.weight(Role::kOutputNorm)));
    for (double& z : logits) {
      z *= double(p_.logit_scale);
      if (p_.final_softcap > 0)
        z = double(p_.final_softcap) * std::tanh(z / double(p_.final_softcap));
    }
    ++position_;
    return logits;
  }

 private:
  static void add(Row& x, const Row& y) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  static Row matrix_row(const tensor::Weight& w, int64_t row, int64_t matrix = 0) {
    std::vector<float> numbers(size_t(w.k));
    w.type->decode_row(w.matrix(matrix) + size_t(row) * w.row_bytes(), w.k, numbers.data());
    return {numbers.begin(), numbers.end()};
  }

  static Row times(const tensor::Weight& w, const Row& x, int64_t matrix = 0) {
    Row y(size_t(w.rows));
    for (int64_t r = 0; r < w.rows; ++r) {
      const Row row = matrix_row(w, r, matrix);
      for (size_t i = 0; i < x.size(); ++i) y[size_t(r)] += row[i] * x[i];
      y[size_t(r)] *= double(w.matrix_scale(matrix));
      if (w.bias != nullptr) y[size_t(r)] += double(w.bias[matrix * w.rows + r]);
    }
    return y;
  }

  // RMS norm over spans; no weight: x itself.
  Row normed(Row x, const tensor::Weight& w, size_t span = 0) const {
    if (!w.present()) return x;
    const auto* weight = reinterpret_cast<const float*>(w.data);
    if (span == 0) span = x.size();
    for (size_t at = 0; at < x.size(); at += span) {
      double squares = 0;
      for (size_t i = 0; i < span; ++i) squares += x[at + i] * x[at + i];
      const double scale = 1 / std::sqrt(squares / double(span) + double(p_.norm_eps));
      for (size_t i = 0; i < span; ++i) {
        x[at + i] *= scale * double(weight[i]);
        if (w.bias != nullptr) x[at + i] += double(w.bias[i]);
      }
    }
    return x;
  }

  void rotate(Row& heads) const {
    const auto dk = size_t(p_.layers[0].head_dim_k);
    const auto pairs = size_t(p_.rope.n_rot / 2);
    for (size_t head = 0; head < heads.size(); head += dk)
      for (size_t i = 0; i < pairs; ++i) {
        const bool halves = p_.arch->rope == tensor::RopePairing::kNeox;
        double& a = heads[head + (halves ? i : 2 * i)];
        double& b = heads[head + (halves ? i + pairs : 2 * i + 1)];
        const double angle = position_ * rope_.inv_freq[i];
        const double c = std::cos(angle) * double(rope_.mscale);
        const double s = std::sin(angle) * double(rope_.mscale);
        const double rotated = a * c - b * s;
        b = a * s + b * c;
        a = rotated;
      }
  }

  Row attention(const Row& h, int il) {
    const LayerParams& l = p_.layers[size_t(il)];
    const auto dk = size_t(p_.layers[0].head_dim_k);
    const auto dv = size_t(p_.layers[0].head_dim_v);
    const size_t nq = size_t(l.n_heads) * dk;
    const size_t nk = size_t(l.n_kv_heads) * dk;
    Row q;
    Row k;
    Row v;
    if (m_.weight(Role::kAttnQkv, il).present()) {
      const Row all = times(m_.weight(Role::kAttnQkv, il), h);
      q.assign(all.begin(), all.begin() + int64_t(nq));
      k.assign(all.begin() + int64_t(nq), all.begin() + int64_t(nq + nk));
      v.assign(all.begin() + int64_t(nq + nk), all.end());
    } else {
      q = times(m_.weight(Role::kAttnQ, il), h);
      k = times(m_.weight(Role::kAttnK, il), h);
      v = times(m_.weight(Role::kAttnV, il), h);
    }
    q = normed(std::move(q), m_.weight(Role::kAttnQNorm, il), dk);
    k = normed(std::move(k), m_.weight(Role::kAttnKNorm, il), dk);
    rotate(q);
    rotate(k);
    keys_[size_t(il)].push_back(k);
    values_[size_t(il)].push_back(v);

    const size_t n = keys_[size_t(il)].size();
    const size_t first = l.window > 0 && n > size_t(l.window) ? n - size_t(l.window) : 0;
    Row mixed(size_t(l.n_heads) * dv);
    for (size_t head = 0; head < size_t(l.n_heads); ++head) {
      const size_t kv_head = head / size_t(l.n_heads / l.n_kv_heads);
      Row p(n);
      double sum = 0;
      for (size_t t = first; t < n; ++t) {
        double score = 0;
        for (size_t i = 0; i < dk; ++i)
          score += q[head * dk + i] * keys_[size_t(il)][t][kv_head * dk + i];
        score *= double(l.attn_scale);
        if (p_.attn_softcap > 0)
          score = double(p_.attn_softcap) * std::tanh(score / double(p_.attn_softcap));
        sum += p[t] = std::exp(score);
      }
      for (size_t t = first; t < n; ++t)
        for (size_t i = 0; i < dv; ++i)
          mixed[head * dv + i] += p[t] / sum * values_[size_t(il)][t][kv_head * dv + i];
    }
    return times(m_.weight(Role::kAttnOut, il), mixed);
  }

  [[nodiscard]] Row gated(const Row& gate, const Row& up) const {
    Row out(gate.size());
    for (size_t i = 0; i < gate.size(); ++i) {
      const double x = gate[i];
      const double act =
          p_.arch->activation == tensor::Activation::kSilu
              ? x / (1 + std::exp(-x))
              : 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
      out[i] = act * up[i];
    }
    return out;
  }

  [[nodiscard]] Row ffn(const Row& h, int il) const {
    Row gate;
    Row up = times(m_.weight(Role::kFfnUp, il), h);
    if (m_.weight(Role::kFfnGate, il).present()) {
      gate = times(m_.weight(Role::kFfnGate, il), h);
    } else {
      const auto f = int64_t(up.size() / 2);
      gate.assign(up.begin(), up.begin() + f);
      up.erase(up.begin(), up.begin() + f);
    }
    return times(m_.weight(Role::kFfnDown, il), gated(gate, up));
  }

  [[nodiscard]] Row experts(const Row& h, int il) const {
    const Row z = times(m_.weight(Role::kFfnRouter, il), h);
    std::vector<size_t> order(z.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::sort(order,
                      [&](size_t a, size_t b) { return z[a] > z[b] || (z[a] == z[b] && a < b); });
    order.resize(size_t(p_.n_experts_used));
    double all = 0;
    double chosen = 0;
    for (const double value : z) all += std::exp(value);
    for (const size_t e : order) chosen += std::exp(z[e]);
    Row out(h.size());
    for (const size_t e : order) {
      const auto matrix = int64_t(e);
      const double weight = std::exp(z[e]) / (p_.arch->expert_renormalize ? chosen : all);
      const Row one = times(m_.weight(Role::kFfnDownExps, il),
                            gated(times(m_.weight(Role::kFfnGateExps, il), h, matrix),
                                  times(m_.weight(Role::kFfnUpExps, il), h, matrix)),
                            matrix);
      for (size_t i = 0; i < out.size(); ++i)
        out[i] += weight * double(p_.expert_weight_scale) * one[i];
    }
    return out;
  }

  const Model& m_;
  const HyperParams& p_;
  const RopeConfig& rope_;
  double position_ = 0;
  std::vector<std::vector<Row>> keys_;  // by layer, by position
  std::vector<std::vector<Row>> values_;
};

inline Row reference_logits(const Model& model, const RopeConfig& rope,
                            const std::vector<int32_t>& ids) {
  Reference reference(model, rope);
  Row all;
  for (const int32_t id : ids) {
    const Row row = reference.next(id);
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

}  // namespace hearth::model::test
