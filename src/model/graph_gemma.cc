// GraphBuilder's parts that Gemma 3n and 4 share.
#include <cmath>

#include "model/graph_builder.h"

namespace hearth::model {

using namespace tensor;

void GraphBuilder::shared_kv_attention(View x, View out, int il, const Norm& norm) {
  const Weight& values = m_.weight(Role::kAttnV, il);
  Heads heads{.q = rows(p_.size(Dim::kQ, il)),
              .k = {},
              .v = {},
              .q_norm = this->norm(Role::kAttnQNorm, il)};
  if (layer_params(il).kv_layer < 0) {
    heads.k = rows(p_.size(Dim::kK, il));
    heads.v = rows(p_.size(Dim::kV, il));
    heads.k_norm = this->norm(Role::kAttnKNorm, il);
    heads.v_norm = plain_norm();
    g_.add(MatMulOp{x,
                    values.present() ? 3 : 2,
                    {&m_.weight(Role::kAttnQ, il), &m_.weight(Role::kAttnK, il), &values},
                    {heads.q, heads.k, heads.v},
                    norm});
    if (!values.present()) g_.add(NormOp{heads.k, heads.v, {}});
  } else {
    g_.add(MatMulOp{x, 1, {&m_.weight(Role::kAttnQ, il)}, {heads.q}, norm});
  }
  g_.add(MatMulOp{attend(heads, il), 1, {&m_.weight(Role::kAttnOut, il)}, {out}});
}

View GraphBuilder::embedding_branch(View x, int il) {
  const View gate = matmul(x, m_.weight(Role::kLayerInputGate, il));
  g_.add(GateOp{
      .in = layer_embedding(il), .gate = gate, .out = gate, .activation = Activation::kGeluTanh});
  return matmul(gate, m_.weight(Role::kLayerProj, il));
}

// e[l] = (sqrt(w) * embedding[l] + norm(projection of x)[l]) / sqrt(2) for every layer l.
void embed_layers(GraphBuilder& g, View x) {
  const HyperParams& p = g.params();
  if (p.layer_embd == 0) return;
  const View all = g.rows(p.size(Dim::kLayerEmbdAll, 0));
  g.graph().add(EmbedOp{.weight = &g.model().weight(Role::kLayerEmbd),
                        .scale = std::sqrt(float(p.layer_embd)),
                        .out = all,
                        .other_row = 0});
  const View projected = g.matmul(x, g.model().weight(Role::kLayerEmbdProj));
  g.scale(projected, 1 / std::sqrt(float(p.n_embd)));
  g.graph().add(NormOp{.in = projected,
                       .out = all,
                       .norm = g.norm(Role::kLayerEmbdProjNorm),
                       .accumulate = true,
                       .n_heads = p.n_layers()});
  g.scale(all, std::sqrt(0.5f));
  g.set_layer_embeddings(all);
}

}  // namespace hearth::model
