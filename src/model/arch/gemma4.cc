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
constexpr TinyKey kTiny[] = {{"attention.key_length_swa", 8},
                             {"attention.value_length_swa", 8},
                             {"rope.dimension_count_swa", 8},
                             {"embedding_length_per_layer_input", 8}};
constexpr Role kTinyOptional[] = {Role::kLayerScale};

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
  g.half(x, Role::kPostAttnNorm, il, false, [&](tensor::View out, bool) {
    g.shared_kv_attention(x, out, il, g.norm(Role::kAttnNorm, il));
  });
  g.half(x, Role::kPostFfnNorm, il, false, [&](tensor::View out, bool) {
    if (g.layer_params(il).ffn == FfnKind::kBoth)
      ffn_and_experts(g, x, out, il);
    else
      g.dense_ffn(x, out, il, g.norm(Role::kFfnNorm, il), false);
  });
  if (g.layer_embedding(il).present())
    g.add(x, g.embedding_branch(x, il), g.norm(Role::kLayerPostNorm, il));
  if (const float* scale = m.vector(Role::kLayerScale, il); scale != nullptr) g.scale(x, *scale);
}

constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kSharedKvAttention, kGatedFfn,
                               kPostNorms, kBeside, kEitherExpertFfn, kLayerEmbeddings);
}  // namespace

extern const ArchSpec kGemma4 = {
    .name = "gemma4",
    .title = "Gemma 4",
    .templates = "google-gemma-4-31B-it, google-gemma-4-31B-it-interleaved",
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
    .before_layers = embed_layers,
};

}  // namespace hearth::model
