#include "model/graph_builder.h"

namespace hearth::model {
namespace {

using namespace tensor;

class GraphBuilder {
 public:
  GraphBuilder(const Model& model, const RopeConfig& rope, int n_tokens, Graph& graph)
      : m_(model), p_(model.params()), rope_(rope), n_(n_tokens), g_(graph) {}

  View embed() {
    const View x = g_.add_tensor(n_, p_.n_embd);
    g_.add(EmbedOp{&m_.weight(Role::kTokenEmbd), p_.embed_scale, x});
    return x;
  }

  View hidden_input() {
    const View x = g_.add_tensor(n_, p_.n_embd);
    g_.add(HiddenInputOp{x});
    return x;
  }

  void rope_table() {
    if (p_.arch->rope == RopePairing::kNone) return;
    rope_table_ = g_.add_tensor(n_, p_.rope.n_rot);
    g_.add(RopeTableOp{rope_.inv_freq.data(), p_.rope.n_rot / 2, rope_.mscale, rope_table_});
  }

  // x += post?(attention(norm x)); x += post?(ffn(norm x)).
  void layer(View x, int il) {
    residual(x, attention(norm(x, Role::kAttnNorm, il), il), Role::kPostAttnNorm, il);
    const View h = norm(x, Role::kFfnNorm, il);
    residual(x, p_.n_experts > 0 ? experts(h, il) : ffn(h, il), Role::kPostFfnNorm, il);
  }

  View head(View x, int n_outputs) {
    const View rows = g_.add_tensor(n_outputs, p_.n_embd);
    g_.add(SelectRowsOp{x, rows});
    normalize(rows, rows, m_.vector(Role::kOutputNorm), p_.n_embd);
    const View logits = g_.add_tensor(n_outputs, p_.n_vocab);
    g_.add(MatMulOp{rows, 1, {&m_.head()}, {logits}});
    if (p_.final_softcap > 0 || p_.logit_scale != 1)
      g_.add(SoftcapOp{logits, p_.final_softcap, p_.logit_scale});
    return logits;
  }

 private:
  void normalize(View in, View out, const float* weight, int64_t span) {
    g_.add(NormOp{in, out, weight, nullptr, span, p_.norm_eps, false});
  }

  View norm(View x, Role role, int il) {
    const View out = g_.add_tensor(n_, p_.n_embd);
    normalize(x, out, m_.vector(role, il), p_.n_embd);
    return out;
  }

  void residual(View x, View branch, Role post_norm, int il) {
    if (const float* weight = m_.vector(post_norm, il))
      normalize(branch, branch, weight, p_.n_embd);
    g_.add(AddOp{x, branch, x, 1.0f});
  }

  View attention(View h, int il) {
    const LayerParams& l = p_.layers[size_t(il)];
    const int64_t q_width = p_.size(Dim::kQ, il);
    const int64_t k_width = p_.size(Dim::kK, il);
    const int64_t v_width = p_.size(Dim::kV, il);
    // Q, K and V side by side in one tensor, whether one matrix makes them or three.
    const View qkv = g_.add_tensor(n_, q_width + k_width + v_width);
    const View q = columns(qkv, 0, q_width);
    const View k = columns(qkv, q_width, k_width);
    const View v = columns(qkv, q_width + k_width, v_width);
    if (const Weight& fused = m_.weight(Role::kAttnQkv, il); fused.present())
      g_.add(MatMulOp{h, 1, {&fused}, {qkv}});
    else
      g_.add(MatMulOp{h,
                      3,
                      {&m_.weight(Role::kAttnQ, il), &m_.weight(Role::kAttnK, il),
                       &m_.weight(Role::kAttnV, il)},
                      {q, k, v}});
    if (const float* weight = m_.vector(Role::kAttnQNorm, il))
      normalize(q, q, weight, p_.head_dim_k);
    if (const float* weight = m_.vector(Role::kAttnKNorm, il))
      normalize(k, k, weight, p_.head_dim_k);
    if (rope_table_.present())
      g_.add(RopeOp{q, k, rope_table_, p_.head_dim_k, p_.rope.n_rot / 2, p_.arch->rope});
    g_.add(KvAppendOp{k, v, il});
    const View mixed = g_.add_tensor(n_, p_.size(Dim::kAttnOut, il));
    g_.add(AttentionOp{q, mixed, il, l.n_heads, p_.head_dim_k, p_.head_dim_v, l.attn_scale,
                       p_.attn_softcap, l.window, nullptr});
    return project(mixed, m_.weight(Role::kAttnOut, il));
  }

  View project(View in, const Weight& weight) {
    const View out = g_.add_tensor(n_, weight.rows);
    g_.add(MatMulOp{in, 1, {&weight}, {out}});
    return out;
  }

  View ffn(View h, int il) {
    const int64_t f = p_.layers[size_t(il)].n_ff;
    const View both = g_.add_tensor(n_, 2 * f);
    const View gate = columns(both, 0, f);
    const View up = columns(both, f, f);
    const Weight& gate_weight = m_.weight(Role::kFfnGate, il);
    const Weight& up_weight = m_.weight(Role::kFfnUp, il);
    if (gate_weight.present())
      g_.add(MatMulOp{h, 2, {&gate_weight, &up_weight}, {gate, up}});
    else
      g_.add(MatMulOp{h, 1, {&up_weight}, {both}});  // one matrix, gate first
    g_.add(GluOp{gate, up, gate, p_.arch->activation});
    return project(gate, m_.weight(Role::kFfnDown, il));
  }

  View experts(View h, int il) {
    const View router = project(h, m_.weight(Role::kFfnRouter, il));
    const int64_t n_slots = n_ * p_.n_experts_used;
    const View hidden = g_.add_tensor(n_slots, 2 * int64_t(p_.n_ff_expert));
    const View partial = g_.add_tensor(n_slots, p_.n_embd);
    const View out = g_.add_tensor(n_, p_.n_embd);
    g_.add(MoeOp{h, router, &m_.weight(Role::kFfnGateExps, il), &m_.weight(Role::kFfnUpExps, il),
                 &m_.weight(Role::kFfnDownExps, il), hidden, partial, out, p_.n_experts,
                 p_.n_experts_used, p_.arch->expert_renormalize, p_.expert_weight_scale,
                 p_.arch->activation});
    return out;
  }

  const Model& m_;
  const HyperParams& p_;
  const RopeConfig& rope_;
  int64_t n_;
  Graph& g_;
  View rope_table_;
};

}  // namespace

View build_graph(const Model& model, const RopeConfig& rope, LayerRange range, int n_tokens,
                 int n_outputs, Graph& graph) {
  graph.clear();
  GraphBuilder builder(model, rope, n_tokens, graph);
  const bool to_the_end = range.end < 0;
  const int end = to_the_end ? model.params().n_layers() : range.end;
  const View x = range.begin == 0 ? builder.embed() : builder.hidden_input();
  builder.rope_table();
  for (int il = range.begin; il < end; ++il) builder.layer(x, il);
  // Without wanted rows (the middle of a prompt) the head is left out.
  const View result = to_the_end && n_outputs > 0 ? builder.head(x, n_outputs) : x;
  graph.keep(result);
  graph.plan();
  return result;
}

}  // namespace hearth::model
