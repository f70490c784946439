#include "model/graph_builder.h"

namespace hearth::model {

using namespace tensor;

GraphBuilder::GraphBuilder(const Model& model, const Ropes& ropes, int n_tokens, Graph& graph)
    : m_(model), p_(model.params()), ropes_(ropes), n_(n_tokens), g_(graph) {}

Norm GraphBuilder::norm_of(const Weight& weight) const {
  if (!weight.present()) return {};
  // While memory is planned there are no numbers yet: the norm is there all the same.
  return {.weight = reinterpret_cast<const float*>(weight.data),
          .bias = weight.bias,
          .eps = p_.norm_eps,
          .layer_norm = p_.arch->layer_norm,
          .unweighted = weight.data == nullptr};
}

Norm GraphBuilder::norm(Role role, int il) const {
  return norm_of(is_layer_role(role) ? m_.weight(role, il) : m_.weight(role));
}

Norm GraphBuilder::plain_norm() const {
  return {.eps = p_.norm_eps, .layer_norm = p_.arch->layer_norm, .unweighted = true};
}

View GraphBuilder::normed(View x, const Norm& norm) {
  const View y = g_.add_tensor(n_, x.width);
  g_.add(NormOp{x, y, norm});
  return y;
}

View GraphBuilder::matmul(View x, const Weight& weight, const Norm& norm) {
  const View y = g_.add_tensor(n_, weight.rows);
  g_.add(MatMulOp{x, 1, {&weight}, {y}, norm});
  return y;
}

void GraphBuilder::add(View x, View y, const Norm& norm, float scale) {
  g_.add(NormOp{y, x, norm, true, scale});
}

void GraphBuilder::scale(View x, float factor) {
  g_.add(NormOp{.in = x, .out = x, .norm = {}, .scale = factor});
}

View GraphBuilder::embed() {
  const View x = rows(p_.n_embd);
  const auto optional = [&](Role role) {
    const Weight& w = m_.weight(role);
    return w.present() ? &w : nullptr;
  };
  g_.add(EmbedOp{&m_.weight(Role::kTokenEmbd), p_.embed_scale, x, optional(Role::kPositionEmbd),
                 optional(Role::kTokenTypes)});
  if (const Norm n = norm(Role::kTokenEmbdNorm); n.present()) g_.add(NormOp{x, x, n});
  return x;
}

View GraphBuilder::hidden_input() {
  const View x = rows(p_.n_embd);
  g_.add(HiddenInputOp{x});
  return x;
}

void GraphBuilder::rope_tables() {
  const auto add_table = [&](LayerRope kind, const RopeParams& params, const RopeConfig& rope) {
    View table;
    for (const LayerParams& l : p_.layers)
      if (l.mixer == Mixer::kAttention && l.rope == kind && !table.present()) {
        table = rows(params.n_rot);
        g_.add(RopeTableOp{rope.inv_freq.data(), params.n_rot / 2, rope.mscale, table});
      }
    return table;
  };
  main_table_ = add_table(LayerRope::kMain, p_.rope, ropes_.main);
  window_table_ = add_table(LayerRope::kWindow, p_.window_rope, ropes_.window);
}

bool GraphBuilder::ffn_in_place(int il) const {
  return layer_params(il).ffn != FfnKind::kExperts || layer_params(il).n_ff_shared == 0;
}

void GraphBuilder::layer(View x, int il) {
  if (p_.arch->layer != nullptr) {
    p_.arch->layer(*this, x, il);
    return;
  }
  const bool lacks_norm = !m_.weight(Role::kFfnNorm, il).present();
  if (p_.topology == Topology::kParallel ||
      (p_.topology == Topology::kParallelWithoutFfnNorm && lacks_norm)) {
    parallel_layer(x, il);
    return;
  }
  if (p_.topology == Topology::kPostNorm) {
    post_norm_layer(x, il);
    return;
  }
  const bool in_place = !p_.arch->recurrent_beside_attention;
  half(x, Role::kPostAttnNorm, il, in_place, [&](View out, bool accumulate) {
    mixer(x, out, il, norm(Role::kAttnNorm, il), accumulate);
  });
  if (layer_params(il).ffn == FfnKind::kNone) return;
  half(x, Role::kPostFfnNorm, il, ffn_in_place(il),
       [&](View out, bool accumulate) { ffn(x, out, il, norm(Role::kFfnNorm, il), accumulate); });
}

void GraphBuilder::parallel_layer(View x, int il) {
  const View y = rows(p_.n_embd);
  const Norm first = norm(Role::kAttnNorm, il);
  // Falcon 40B has a norm for attention beside that of the FFN, GPT-NeoX and StableLM one for the
  // FFN.
  const Norm second = norm(Role::kAttnNorm2, il);
  const Norm own = norm(Role::kFfnNorm, il);
  mixer(x, y, il, second.present() ? second : first, false);
  ffn(x, y, il, own.present() ? own : first, true);
  add(x, y, {}, p_.residual_scale);
}

void GraphBuilder::post_norm_layer(View x, int il) {
  // Where there is a second norm, what the layer has read is added once more before it: Jina 2.
  const Norm again = norm(Role::kAttnNorm2, il);
  const View read = again.present() ? normed(x, {}) : View{};
  mixer(x, x, il, {}, true);
  g_.add(NormOp{x, x, norm(Role::kPostAttnNorm, il)});
  if (again.present()) {
    add(x, read);
    g_.add(NormOp{x, x, again});
  }
  ffn(x, x, il, {}, true);
  g_.add(NormOp{x, x, norm(Role::kPostFfnNorm, il)});
}

void GraphBuilder::mixer(View x, View out, int il, const Norm& norm, bool accumulate) {
  const bool recurs = layer_params(il).mixer == Mixer::kRecurrent;
  if (!recurs && p_.mla.kv_rank > 0)
    latent_attention(x, out, il, norm, accumulate);
  else if (!recurs)
    attention(x, out, il, norm, accumulate);
  if (recurs || p_.arch->recurrent_beside_attention)
    recurrent(x, out, il, norm, accumulate || !recurs);
}

View GraphBuilder::head(View x, int n_outputs) {
  const View chosen = g_.add_tensor(n_outputs, p_.n_embd);
  g_.add(SelectRowsOp{x, chosen});
  const View logits = g_.add_tensor(n_outputs, p_.n_vocab);
  const Norm before = p_.arch->plain_output_norm ? plain_norm() : norm(Role::kOutputNorm);
  g_.add(MatMulOp{chosen, 1, {&m_.head()}, {logits}, before});
  if (p_.final_softcap > 0 || p_.logit_scale != 1)
    g_.add(SoftcapOp{logits, p_.final_softcap, p_.logit_scale});
  return logits;
}

View build_graph(const Model& model, const Ropes& ropes, LayerRange range, int n_tokens,
                 int n_outputs, Graph& graph) {
  graph.clear();
  GraphBuilder builder(model, ropes, n_tokens, graph);
  const ArchSpec& arch = *model.params().arch;
  const bool to_the_end = range.end < 0;
  const bool states = to_the_end && range.states;
  const int end = to_the_end ? model.params().n_layers() : range.end;
  const View x = range.begin == 0 ? builder.embed() : builder.hidden_input();
  builder.rope_tables();
  if (arch.before_layers != nullptr) arch.before_layers(builder, x);
  for (int il = range.begin; il < end; ++il) builder.layer(x, il);
  // BERT's last layer ends with a norm: it has no other.
  if (const Norm last = builder.norm(Role::kOutputNorm); states && last.present())
    graph.add(NormOp{x, x, last});
  // Without wanted rows (the middle of a prompt) the head is left out.
  const View result = to_the_end && !states && n_outputs > 0 ? builder.head(x, n_outputs) : x;
  graph.keep(result);
  graph.plan();
  return result;
}

}  // namespace hearth::model
