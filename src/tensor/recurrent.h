// The operations of recurrent mixers (short convolutions, Mamba, delta rule, RWKV) and the small
// ones between them. Part of tensor/graph.h: see there for views and rows.
//
// What a sequence has read so far is, in each layer, a fixed number of floats: its state
// (StepInputs::states). An operation's part of it begins at float `state` of layer `layer`, and is
// laid out as told below. Each token is computed from the state that the token before left, by the
// same steps, so results do not depend on batch, split of the prompt or threads. The state of a new
// sequence is zero. How a backend lays out the numbers of one matrix is its own affair.
#pragma once

#include <cstdint>

#include "tensor/view.h"

namespace hearth::tensor {

// Causal depthwise convolution over a sequence's rows, those of earlier steps included:
//   u[t] = in[t] * gate_in[t]
//   out[t][c] = act(sum_i weight[c][i] * u[t - kernel + 1 + i][c] + bias[c]) * gate_out[t][c]
// (gates and bias: 1 and 0 where absent.) `out` may be `in`.
// State: the last kernel - 1 rows of u, oldest first: [kernel - 1, c].
struct ConvOp {
  static constexpr int kMaxKernel = 16;
  View in;              // [n, c]
  View out;             // [n, c]
  const float* weight;  // [c, kernel], the newest row's last
  const float* bias;    // [c] or null
  int kernel;           // at most kMaxKernel
  bool silu;
  int layer;
  int64_t state;
  View gate_in = {};  // [n, c]
  View gate_out = {};
};

// The gated delta rule (Yang et al. 2024, arXiv:2412.06464, eq. 10). For V head h, with its K head
// h % n_k_heads, or h / (n_v_heads / n_k_heads) if `grouped`, and the state S [dk, dv]:
//   q' = q / max(|q|, eps) / sqrt(dk),  k' = k / max(|k|, eps)
//   w = exp(a[h] * softplus(decay + dt_bias))      one of the head, or one of each of the dk rows
//   S <- w * S;  S <- S + k' (sigmoid(beta) * (v - S^T k'))^T;  out = S^T q'
// State: [n_v_heads, dk, dv].
struct DeltaRuleOp {
  View q;                // [n, n_k_heads * dk]
  View k;                // [n, n_k_heads * dk]
  View v;                // [n, n_v_heads * dv]
  View decay;            // [n, n_v_heads], or [n, n_v_heads * dk] if per_channel
  View beta;             // [n, n_v_heads]
  View out;              // [n, n_v_heads * dv]
  const float* a;        // [n_v_heads], negative
  const float* dt_bias;  // as wide as decay
  int n_k_heads;
  int n_v_heads;
  int dk;
  int dv;
  bool grouped;
  bool per_channel;
  // Decay and beta of the V heads of one K head stand `group_stride` columns from those of the
  // next; 0: all stand side by side.
  int group_stride;
  float eps;
  int layer;
  int64_t state;
};

// The selective scan of Mamba (Gu and Dao 2023, arXiv:2312.00752, algorithm 2; 2024,
// arXiv:2405.21060). For head h, which reads group h / (n_heads / n_groups) of b and c, with the
// state S [d_state, head_dim]:
//   dt' = softplus(dt + dt_bias[h]);  S <- exp(dt' * a) * S + b (dt' * x)^T;  out = S^T c + d[h] *
//   x
// Mamba 2 has one `a` for each head; Mamba 1 has head_dim 1 (a head is a channel), one group, and
// an `a` for each number of the state.
// State: [n_heads, d_state, head_dim].
struct SelectiveScanOp {
  View x;                // [n, n_heads * head_dim]
  View b;                // [n, n_groups * d_state]
  View c;                // [n, n_groups * d_state]
  View dt;               // [n, n_heads]
  View out;              // [n, n_heads * head_dim]
  const float* dt_bias;  // [n_heads]
  const float* a;        // [n_heads], or [n_heads, d_state] if per_channel; negative
  const float* d;        // [n_heads]
  int n_heads;
  int head_dim;  // 1 if per_channel
  int n_groups;  // 1 if per_channel
  int d_state;
  bool per_channel;
  int layer;
  int64_t state;
};

// Mixes every row with the one before it in its sequence (RWKV's token shift):
//   out[t] part i = in[t] + (in[t - 1] - in[t]) * mix[i]
// State: the last row of `in`: [d].
struct TokenShiftOp {
  View in;           // [n, d]
  View out;          // [n, n_mixes * d]
  const float* mix;  // [n_mixes, d]
  int n_mixes;
  int layer;
  int64_t state;
};

// RWKV 7's time mixing (Peng et al. 2025, arXiv:2503.14456, section 4), all products with matrices
// done before. For each head of width s, with the state S [s, s], rows by key, columns by value:
//   v' = v + (first_v - v) * sigmoid(v_mix + v0)         (v' = v where first_v is absent)
//   w' = exp(-exp(-0.5) * sigmoid(w + w0));  a' = sigmoid(a + a0)
//   kk = k * k_k / max(|k * k_k|, 1e-12);  k' = k * (1 + (a' - 1) * k_a)
//   S <- diag(w') S - (kk * a') (S^T kk)^T + k' v'^T;  o = S^T r
//   out = layer_norm(o; ln_weight, ln_bias, ln_eps) + v' * sum(k' * r * r_k)
// State: [n_heads, s, s].
struct Wkv7Op {
  View r;  // [n, n_heads * s], and so the others
  View w;
  View k;
  View v;
  View a;
  View v_mix;
  View first_v;
  View out;
  const float* w0;  // [n_heads * s], and so the others
  const float* a0;
  const float* v0;
  const float* k_k;
  const float* k_a;
  const float* r_k;
  const float* ln_weight;
  const float* ln_bias;  // or null
  float ln_eps;
  int n_heads;
  int layer;
  int64_t state;
};

enum class GateFunction : uint8_t { kNone, kSilu, kSigmoid };

// out = norm(x) * f(gate), or norm(x * f(gate)) if `gate_first`: norm over each `group` values,
//   norm(y) = y / sqrt(mean(y^2) + eps) * weight.
// `out` may be x.
struct GatedNormOp {
  View x;     // [n, width]
  View gate;  // group i at column i * gate_stride
  View out;   // [n, width]
  GateFunction function;
  int64_t group;
  int64_t gate_stride;            // `group` where the gates stand side by side
  const float* weight = nullptr;  // [group], or [width] if the groups' differ; null: no norm
  bool weights_differ = false;
  bool gate_first = false;
  float eps = 0;
};

enum class Function : uint8_t { kTanh, kSigmoid };

// x = f(x), in place.
struct ApplyOp {
  View x;
  Function function;
};

}  // namespace hearth::tensor
