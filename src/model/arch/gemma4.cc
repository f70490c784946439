// gemma4: Gemma 4. Layers that slide and layers that see everything have heads of their own width;
// the latter may use the keys as values. The last layers read the KV cache of earlier ones; small
// models have an embedding for every layer, large ones experts beside the FFN.
#include <fmt/format.h>

#include <cmath>
#include <string>

#include "format/gguf_value.h"
#include "model/graph_builder.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kAttention = {
    TensorSpec{Role::kAttnNorm, "attn_norm", {Dim::kEmbd}},
    TensorSpec{Role::kAttnQ, "attn_q", {Dim::kEmbd, Dim::kQ}},
    TensorSpec{Role::kAttnK, "attn_k", {Dim::kEmbd, Dim::kK}, Presence::kKvOwner},
    TensorSpec{Role::kAttnV, "attn_v", {Dim::kEmbd, Dim::kV}, Presence::kOptional},
    TensorSpec{Role::kAttnOut, "attn_output", {Dim::kAttnOut, Dim::kEmbd}},
    TensorSpec{Role::kAttnQNorm, "attn_q_norm", {Dim::kHeadK}},
    TensorSpec{Role::kAttnKNorm, "attn_k_norm", {Dim::kHeadK}, Presence::kKvOwner},
};
// Experts beside the FFN: each has its norms.
constexpr std::array kBeside = {
    TensorSpec{Role::kFfnRouterScale,
               "ffn_gate_inp",
               {Dim::kEmbd},
               Presence::kExpert,
               false,
               Suffix::kScale},
    TensorSpec{Role::kPostFfnNorm1, "post_ffw_norm_1", {Dim::kEmbd}, Presence::kExpert},
    TensorSpec{Role::kFfnNorm2, "pre_ffw_norm_2", {Dim::kEmbd}, Presence::kExpert},
    TensorSpec{Role::kPostFfnNorm2, "post_ffw_norm_2", {Dim::kEmbd}, Presence::kExpert},
    TensorSpec{Role::kLayerScale, "layer_output_scale", {Dim::kOne}, Presence::kOptional},
};
constexpr std::array kLayerEmbeddings = {
    TensorSpec{Role::kLayerEmbd,
               "per_layer_token_embd",
               {Dim::kLayerEmbdAll, Dim::kVocab},
               Presence::kLayerEmbedding},
    TensorSpec{Role::kLayerEmbdProj,
               "per_layer_model_proj",
               {Dim::kEmbd, Dim::kLayerEmbdAll},
               Presence::kLayerEmbedding},
    TensorSpec{Role::kLayerEmbdProjNorm,
               "per_layer_proj_norm",
               {Dim::kLayerEmbd},
               Presence::kLayerEmbedding},
    TensorSpec{Role::kLayerInputGate,
               "inp_gate",
               {Dim::kEmbd, Dim::kLayerEmbd},
               Presence::kLayerEmbedding},
    TensorSpec{Role::kLayerProj, "proj", {Dim::kLayerEmbd, Dim::kEmbd}, Presence::kLayerEmbedding},
    TensorSpec{Role::kLayerPostNorm, "post_norm", {Dim::kEmbd}, Presence::kLayerEmbedding},
};
constexpr TinyKey kTiny[] = {{"attention.key_length_swa", 8},
                             {"attention.value_length_swa", 8},
                             {"rope.dimension_count_swa", 8},
                             {"embedding_length_per_layer_input", 8}};
constexpr Role kTinyOptional[] = {Role::kFfnGateExps, Role::kFfnUpExps, Role::kLayerScale};

Result<void> adjust(HyperParams& params, const format::Metadata& metadata) {
  const auto read = [&](const char* key, uint64_t fallback) {
    return metadata.get_uint_or(std::string("gemma4.") + key, fallback);
  };
  const auto widest = uint64_t(params.layers[0].head_dim_k);
  HEARTH_ASSIGN(const uint64_t k, read("attention.key_length_swa", widest));
  HEARTH_ASSIGN(const uint64_t v, read("attention.value_length_swa", widest));
  HEARTH_ASSIGN(const uint64_t shared, read("attention.shared_kv_layers", 0));
  const auto n = params.layers.size();
  if (k == 0 || v == 0 || k > 65536 || v > 65536 || shared >= n)
    return fail(ErrorCode::kCorrupt,
                fmt::format("windows with heads of {} and {}, and {} of {} layers that share their "
                            "KV cache, are impossible",
                            k, v, shared, n),
                "the file is damaged; download it again");
  for (size_t i = 0; i < n; ++i) {
    LayerParams& layer = params.layers[i];
    if (layer.window > 0) {
      layer.head_dim_k = int(k);
      layer.head_dim_v = int(v);
    }
    layer.attn_scale = 1;
    if (layer.ffn == FfnKind::kExperts) layer.ffn = FfnKind::kBoth;
    if (i < n - shared) continue;
    // The last layer of the same kind that has a cache.
    for (size_t j = 0; j < n - shared; ++j)
      if ((params.layers[j].window > 0) == (layer.window > 0)) layer.kv_layer = int(j);
    if (layer.kv_layer < 0)
      return fail(ErrorCode::kCorrupt, fmt::format("layer {} has no KV cache to share", i),
                  "the file is damaged; download it again");
  }
  return {};
}

