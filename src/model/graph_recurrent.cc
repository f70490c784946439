// GraphBuilder's parts: recurrent mixers, of the operations in tensor/recurrent.h. Briefs
// models-and-formats 2.4.7.
#include "model/graph_builder.h"

namespace hearth::model {

using namespace tensor;

namespace {

// What a mixer reads and where it writes.
struct MixerArgs {
  View x;
  View out;
  int il;
  const Norm& norm;
  bool accumulate;
};

const float* vector(const GraphBuilder& b, Role role, int il) {
  const Weight& w = b.model().weight(role, il);
  return w.present() ? reinterpret_cast<const float*>(w.data) : nullptr;
}

// A convolution with SiLU, in place.
void convolve(GraphBuilder& b, View x, Role weight, int il, int64_t state = 0) {
  b.graph().add(ConvOp{.in = x,
                       .out = x,
                       .weight = vector(b, weight, il),
                       .bias = vector(b, Role::kSsmConvBias, il),
                       .kernel = b.params().ssm.conv_kernel,
                       .silu = true,
                       .layer = il,
                       .state = state});
}

// What stands in the state behind the convolution's inputs.
int64_t matrix_at(const GraphBuilder& b, int il) { return b.layer_params(il).conv_state; }

void project(GraphBuilder& b, View y, const MixerArgs& a) {
  b.graph().add(
      MatMulOp{y, 1, {&b.model().weight(Role::kSsmOut, a.il)}, {a.out}, {}, a.accumulate});
}

// The inputs of the convolution, [q | k | v], and of the gate z.
void delta_net_in(GraphBuilder& b, const MixerArgs& a, View qkv, View z) {
  const SsmParams& s = b.params().ssm;
  const Model& m = b.model();
  const Weight& one = m.weight(Role::kSsmQkvz, a.il);
  if (!one.present()) {
    b.graph().add(MatMulOp{a.x,
                           2,
                           {&m.weight(Role::kSsmIn, a.il), &m.weight(Role::kAttnGate, a.il)},
                           {qkv, z},
                           a.norm});
    return;
  }
  // Of each K head: q, k, then v and z of its V heads.
  const int64_t keys = int64_t(s.groups) * s.state;
  const int64_t values = s.inner / s.groups;
  const View all = b.matmul(a.x, one, a.norm);
  const auto copy = [&](int64_t from, int64_t width, View to) {
    b.graph().add(CopyHeadsOp{columns(all, from, all.width - from), all.width / s.groups, to, width,
                              width, s.groups});
  };
  copy(0, s.state, columns(qkv, 0, keys));
  copy(s.state, s.state, columns(qkv, keys, keys));
  copy(2 * s.state, values, columns(qkv, 2 * keys, s.inner));
  copy(2 * s.state + values, values, z);
}

void delta_net(GraphBuilder& b, const MixerArgs& a, bool grouped) {
  const SsmParams& s = b.params().ssm;
  const Model& m = b.model();
  const int head = s.inner / s.rank;
  const int64_t keys = int64_t(s.groups) * s.state;
  const View qkv = b.rows(s.conv_dim);
  const View z = b.rows(s.inner);
  const View gates = b.rows(2 * int64_t(s.rank));
  const View beta = columns(gates, 0, s.rank);
  View alpha = columns(gates, s.rank, s.rank);
  delta_net_in(b, a, qkv, z);
  const Weight& fused = m.weight(Role::kSsmBetaAlpha, a.il);
  const int per_group = s.rank / s.groups;
  if (fused.present()) {
    b.graph().add(MatMulOp{a.x, 1, {&fused}, {gates}, a.norm});
    alpha = columns(gates, per_group, s.rank);
  } else {
    b.graph().add(MatMulOp{a.x,
                           2,
                           {&m.weight(Role::kSsmBeta, a.il), &m.weight(Role::kSsmAlpha, a.il)},
                           {beta, alpha},
                           a.norm});
  }
  convolve(b, qkv, Role::kSsmConv, a.il);
  const View y = b.rows(s.inner);
  b.graph().add(DeltaRuleOp{.q = columns(qkv, 0, keys),
                            .k = columns(qkv, keys, keys),
                            .v = columns(qkv, 2 * keys, s.inner),
                            .decay = alpha,
                            .beta = beta,
                            .out = y,
                            .a = vector(b, Role::kSsmA, a.il),
                            .dt_bias = vector(b, Role::kSsmDtBias, a.il),
                            .n_k_heads = s.groups,
                            .n_v_heads = s.rank,
                            .dk = s.state,
                            .dv = head,
                            .grouped = grouped,
                            .per_channel = false,
                            .group_stride = fused.present() ? 2 * per_group : 0,
                            .eps = b.params().norm_eps,
                            .layer = a.il,
                            .state = matrix_at(b, a.il)});
  b.graph().add(GatedNormOp{.x = y,
                            .gate = z,
                            .out = y,
                            .function = GateFunction::kSilu,
                            .group = head,
                            .gate_stride = head,
                            .weight = vector(b, Role::kSsmNorm, a.il),
                            .eps = b.params().norm_eps});
  project(b, y, a);
}

void kimi_delta(GraphBuilder& b, const MixerArgs& a) {
  const SsmParams& s = b.params().ssm;
  const Model& m = b.model();
  const auto weight = [&](Role role) { return &m.weight(role, a.il); };
  const View qkv = b.rows(3 * int64_t(s.inner));
  const auto part = [&](int i) { return columns(qkv, int64_t(i) * s.inner, s.inner); };
  b.graph().add(MatMulOp{a.x,
                         3,
                         {weight(Role::kSsmIn), weight(Role::kSsmInK), weight(Role::kSsmInV)},
                         {part(0), part(1), part(2)},
                         a.norm});
  const View decay_low = b.rows(s.state);
  const View gate_low = b.rows(s.state);
  const View beta = b.rows(s.rank);
  b.graph().add(MatMulOp{a.x,
                         3,
                         {weight(Role::kSsmFA), weight(Role::kSsmGA), weight(Role::kSsmBeta)},
                         {decay_low, gate_low, beta},
                         a.norm});
  const View decay = b.matmul(decay_low, *weight(Role::kSsmFB));
  const View gate = b.matmul(gate_low, *weight(Role::kSsmGB));
  const Role convs[] = {Role::kSsmConv, Role::kSsmConvK, Role::kSsmConvV};
  for (int i = 0; i < 3; ++i)
    convolve(b, part(i), convs[i], a.il, int64_t(i) * (s.conv_kernel - 1) * s.inner);
  const View y = b.rows(s.inner);
  b.graph().add(DeltaRuleOp{.q = part(0),
                            .k = part(1),
                            .v = part(2),
                            .decay = decay,
                            .beta = beta,
                            .out = y,
                            .a = vector(b, Role::kSsmA, a.il),
                            .dt_bias = vector(b, Role::kSsmDtBias, a.il),
                            .n_k_heads = s.rank,
                            .n_v_heads = s.rank,
                            .dk = s.state,
                            .dv = s.state,
                            .grouped = false,
                            .per_channel = true,
                            .group_stride = 0,
                            .eps = b.params().norm_eps,
                            .layer = a.il,
                            .state = matrix_at(b, a.il)});
  b.graph().add(GatedNormOp{.x = y,
                            .gate = gate,
                            .out = y,
                            .function = GateFunction::kSigmoid,
                            .group = s.state,
                            .gate_stride = s.state,
                            .weight = vector(b, Role::kSsmNorm, a.il),
                            .eps = b.params().norm_eps});
  project(b, y, a);
}

void mamba2(GraphBuilder& b, const MixerArgs& a) {
  const SsmParams& s = b.params().ssm;
  const View in = b.matmul(a.x, b.model().weight(Role::kSsmIn, a.il), a.norm);
  const View z = columns(in, 0, s.inner);
  const View xbc = columns(in, s.inner, s.conv_dim);
  convolve(b, xbc, Role::kSsmConv, a.il);
  const int64_t shared = int64_t(s.groups) * s.state;
  const View y = b.rows(s.inner);
  b.graph().add(SelectiveScanOp{.x = columns(xbc, 0, s.inner),
                                .b = columns(xbc, s.inner, shared),
                                .c = columns(xbc, s.inner + shared, shared),
                                .dt = columns(in, s.inner + s.conv_dim, s.rank),
                                .out = y,
                                .dt_bias = vector(b, Role::kSsmDtBias, a.il),
                                .a = vector(b, Role::kSsmA, a.il),
                                .d = vector(b, Role::kSsmD, a.il),
                                .n_heads = s.rank,
                                .head_dim = s.inner / s.rank,
                                .n_groups = s.groups,
                                .d_state = s.state,
                                .per_channel = false,
                                .layer = a.il,
                                .state = matrix_at(b, a.il)});
  b.graph().add(GatedNormOp{.x = y,
                            .gate = z,
                            .out = y,
                            .function = GateFunction::kSilu,
                            .group = s.inner / s.groups,
                            .gate_stride = s.inner / s.groups,
                            .weight = vector(b, Role::kSsmNorm, a.il),
                            .weights_differ = true,
                            .gate_first = true,
                            .eps = b.params().norm_eps});
  project(b, y, a);
}

void mamba1(GraphBuilder& b, const MixerArgs& a) {
  const SsmParams& s = b.params().ssm;
  const Model& m = b.model();
  const View in = b.matmul(a.x, m.weight(Role::kSsmIn, a.il), a.norm);
  const View x = columns(in, 0, s.inner);
  convolve(b, x, Role::kSsmConv, a.il);
  const View dtbc = b.matmul(x, m.weight(Role::kSsmX, a.il));
  const View dt_low = columns(dtbc, 0, s.rank);
  const View b_in = columns(dtbc, s.rank, s.state);
  const View c_in = columns(dtbc, s.rank + s.state, s.state);
  // Jamba and FalconMamba norm all three, the latter without weights.
  const auto normalize = [&](View v, Role role) {
    const Norm own = b.norm(role, a.il);
    if (own.present() || s.norm_dt_b_c)
      b.graph().add(NormOp{v, v, own.present() ? own : b.plain_norm()});
  };
  normalize(dt_low, Role::kSsmDtNorm);
  normalize(b_in, Role::kSsmBNorm);
  normalize(c_in, Role::kSsmCNorm);
  const View dt = b.matmul(dt_low, m.weight(Role::kSsmDt, a.il));
  const View y = b.rows(s.inner);
  b.graph().add(SelectiveScanOp{.x = x,
                                .b = b_in,
                                .c = c_in,
                                .dt = dt,
                                .out = y,
                                .dt_bias = vector(b, Role::kSsmDtBias, a.il),
                                .a = vector(b, Role::kSsmA, a.il),
                                .d = vector(b, Role::kSsmD, a.il),
                                .n_heads = s.inner,
                                .head_dim = 1,
                                .n_groups = 1,
                                .d_state = s.state,
                                .per_channel = true,
                                .layer = a.il,
                                .state = matrix_at(b, a.il)});
  b.graph().add(GatedNormOp{.x = y,
                            .gate = columns(in, s.inner, s.inner),
                            .out = y,
                            .function = GateFunction::kSilu,
                            .group = s.inner,
                            .gate_stride = s.inner});
  project(b, y, a);
}

void short_conv(GraphBuilder& b, const MixerArgs& a) {
  const int64_t d = b.params().n_embd;
  const View bcx = b.matmul(a.x, b.model().weight(Role::kSsmIn, a.il), a.norm);
  const View y = b.rows(d);
  b.graph().add(ConvOp{.in = columns(bcx, 2 * d, d),
                       .out = y,
                       .weight = vector(b, Role::kSsmConv, a.il),
                       .bias = nullptr,
                       .kernel = b.params().ssm.conv_kernel,
                       .silu = false,
                       .layer = a.il,
                       .state = 0,
                       .gate_in = columns(bcx, 0, d),
                       .gate_out = columns(bcx, d, d)});
  project(b, y, a);
}

}  // namespace

void GraphBuilder::recurrent(View x, View out, int il, const Norm& norm, bool accumulate) {
  const MixerArgs a{x, out, il, norm, accumulate};
  switch (p_.arch->recurrent) {
    case RecurrentMixer::kNone:
      return;
    case RecurrentMixer::kDeltaNet:
      return delta_net(*this, a, false);
    case RecurrentMixer::kGroupedDeltaNet:
      return delta_net(*this, a, true);
    case RecurrentMixer::kKimiDelta:
      return kimi_delta(*this, a);
    case RecurrentMixer::kMamba2:
      return mamba2(*this, a);
    case RecurrentMixer::kMamba1:
      return mamba1(*this, a);
    case RecurrentMixer::kShortConv:
      return short_conv(*this, a);
  }
}

}  // namespace hearth::model
