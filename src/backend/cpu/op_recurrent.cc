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

int64_t head_floats(const DeltaRuleOp& op) { return 5 * Floats::size(op.dk); }
int64_t head_floats(const SelectiveScanOp& op) {
  return op.per_channel ? Floats::size(kChannels)
                        : Floats::size(op.d_state) + 2 * Floats::size(op.head_dim);
}
int64_t head_floats(const Wkv7Op& op) { return 6 * Floats::size(op.out.width / op.n_heads); }

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

// With w the decay: S^T k' of the decayed state is (w * k')^T S, and S + k' (beta (v - p))^T is
// S + k' beta v^T - k' beta p^T.
void Executor::delta_step(const DeltaRuleOp& op, int64_t token, int head, float* own) const {
  const int per_group = op.n_v_heads / op.n_k_heads;
  const int k_head = op.grouped ? head / per_group : head % op.n_k_heads;
  const int64_t gate_column =
      op.group_stride > 0 ? head / per_group * op.group_stride + head % per_group : head;
  Floats memory(own);
  float* w = memory.take(op.dk);
  float* a = memory.take(op.dk);
  float* k = memory.take(op.dk);
  float* b = memory.take(op.dk);
  float* q = memory.take(op.dk);
  const float* q_in = data(op.q, token) + int64_t(k_head) * op.dk;
  const float* k_in = data(op.k, token) + int64_t(k_head) * op.dk;
  const float* decay = data(op.decay, token);
  const auto inverse_length = [&](const float* x) {
    return 1.0f / std::max(std::sqrt(k_.dot(x, x, op.dk)), op.eps);
  };
  const float q_scale = inverse_length(q_in) / std::sqrt(float(op.dk));
  const float k_scale = inverse_length(k_in);
  const float beta = sigmoid(data(op.beta, token)[gate_column]);
  if (op.per_channel) {
    const int64_t at = int64_t(head) * op.dk;
    k_.decay(decay + at, op.dt_bias + at, op.a[head], w, op.dk);
  } else {
    k_.decay(decay + gate_column, op.dt_bias + head, op.a[head], w, 1);
    std::fill_n(w + 1, op.dk - 1, w[0]);
  }
  for (int i = 0; i < op.dk; ++i) {
    const float unit_k = k_in[i] * k_scale;
    a[i] = unit_k * w[i];
    k[i] = unit_k * beta;
    b[i] = -k[i];
    q[i] = q_in[i] * q_scale;
  }
  k_.step_state({.state = state(op.layer, op.state, token) + int64_t(head) * op.dk * op.dv,
                 .stride = op.dv,
                 .n_rows = op.dk,
                 .n_columns = op.dv,
                 .w = w,
                 .a = a,
                 .k = k,
                 .b = b,
                 .q = q,
                 .v = data(op.v, token) + int64_t(head) * op.dv,
                 .out = data(op.out, token) + int64_t(head) * op.dv});
}

void Executor::run(const DeltaRuleOp& op, int thread) {
  auto* own = reinterpret_cast<float*>(own_memory(thread));
  for_sequence_units(op.n_v_heads, thread, [&](int64_t begin, int64_t end, int64_t head) {
    for (int64_t t = begin; t < end; ++t) delta_step(op, t, int(head), own);
  });
}

void Executor::scan_head(const SelectiveScanOp& op, int64_t token, int head, float* own) const {
  Floats memory(own);
  float* w = memory.take(op.d_state);
  float* v = memory.take(op.head_dim);
  const int64_t column = int64_t(head) * op.head_dim;
  const int64_t group = int64_t(head / (op.n_heads / op.n_groups)) * op.d_state;
  const float* x = data(op.x, token) + column;
  float* out = data(op.out, token) + column;
  float dt;
  k_.softplus(data(op.dt, token) + head, op.dt_bias + head, &dt, 1);
  std::fill_n(w, op.d_state, std::exp(dt * op.a[head]));
  for (int i = 0; i < op.head_dim; ++i) v[i] = dt * x[i];
  // `out` may be x: x is still needed behind the step.
  const float* direct = x;
  if (out == x) {
    float* copy = memory.take(op.head_dim);
    std::copy_n(x, op.head_dim, copy);
    direct = copy;
  }
  k_.step_state({.state = state(op.layer, op.state, token) + column * op.d_state,
                 .stride = op.head_dim,
                 .n_rows = op.d_state,
                 .n_columns = op.head_dim,
                 .w = w,
                 .a = nullptr,
                 .k = data(op.b, token) + group,
                 .b = nullptr,
                 .q = data(op.c, token) + group,
                 .v = v,
                 .out = out});
  k_.add_scaled(out, direct, op.d[head], out, op.head_dim);
}

void Executor::run(const SelectiveScanOp& op, int thread) {
  auto* own = reinterpret_cast<float*>(own_memory(thread));
  if (!op.per_channel) {
    for_sequence_units(op.n_heads, thread, [&](int64_t begin, int64_t end, int64_t head) {
      for (int64_t t = begin; t < end; ++t) scan_head(op, t, int(head), own);
    });
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

void Executor::wkv7_step(const Wkv7Op& op, int64_t token, int head, float* own) const {
  constexpr float kDecay = -0.60653066f;  // -exp(-0.5)
  const int64_t n = op.out.width / op.n_heads;
  const int64_t column = head * n;
  const auto at = [&](const View& v) { return data(v, token) + column; };
  Floats memory(own);
  float* w = memory.take(n);
  float* k = memory.take(n);
  float* kk = memory.take(n);
  float* b = memory.take(n);
  float* v = memory.take(n);
  float* r_k = memory.take(n);
  for (int64_t i = 0; i < n; ++i) kk[i] = at(op.k)[i] * op.k_k[column + i];
  const float inverse_length = 1.0f / std::max(std::sqrt(k_.dot(kk, kk, n)), 1e-12f);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t c = column + i;
    const float a = sigmoid(at(op.a)[i] + op.a0[c]);
    w[i] = std::exp(kDecay * sigmoid(at(op.w)[i] + op.w0[c]));
    k[i] = at(op.k)[i] * (1.0f + (a - 1.0f) * op.k_a[c]);
    kk[i] *= inverse_length;
    b[i] = -kk[i] * a;
    v[i] = at(op.v)[i];
    if (op.first_v.present())
      v[i] += (at(op.first_v)[i] - v[i]) * sigmoid(at(op.v_mix)[i] + op.v0[c]);
    r_k[i] = at(op.r)[i] * op.r_k[c];
  }
  float* out = at(op.out);
  k_.step_state({.state = state(op.layer, op.state, token) + column * n,
                 .stride = n,
                 .n_rows = n,
                 .n_columns = n,
                 .w = w,
                 .a = kk,
                 .k = k,
                 .b = b,
                 .q = at(op.r),
                 .v = v,
                 .out = out});
  k_.layer_norm(out, op.ln_weight + column, op.ln_bias + column, out, n, op.ln_eps);
  k_.add_scaled(out, v, k_.dot(k, r_k, n), out, n);
}

void Executor::run(const Wkv7Op& op, int thread) {
  auto* own = reinterpret_cast<float*>(own_memory(thread));
  for_sequence_units(op.n_heads, thread, [&](int64_t begin, int64_t end, int64_t head) {
    for (int64_t t = begin; t < end; ++t) wkv7_step(op, t, int(head), own);
  });
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