// e[l] = (sqrt(w) * embedding[l] + norm(projection of x)[l]) / sqrt(2) for every layer l.
void before_layers(GraphBuilder& g, tensor::View x) {
  const HyperParams& p = g.params();
  if (p.layer_embd == 0) return;
  const tensor::View all = g.rows(p.size(Dim::kLayerEmbdAll, 0));
  g.graph().add(tensor::EmbedOp{.weight = &g.model().weight(Role::kLayerEmbd),
                                .scale = std::sqrt(float(p.layer_embd)),
                                .out = all,
                                .other_row = 0});
  const tensor::View projected = g.matmul(x, g.model().weight(Role::kLayerEmbdProj));
  g.scale(projected, 1 / std::sqrt(float(p.n_embd)));
  g.graph().add(tensor::NormOp{.in = projected,
                               .out = all,
                               .norm = g.norm(Role::kLayerEmbdProjNorm),
                               .accumulate = true,
                               .n_heads = p.n_layers()});
  g.scale(all, std::sqrt(0.5f));
  g.set_layer_embeddings(all);
}

void attention(GraphBuilder& g, tensor::View x, tensor::View out, int il) {
  const Model& m = g.model();
  const HyperParams& p = g.params();
  const tensor::Norm norm = g.norm(Role::kAttnNorm, il);
  const tensor::Weight& values = m.weight(Role::kAttnV, il);
  GraphBuilder::Heads heads{
      .q = g.rows(p.size(Dim::kQ, il)), .k = {}, .v = {}, .q_norm = g.norm(Role::kAttnQNorm, il)};
  if (g.layer_params(il).kv_layer < 0) {
    heads.k = g.rows(p.size(Dim::kK, il));
    heads.v = g.rows(p.size(Dim::kV, il));
    heads.k_norm = g.norm(Role::kAttnKNorm, il);
    heads.v_norm = g.plain_norm();
    g.graph().add(
        tensor::MatMulOp{x,
                         values.present() ? 3 : 2,
                         {&m.weight(Role::kAttnQ, il), &m.weight(Role::kAttnK, il), &values},
                         {heads.q, heads.k, heads.v},
                         norm});
    if (!values.present()) g.graph().add(tensor::NormOp{heads.k, heads.v, {}});
  } else {
    g.graph().add(tensor::MatMulOp{x, 1, {&m.weight(Role::kAttnQ, il)}, {heads.q}, norm});
  }
  g.graph().add(tensor::MatMulOp{g.attend(heads, il), 1, {&m.weight(Role::kAttnOut, il)}, {out}});
}

// norm1(ffn) + norm2(experts), whose router reads x with a norm of its own.
void ffn_and_experts(GraphBuilder& g, tensor::View x, tensor::View out, int il) {
  const tensor::View answer = g.rows(g.params().n_embd);
  g.dense_ffn(x, answer, il, g.norm(Role::kFfnNorm, il), false);
  g.graph().add(tensor::NormOp{answer, out, g.norm(Role::kPostFfnNorm1, il)});
  const tensor::View router_in = g.rows(g.params().n_embd);
  g.graph().add(tensor::NormOp{.in = x,
                               .out = router_in,
                               .norm = g.norm(Role::kFfnRouterScale, il),
                               .scale = 1 / std::sqrt(float(g.params().n_embd))});
  const tensor::View chosen = g.rows(g.params().n_embd);
  g.experts(x, chosen, il, g.norm(Role::kFfnNorm2, il), false, router_in);
  g.add(out, chosen, g.norm(Role::kPostFfnNorm2, il));
}

void layer(GraphBuilder& g, tensor::View x, int il) {
  const Model& m = g.model();
  g.half(x, Role::kPostAttnNorm, il, false,
         [&](tensor::View out, bool) { attention(g, x, out, il); });
  g.half(x, Role::kPostFfnNorm, il, false, [&](tensor::View out, bool) {
    if (g.layer_params(il).ffn == FfnKind::kBoth)
      ffn_and_experts(g, x, out, il);
    else
      g.dense_ffn(x, out, il, g.norm(Role::kFfnNorm, il), false);
  });
  if (g.layer_embedding(il).present()) {
    const tensor::View gate = g.matmul(x, m.weight(Role::kLayerInputGate, il));
    g.graph().add(tensor::GateOp{.in = g.layer_embedding(il),
                                 .gate = gate,
                                 .out = gate,
                                 .activation = tensor::Activation::kGeluTanh});
    g.add(x, g.matmul(gate, m.weight(Role::kLayerProj, il)), g.norm(Role::kLayerPostNorm, il));
  }
  if (const float* scale = m.vector(Role::kLayerScale, il); scale != nullptr) g.scale(x, *scale);
}

constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kAttention, kGatedFfn, kPostNorms,
                               kBeside, kEitherExpertFfn, kLayerEmbeddings);
}  // namespace

extern const ArchSpec kGemma4 = {
    .name = "gemma4",
    .title = "Gemma 4",
    .tensors = kTensors,
    .embed_scale = EmbedScale::kSqrtEmbd,
    .rope = tensor::RopePairing::kNeox,
    .window_period = 6,
    .window_rope = WindowRope::kOwnBase,
    .activation = tensor::Activation::kGeluTanh,
    .tiny_keys = kTiny,
    .tiny_optional = kTinyOptional,
    .adjust = adjust,
    .layer = layer,
    .before_layers = before_layers,
};

}  // namespace hearth::model
