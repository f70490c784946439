// Executor: recurrent mixers, and what stands between their parts. Heads, channels and sequences
// are shared out to the threads; the tokens of a sequence are taken in order, each by the same
// steps, so the bits do not depend on batch, split of the prompt or threads.
#include <cmath>

#include "backend/cpu/executor.h"

namespace hearth::backend::cpu {

using namespace tensor;

namespace {

// Channels of a convolution, or of a scan, that one thread takes: some cache lines of a row.
constexpr int64_t kChannels = 64;
// Tokens that a thread takes through a state at once. More: the state's columns stay in L1 for
// longer, but what each token needs of 5 KB must be held for all of them.
constexpr int64_t kTokens = 16;

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

// Parts of a thread's memory, each on cache lines of its own.
class Floats {
 public:
  explicit Floats(float* memory) : at_(memory) {}
  float* take(int64_t n) {
    float* p = at_;
    at_ += size(n);
    return p;
  }
  static int64_t size(int64_t n) { return int64_t(align_up(uint64_t(n), 16)); }

 private:
  float* at_;
};

}  // namespace

int64_t head_floats(const DeltaRuleOp& op) { return 5 * Floats::size(kTokens * op.dk); }
int64_t head_floats(const SelectiveScanOp& op) {
  return op.per_channel ? Floats::size(kChannels)
                        : Floats::size(kTokens * op.d_state) + Floats::size(kTokens * op.head_dim);
}
int64_t head_floats(const Wkv7Op& op) {
  const int64_t n = op.out.width / op.n_heads;
  return 5 * Floats::size(kTokens * n) + Floats::size(kTokens) + Floats::size(n);
}

template <class F>
void Executor::for_sequence_units(int64_t n_units, int thread, F&& f) const {
  const auto end_of = [&](int64_t begin) {
    int64_t end = begin + 1;
    while (end < in_.n_tokens && in_.sequence_of[end] == in_.sequence_of[begin]) ++end;
    return end;
  };
  int64_t n_sequences = 0;
  for (int64_t t = 0; t < in_.n_tokens; t = end_of(t)) ++n_sequences;
  const Range mine = share(n_sequences * n_units, thread, n_threads());
  int64_t first = 0;  // of this sequence's units
  for (int64_t t = 0; t < in_.n_tokens; t = end_of(t), first += n_units)
    for (int64_t i = std::max(first, mine.begin); i < std::min(first + n_units, mine.end); ++i)
      f(t, end_of(t), i - first);
}

void Executor::run(const ConvOp& op, int thread) {
  const int64_t width = op.in.width;
  const int64_t n_units = (width + kChannels - 1) / kChannels;
  for_sequence_units(n_units, thread, [&](int64_t begin, int64_t end, int64_t unit) {
    const int64_t c = unit * kChannels;
    const auto gate = [&](const View& v) { return v.present() ? data(v, begin) + c : nullptr; };
    const auto gate_stride = [&](const View& v) { return v.present() ? stride(v) : 0; };
    k_.conv({.x = data(op.in, begin) + c,
             .gate_in = gate(op.gate_in),
             .gate_out = gate(op.gate_out),
             .y = data(op.out, begin) + c,
             .x_stride = stride(op.in),
             .gate_in_stride = gate_stride(op.gate_in),
             .gate_out_stride = gate_stride(op.gate_out),
             .y_stride = stride(op.out),
             .weight = op.weight + c * op.kernel,
             .bias = op.bias != nullptr ? op.bias + c : nullptr,
             .state = state(op.layer, op.state, begin) + c,
             .state_stride = width,
             .n_channels = std::min(kChannels, width - c),
             .n_tokens = end - begin,
             .kernel = op.kernel,
             .silu = op.silu});
  });
}

template <class F>
void Executor::for_heads(int64_t n_heads, int thread, F&& f) const {
  for_sequence_units(n_heads, thread, [&](int64_t begin, int64_t end, int64_t head) {
    for (int64_t t = begin; t < end; t += kTokens) f(t, std::min(kTokens, end - t), int(head));
  });
}

// With w the decay: S^T k' of the decayed state is (w * k')^T S, and S + k' (beta (v - p))^T is
// S + k' beta v^T - k' beta p^T.
void Executor::delta_steps(const DeltaRuleOp& op, int64_t begin, int64_t n, int head,
                           float* own) const {
  const int per_group = op.n_v_heads / op.n_k_heads;
  const int k_head = op.grouped ? head / per_group : head % op.n_k_heads;
  const int64_t gate_column =
      op.group_stride > 0 ? head / per_group * op.group_stride + head % per_group : head;
  const int64_t dk = op.dk;
  Floats memory(own);
  float* w = memory.take(kTokens * dk);
  float* a = memory.take(kTokens * dk);
  float* k = memory.take(kTokens * dk);
  float* b = memory.take(kTokens * dk);
  float* q = memory.take(kTokens * dk);
  const auto inverse_length = [&](const float* x) {
    return 1.0f / std::max(std::sqrt(k_.dot(x, x, dk)), op.eps);
  };
  for (int64_t t = 0, at = 0; t < n; ++t, at += dk) {
    const float* q_in = data(op.q, begin + t) + k_head * dk;
    const float* k_in = data(op.k, begin + t) + k_head * dk;
    const float* decay = data(op.decay, begin + t);
    const float q_scale = inverse_length(q_in) / std::sqrt(float(dk));
    const float k_scale = inverse_length(k_in);
    const float beta = sigmoid(data(op.beta, begin + t)[gate_column]);
    if (op.per_channel) {
      k_.decay(decay + head * dk, op.dt_bias + head * dk, op.a[head], w + at, dk);
    } else {
      k_.decay(decay + gate_column, op.dt_bias + head, op.a[head], w + at, 1);
      std::fill_n(w + at + 1, dk - 1, w[at]);
    }
    for (int64_t i = 0; i < dk; ++i) {
      const float unit_k = k_in[i] * k_scale;
      a[at + i] = unit_k * w[at + i];
      k[at + i] = unit_k * beta;
      b[at + i] = -k[at + i];
      q[at + i] = q_in[i] * q_scale;
    }
  }
  k_.step_state({.state = state(op.layer, op.state, begin) + head * dk * op.dv,
                 .n_rows = dk,
                 .n_columns = op.dv,
                 .n_tokens = n,
                 .w = {w, dk},
                 .a = {a, dk},
                 .k = {k, dk},
                 .b = {b, dk},
                 .q = {q, dk},
                 .v = {data(op.v, begin) + int64_t(head) * op.dv, stride(op.v)},
                 .out = data(op.out, begin) + int64_t(head) * op.dv,
                 .out_stride = stride(op.out)});
}

void Executor::run(const DeltaRuleOp& op, int thread) {
  auto* own = reinterpret_cast<float*>(own_memory(thread));
  for_heads(op.n_v_heads, thread,
            [&](int64_t begin, int64_t n, int head) { delta_steps(op, begin, n, head, own); });
}

void Executor::scan_head(const SelectiveScanOp& op, int64_t begin, int64_t n, int head,
                         float* own) const {
  Floats memory(own);
  float* w = memory.take(kTokens * op.d_state);
  float* v = memory.take(kTokens * op.head_dim);
  const int64_t column = int64_t(head) * op.head_dim;
  const int64_t group = int64_t(head / (op.n_heads / op.n_groups)) * op.d_state;
  for (int64_t t = 0; t < n; ++t) {
    float dt;
    k_.softplus(data(op.dt, begin + t) + head, op.dt_bias + head, &dt, 1);
    std::fill_n(w + t * op.d_state, op.d_state, std::exp(dt * op.a[head]));
    const float* x = data(op.x, begin + t) + column;
    for (int i = 0; i < op.head_dim; ++i) v[t * op.head_dim + i] = dt * x[i];
  }
  k_.step_state({.state = state(op.layer, op.state, begin) + column * op.d_state,
                 .n_rows = op.d_state,
                 .n_columns = op.head_dim,
                 .n_tokens = n,
                 .w = {w, op.d_state},
                 .a = {nullptr, 0},
                 .k = {data(op.b, begin) + group, stride(op.b)},
                 .b = {nullptr, 0},
                 .q = {data(op.c, begin) + group, stride(op.c)},
                 .v = {v, op.head_dim},
                 .out = data(op.out, begin) + column,
                 .out_stride = stride(op.out)});
  for (int64_t t = begin; t < begin + n; ++t) {
    float* out = data(op.out, t) + column;
    k_.add_scaled(out, data(op.x, t) + column, op.d[head], out, op.head_dim);
  }
}

void Executor::run(const SelectiveScanOp& op, int thread) {
  auto* own = reinterpret_cast<float*>(own_memory(thread));
  if (!op.per_channel) {
    for_heads(op.n_heads, thread,
              [&](int64_t begin, int64_t n, int head) { scan_head(op, begin, n, head, own); });
    return;
  }
  const int64_t n_units = (op.n_heads + kChannels - 1) / kChannels;
  for_sequence_units(n_units, thread, [&](int64_t begin, int64_t end, int64_t unit) {
    const int64_t c = unit * kChannels;
    const int64_t n = std::min(kChannels, op.n_heads - c);
    for (int64_t t = begin; t < end; ++t) {
      k_.softplus(data(op.dt, t) + c, op.dt_bias + c, own, n);
      k_.scan_channels({.state = state(op.layer, op.state, t) + c * op.d_state,
                        .a = op.a + c * op.d_state,
                        .d = op.d + c,
                        .x = data(op.x, t) + c,
                        .dt = own,
                        .b = data(op.b, t),
                        .c = data(op.c, t),
                        .y = data(op.out, t) + c,
                        .n_channels = n,
                        .d_state = op.d_state});
    }
  });
}

void Executor::run(const TokenShiftOp& op, int thread) {
  const int64_t width = op.in.width;
  const int64_t n_units = (width + kChannels - 1) / kChannels;
  for_sequence_units(n_units, thread, [&](int64_t begin, int64_t end, int64_t unit) {
    const int64_t c = unit * kChannels;
    const int64_t n = std::min(kChannels, width - c);
    float* last = state(op.layer, op.state, begin) + c;
    for (int64_t t = begin; t < end; ++t) {
      const float* x = data(op.in, t) + c;
      const float* before = t == begin ? last : data(op.in, t - 1) + c;
      for (int m = 0; m < op.n_mixes; ++m) {
        const float* mix = op.mix + m * width + c;
        float* out = data(op.out, t) + m * width + c;
        for (int64_t i = 0; i < n; ++i) out[i] = x[i] + (before[i] - x[i]) * mix[i];
      }
    }
    std::copy_n(data(op.in, end - 1) + c, n, last);
  });
}

void Executor::wkv7_steps(const Wkv7Op& op, int64_t begin, int64_t n_steps, int head,
                          float* own) const {
  constexpr float kDecay = -0.60653066f;  // -exp(-0.5)
  const int64_t n = op.out.width / op.n_heads;
  const int64_t column = head * n;
  Floats memory(own);
  float* w = memory.take(kTokens * n);
  float* k = memory.take(kTokens * n);
  float* kk = memory.take(kTokens * n);
  float* b = memory.take(kTokens * n);
  float* v = memory.take(kTokens * n);
  float* bonus = memory.take(kTokens);
  float* r_k = memory.take(n);
  for (int64_t t = 0, at = 0; t < n_steps; ++t, at += n) {
    const auto in = [&](const View& view) { return data(view, begin + t) + column; };
    for (int64_t i = 0; i < n; ++i) kk[at + i] = in(op.k)[i] * op.k_k[column + i];
    const float inverse_length = 1.0f / std::max(std::sqrt(k_.dot(kk + at, kk + at, n)), 1e-12f);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t c = column + i;
      const float a = sigmoid(in(op.a)[i] + op.a0[c]);
      w[at + i] = std::exp(kDecay * sigmoid(in(op.w)[i] + op.w0[c]));
      k[at + i] = in(op.k)[i] * (1.0f + (a - 1.0f) * op.k_a[c]);
      kk[at + i] *= inverse_length;
      b[at + i] = -kk[at + i] * a;
      v[at + i] = in(op.v)[i];
      if (op.first_v.present())
        v[at + i] += (in(op.first_v)[i] - v[at + i]) * sigmoid(in(op.v_mix)[i] + op.v0[c]);
      r_k[i] = in(op.r)[i] * op.r_k[c];
    }
    bonus[t] = k_.dot(k + at, r_k, n);
  }
  k_.step_state({.state = state(op.layer, op.state, begin) + column * n,
                 .n_rows = n,
                 .n_columns = n,
                 .n_tokens = n_steps,
                 .w = {w, n},
                 .a = {kk, n},
                 .k = {k, n},
                 .b = {b, n},
                 .q = {data(op.r, begin) + column, stride(op.r)},
                 .v = {v, n},
                 .out = data(op.out, begin) + column,
                 .out_stride = stride(op.out)});
  for (int64_t t = 0; t < n_steps; ++t) {
    float* out = data(op.out, begin + t) + column;
    const float* bias = op.ln_bias != nullptr ? op.ln_bias + column : nullptr;
    k_.layer_norm(out, op.ln_weight + column, bias, out, n, op.ln_eps);
    k_.add_scaled(out, v + t * n, bonus[t], out, n);
  }
}

