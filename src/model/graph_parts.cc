// GraphBuilder's parts: attention, latent attention, feed-forward networks.
#include "model/graph_builder.h"

namespace hearth::model {

using namespace tensor;

View GraphBuilder::attend(const Heads& heads, int il) {
  const LayerParams& l = layer_params(il);
  const int kv_layer = p_.kv_layer(il);
  const bool window = l.rope == LayerRope::kWindow;
  const View table = l.rope == LayerRope::kNone ? View{} : window ? window_table_ : main_table_;
  const int n_rot = window ? p_.window_rope.n_rot : p_.rope.n_rot;
  g_.add(KvAppendOp{.k = heads.k,
                    .v = heads.v,
                    .layer = kv_layer,
                    .q = heads.q,
                    .q_norm = heads.q_norm,
                    .k_norm = heads.k_norm,
                    .table = table,
                    .n_pairs = n_rot / 2,
                    .pairing = p_.arch->rope,
                    .rope_begin = heads.rope_begin,
                    .norm_behind_rope = p_.arch->qk_norm_behind_rope,
                    .v_norm = heads.v_norm,
                    .q_step = heads.q_step});
  const View mixed = rows(int64_t(l.n_heads) * l.head_dim_v);
  const Weight& sinks = m_.weight(Role::kAttnSinks, il);
  Temperature temperature = p_.temperature;
  temperature.scale = l.temperature;
  Mask mask = p_.causal ? Mask::kCausal : Mask::kFull;
  if (l.window > 0 && p_.arch->window_symmetric) mask = Mask::kSymmetric;
  if (l.window > 0 && p_.arch->window_chunked) mask = Mask::kChunked;
  g_.add(
      AttentionOp{.q = heads.q,
                  .out = mixed,
                  .layer = kv_layer,
                  .n_heads = l.n_heads,
                  .dk = l.head_dim_k,
                  .dv = l.head_dim_v,
                  .scale = l.attn_scale,
                  .softcap = p_.attn_softcap,
                  .window = l.window,
                  .sinks = sinks.present() ? reinterpret_cast<const float*>(sinks.data) : nullptr,
                  .mask = mask,
                  .temperature = temperature,
                  .max_alibi = p_.max_alibi,
                  .q_step = heads.q_step,
                  .selected = heads.selected});
  return mixed;
}

// The norm of each head: its own weights where the tensor has them for all.
static Norm head_norm(Norm norm, const Weight& weight, int64_t head_dim) {
  norm.head_step = weight.k > head_dim ? head_dim : 0;
  return norm;
}

void GraphBuilder::attention(View x, View out, int il, const Norm& norm, bool accumulate) {
  const LayerParams& l = layer_params(il);
  const bool gate_in_q = p_.arch->attn_gate == AttnGate::kSigmoidInQ;
  const int64_t q_width = p_.size(gate_in_q ? Dim::kQTwice : Dim::kQ, il);
  const int64_t k_width = p_.size(Dim::kK, il);
  const int64_t v_width = p_.size(Dim::kV, il);
  // Q, K and V side by side in one tensor, whether one matrix makes them or three.
  const View qkv = rows(q_width + k_width + v_width);
  Heads heads{.q = columns(qkv, 0, q_width),
              .k = columns(qkv, q_width, k_width),
              .v = columns(qkv, q_width + k_width, v_width)};
  if (gate_in_q) heads.q_step = 2 * int64_t(l.head_dim_k);
  if (const Weight& fused = m_.weight(Role::kAttnQkv, il); fused.present())
    g_.add(MatMulOp{x, 1, {&fused}, {qkv}, norm});
  else
    g_.add(MatMulOp{
        x,
        3,
        {&m_.weight(Role::kAttnQ, il), &m_.weight(Role::kAttnK, il), &m_.weight(Role::kAttnV, il)},
        {heads.q, heads.k, heads.v},
        norm});
  if (p_.clamp_qkv > 0) g_.add(ClampOp{qkv, p_.clamp_qkv});
  heads.q_norm = this->norm(Role::kAttnQNorm, il);
  heads.k_norm = this->norm(Role::kAttnKNorm, il);
  if (p_.arch->wide_qk_norm && heads.q_norm.present()) {
    g_.add(NormOp{heads.q, heads.q, heads.q_norm});
    g_.add(NormOp{heads.k, heads.k, heads.k_norm});
    heads.q_norm = heads.k_norm = {};
  }
  if (p_.plain_qk_norm && l.rope != LayerRope::kNone) heads.q_norm = heads.k_norm = plain_norm();
  heads.q_norm = head_norm(heads.q_norm, m_.weight(Role::kAttnQNorm, il), l.head_dim_k);
  heads.k_norm = head_norm(heads.k_norm, m_.weight(Role::kAttnKNorm, il), l.head_dim_k);
  const View mixed = attend(heads, il);
  if (gate_in_q)
    g_.add(GateOp{.in = mixed,
                  .gate = columns(heads.q, l.head_dim_k, q_width - l.head_dim_k),
                  .out = mixed,
                  .activation = Activation::kSigmoid,
                  .n_heads = l.n_heads,
                  .gate_step = heads.q_step});
  if (const Weight& gate = m_.weight(Role::kAttnGate, il); gate.present())
    g_.add(GateOp{.in = mixed,
                  .gate = matmul(x, gate, norm),
                  .out = mixed,
                  .activation = p_.arch->attn_gate == AttnGate::kSoftplus ? Activation::kSoftplus
                                                                          : Activation::kSigmoid,
                  .n_heads = l.n_heads});
  if (p_.value_scale != 1) scale(mixed, p_.value_scale);
  g_.add(MatMulOp{mixed,
                  1,
                  {&m_.weight(Role::kAttnOut, il)},
                  {out},
                  this->norm(Role::kAttnSubNorm, il),
                  accumulate});
}

// Briefs models-and-formats 2.4.5, DSA indexer. Of the queries and keys, the values that rotate come
// first. The Hadamard matrix that they are multiplied with elsewhere changes no product.
View GraphBuilder::select_positions(View x, View q_a, int il, const Norm& norm) {
  const Selects selects = layer_params(il).selects;
  if (selects == Selects::kAll) return {};
  if (selects == Selects::kAsBefore) {
    HEARTH_CHECK(selected_.present());  // no range of layers begins between the two
    return selected_;
  }
  const IndexerParams& indexer = p_.indexer;
  const View q = matmul(q_a, m_.weight(Role::kIndexQB, il), this->norm(Role::kMlaQANorm, il));
  const View k = rows(indexer.width);
  const View weights = rows(indexer.n_heads);
  g_.add(MatMulOp{x,
                  2,
                  {&m_.weight(Role::kIndexK, il), &m_.weight(Role::kIndexWeights, il)},
                  {k, weights},
                  norm});
  Norm k_norm = this->norm(Role::kIndexKNorm, il);
  k_norm.layer_norm = true;
  k_norm.eps = 1e-6f;
  const int cache = p_.n_layers() + il;
  g_.add(KvAppendOp{.k = k,
                    .v = {},
                    .layer = cache,
                    .q = q,
                    .k_norm = k_norm,
                    .table = main_table_,
                    .n_pairs = p_.rope.n_rot / 2,
                    .pairing = p_.arch->index_rope});
  selected_ = rows(indexer.top_k);
  g_.add(SelectPositionsOp{q, weights, selected_, cache, indexer.n_heads});
  return selected_;
}

// Briefs models-and-formats 2.4.5. Cached are the compressed values and the rotated part of the
// keys, as one head of keys; its compressed part is the head of values.
void GraphBuilder::latent_attention(View x, View out, int il, const Norm& norm, bool accumulate) {
  const LayerParams& l = layer_params(il);
  const MlaParams& mla = p_.mla;
  const int64_t head = mla.nope + mla.rope;
  const int64_t key = mla.kv_rank + mla.rope;
  const Weight& k_b = m_.weight(Role::kMlaKB, il);
  const bool compressed = mla.q_rank > 0;
  const View q_a = rows(compressed ? mla.q_rank : l.n_heads * head);
  const View kv_a = rows(key);
  g_.add(MatMulOp{
      x,
      2,
      {&m_.weight(compressed ? Role::kMlaQA : Role::kAttnQ, il), &m_.weight(Role::kMlaKvA, il)},
      {q_a, kv_a},
      norm});
  const View q =
      compressed ? matmul(q_a, m_.weight(Role::kMlaQB, il), this->norm(Role::kMlaQANorm, il)) : q_a;
  const View selected = select_positions(x, q_a, il, norm);
  const View values = columns(kv_a, 0, mla.kv_rank);
  g_.add(NormOp{values, values, this->norm(Role::kMlaKvANorm, il)});
  if (k_b.present()) {
    const View wide_q = rows(l.n_heads * key);
    g_.add(HeadMatMulOp{q, head, &k_b, wide_q, key});
    g_.add(CopyHeadsOp{columns(q, mla.nope, q.width - mla.nope), head,
                       columns(wide_q, mla.kv_rank, wide_q.width - mla.kv_rank), key, mla.rope,
                       l.n_heads});
    const View mixed = attend(
        {.q = wide_q, .k = kv_a, .v = values, .rope_begin = mla.kv_rank, .selected = selected}, il);
    const View answers = rows(int64_t(l.n_heads) * mla.v);
    g_.add(HeadMatMulOp{mixed, mla.kv_rank, &m_.weight(Role::kMlaVB, il), answers, mla.v});
    g_.add(MatMulOp{answers, 1, {&m_.weight(Role::kAttnOut, il)}, {out}, {}, accumulate});
    return;
  }
  // Files before the split of attn_kv_b: heads of keys and values are made whole, and cached.
  const View kv = matmul(values, m_.weight(Role::kMlaKvB, il));
  const View k = rows(l.n_heads * head);
  const View v = rows(int64_t(l.n_heads) * mla.v);
  const int64_t step = mla.nope + mla.v;
  g_.add(CopyHeadsOp{kv, step, k, head, mla.nope, l.n_heads});
  g_.add(CopyHeadsOp{columns(kv_a, mla.kv_rank, mla.rope), 0,
                     columns(k, mla.nope, k.width - mla.nope), head, mla.rope, l.n_heads});
  g_.add(CopyHeadsOp{columns(kv, mla.nope, kv.width - mla.nope), step, v, mla.v, mla.v, l.n_heads});
  const View mixed = attend({.q = q, .k = k, .v = v, .rope_begin = mla.nope}, il);
  g_.add(MatMulOp{mixed, 1, {&m_.weight(Role::kAttnOut, il)}, {out}, {}, accumulate});
}

void GraphBuilder::ffn(View x, View out, int il, const Norm& norm, bool accumulate) {
  if (layer_params(il).ffn != FfnKind::kExperts) {
    dense_ffn(x, out, il, norm, accumulate);
    return;
  }
  experts(x, out, il, norm, accumulate);
  if (layer_params(il).n_ff_shared > 0) shared_expert(x, out, il, norm);
}

void GraphBuilder::dense_ffn(View x, View out, int il, const Norm& norm, bool accumulate) {
  const Weight& gate = m_.weight(Role::kFfnGate, il);
  const Weight& up = m_.weight(Role::kFfnUp, il);
  const View hidden = rows(2 * int64_t(layer_params(il).n_ff));
  // Of one architecture some files have a gate, in a matrix of its own or as half of up, and some
  // none.
  const bool has_gate = gate.present() || up.rows > layer_params(il).n_ff;
  g_.add(FfnOp{.in = x,
               .gate = gate.present() ? &gate : nullptr,
               .up = &up,
               .down = &m_.weight(Role::kFfnDown, il),
               .hidden = hidden,
               .out = out,
               .activation = p_.activation,
               .norm = norm,
               .accumulate = accumulate,
               .gated = p_.arch->gated && has_gate,
               .limit = layer_params(il).ffn_limit});
}

void GraphBuilder::experts(View x, View out, int il, const Norm& norm, bool accumulate,
                           View router_in) {
  const int64_t n_slots = n_ * p_.n_experts_used;
  const Weight& gate = m_.weight(Role::kFfnGateExps, il);
  const Weight& both = m_.weight(Role::kFfnGateUpExps, il);
  const Weight& bias = m_.weight(Role::kFfnSelectionBias, il);
  const Routing routing{
      .n_experts = p_.n_experts,
      .n_used = p_.n_experts_used,
      .gating = p_.expert_gating,
      .selection_bias = bias.present() ? reinterpret_cast<const float*>(bias.data) : nullptr,
      .n_groups = p_.n_expert_groups,
      .n_groups_used = p_.n_expert_groups_used,
      .renormalize = p_.expert_renormalize,
      .weight_scale = p_.expert_weight_scale,
      .weight_before = p_.arch->expert_weight_before};
  g_.add(MoeOp{.in = x,
               .router = &m_.weight(Role::kFfnRouter, il),
               .logits = g_.add_tensor(n_, p_.n_experts),
               .gate = gate.present() ? &gate : nullptr,
               .up = both.present() ? &both : &m_.weight(Role::kFfnUpExps, il),
               .down = &m_.weight(Role::kFfnDownExps, il),
               .hidden = g_.add_tensor(n_slots, 2 * int64_t(p_.n_ff_expert)),
               .partial = g_.add_tensor(n_slots, m_.weight(Role::kFfnDownExps, il).rows),
               .out = out,
               .routing = routing,
               .activation = p_.activation,
               .norm = norm,
               .accumulate = accumulate,
               .gated = p_.arch->gated,
               .router_in = router_in,
               .limit = layer_params(il).expert_limit});
}

// out += ffn(norm x), times a gate of its own where it has one.
void GraphBuilder::shared_expert(View x, View out, int il, const Norm& norm) {
  const Weight& gate = m_.weight(Role::kFfnGateShared, il);
  const Weight& router = m_.weight(Role::kFfnRouterShared, il);
  const View hidden = rows(2 * int64_t(layer_params(il).n_ff_shared));
  const View answer = router.present() ? rows(p_.n_embd) : out;
  g_.add(FfnOp{.in = x,
               .gate = gate.present() ? &gate : nullptr,
               .up = &m_.weight(Role::kFfnUpShared, il),
               .down = &m_.weight(Role::kFfnDownShared, il),
               .hidden = hidden,
               .out = answer,
               .activation = p_.activation,
               .norm = norm,
               .accumulate = !router.present(),
               .gated = p_.arch->gated,
               .limit = layer_params(il).ffn_limit});
  if (!router.present()) return;
  const View weight = matmul(x, router, norm);
  g_.add(GateOp{.in = answer,
                .gate = weight,
                .out = out,
                .activation = Activation::kSigmoid,
                .accumulate = true});
}

}  // namespace hearth::model
