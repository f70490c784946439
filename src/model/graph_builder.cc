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
    const View attended = branch(x, Role::kPostAttnNorm, il);
    attention(x, attended, il);
    join(x, attended, Role::kPostAttnNorm, il);
    const View out = branch(x, Role::kPostFfnNorm, il);
    if (p_.n_experts > 0)
      experts(x, out, il);
    else
      ffn(x, out, il);
    join(x, out, Role::kPostFfnNorm, il);
  }

  View head(View x, int n_outputs) {
    const View rows = g_.add_tensor(n_outputs, p_.n_embd);
    g_.add(SelectRowsOp{x, rows});
    const View logits = g_.add_tensor(n_outputs, p_.n_vocab);
    g_.add(MatMulOp{rows, 1, {&m_.head()}, {logits}, norm(m_.vector(Role::kOutputNorm))});
    if (p_.final_softcap > 0 || p_.logit_scale != 1)
      g_.add(SoftcapOp{logits, p_.final_softcap, p_.logit_scale});
    return logits;
  }

 private:
  [[nodiscard]] Norm norm(const float* weight) const { return {weight, nullptr, p_.norm_eps}; }

  // Where a branch writes: it adds to x itself, unless a norm comes between.
  View branch(View x, Role post_norm, int il) {
    return m_.weight(post_norm, il).present() ? g_.add_tensor(n_, p_.n_embd) : x;
  }
  void join(View x, View branch, Role post_norm, int il) {
    if (branch.tensor != x.tensor) g_.add(NormOp{branch, x, norm(m_.vector(post_norm, il)), true});
  }

  // out (+)= attention(norm x).
  void attention(View x, View out, int il) {
    const LayerParams& l = p_.layers[size_t(il)];
    const int64_t q_width = p_.size(Dim::kQ, il);
    const int64_t k_width = p_.size(Dim::kK, il);
    const int64_t v_width = p_.size(Dim::kV, il);
    // Q, K and V side by side in one tensor, whether one matrix makes them or three.
    const View qkv = g_.add_tensor(n_, q_width + k_width + v_width);
    const View q = columns(qkv, 0, q_width);
    const View k = columns(qkv, q_width, k_width);
    const View v = columns(qkv, q_width + k_width, v_width);
    const Norm before = norm(m_.vector(Role::kAttnNorm, il));
    if (const Weight& fused = m_.weight(Role::kAttnQkv, il); fused.present())
      g_.add(MatMulOp{x, 1, {&fused}, {qkv}, before});
    else
      g_.add(MatMulOp{x,
                      3,
                      {&m_.weight(Role::kAttnQ, il), &m_.weight(Role::kAttnK, il),
                       &m_.weight(Role::kAttnV, il)},
                      {q, k, v},
                      before});
    g_.add(KvAppendOp{k, v, il, q, norm(m_.vector(Role::kAttnQNorm, il)),
                      norm(m_.vector(Role::kAttnKNorm, il)), rope_table_, p_.rope.n_rot / 2,
                      p_.arch->rope});
    const View mixed = g_.add_tensor(n_, p_.size(Dim::kAttnOut, il));
    g_.add(AttentionOp{q, mixed, il, l.n_heads, p_.head_dim_k, p_.head_dim_v, l.attn_scale,
                       p_.attn_softcap, l.window, nullptr});
    g_.add(MatMulOp{mixed, 1, {&m_.weight(Role::kAttnOut, il)}, {out}, {}, x.tensor == out.tensor});
  }

  // out (+)= ffn(norm x).
  void ffn(View x, View out, int il) {
    const View hidden = g_.add_tensor(n_, 2 * int64_t(p_.layers[size_t(il)].n_ff));
    const Weight& gate = m_.weight(Role::kFfnGate, il);
    g_.add(FfnOp{x, gate.present() ? &gate : nullptr, &m_.weight(Role::kFfnUp, il),
                 &m_.weight(Role::kFfnDown, il), hidden, out, p_.arch->activation,
                 norm(m_.vector(Role::kFfnNorm, il)), x.tensor == out.tensor});
  }

  void experts(View x, View out, int il) {
    const int64_t n_slots = n_ * p_.n_experts_used;
    g_.add(MoeOp{.in = x,
                 .router = &m_.weight(Role::kFfnRouter, il),
                 .logits = g_.add_tensor(n_, p_.n_experts),
                 .gate = &m_.weight(Role::kFfnGateExps, il),
                 .up = &m_.weight(Role::kFfnUpExps, il),
                 .down = &m_.weight(Role::kFfnDownExps, il),
                 .hidden = g_.add_tensor(n_slots, 2 * int64_t(p_.n_ff_expert)),
                 .partial = g_.add_tensor(n_slots, p_.n_embd),
                 .out = out,
                 .n_experts = p_.n_experts,
                 .n_used = p_.n_experts_used,
                 .renormalize = p_.arch->expert_renormalize,
                 .weight_scale = p_.expert_weight_scale,
                 .activation = p_.arch->activation,
                 .norm = norm(m_.vector(Role::kFfnNorm, il)),
                 .accumulate = x.tensor == out.tensor});
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