void Executor::run(const Wkv7Op& op, int thread) {
  auto* own = reinterpret_cast<float*>(own_memory(thread));
  for_heads(op.n_heads, thread,
            [&](int64_t begin, int64_t n, int head) { wkv7_steps(op, begin, n, head, own); });
}

void Executor::run(const GatedNormOp& op, int thread) {
  const int64_t n_groups = op.x.width / op.group;
  const auto gate_values = [&](const float* gate, const float* x, float* y) {
    if (op.function == GateFunction::kSilu)
      k_.activate[int(Activation::kSilu)](gate, x, y, op.group);
    else if (op.function == GateFunction::kSigmoid)
      k_.activate[int(Activation::kSigmoid)](gate, x, y, op.group);
    else
      for (int64_t i = 0; i < op.group; ++i) y[i] = x[i] * gate[i];
  };
  const Range r = share(rows(op.x) * n_groups, thread, n_threads());
  for (int64_t i = r.begin; i < r.end; ++i) {
    const int64_t row = i / n_groups;
    const int64_t group = i % n_groups;
    const float* x = data(op.x, row) + group * op.group;
    const float* gate = data(op.gate, row) + group * op.gate_stride;
    float* out = data(op.out, row) + group * op.group;
    const auto normalize_values = [&](const float* from) {
      const float* weight = op.weight + (op.weights_differ ? group * op.group : 0);
      k_.rms_norm(from, weight, out, op.group, op.eps);
    };
    if (op.weight == nullptr) {
      gate_values(gate, x, out);
    } else if (op.gate_first) {
      gate_values(gate, x, out);
      normalize_values(out);
    } else {
      normalize_values(x);
      gate_values(gate, out, out);
    }
  }
}

void Executor::run(const ApplyOp& op, int thread) {
  const Range r = share(rows(op.x), thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t) {
    float* x = data(op.x, t);
    for (int64_t i = 0; i < op.x.width; ++i)
      x[i] = op.function == Function::kTanh ? std::tanh(x[i]) : sigmoid(x[i]);
  }
}

}  // namespace hearth::backend::cpu
