// cohere2moe: North-Code. As cohere2, with experts chosen by sigmoid; the mean of theirs and the
// shared one's answers counts. Dense layers lead, and rotate.
#include "model/graph_builder.h"
#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
Result<void> adjust(HyperParams& params, const format::Metadata&) {
  for (LayerParams& layer : params.layers)
    if (layer.ffn == FfnKind::kDense) layer.rope = LayerRope::kMain;
  return {};
}

void layer(GraphBuilder& g, tensor::View x, int il) {
  const tensor::Norm norm = g.norm(Role::kAttnNorm, il);
  const bool mean = g.layer_params(il).n_ff_shared > 0;
  const tensor::View attended = g.rows(g.params().n_embd);
  const tensor::View answer = g.rows(g.params().n_embd);
  g.attention(x, attended, il, norm, false);
  g.ffn(x, answer, il, norm, false);
  g.add(x, attended);
  g.add(x, answer, {}, mean ? 0.5f : 1.0f);
}

constexpr auto kTensors =
    join(kEmbedAndHead, kAttnNorm, kQkvAndOut, kGatedMatrices, kExpertFfn, kSharedExpert);
}  // namespace

extern const ArchSpec kCohere2Moe = {
    .name = "cohere2moe",
    .title = "North-Code",
    .templates = "Cohere2MoE",
    .tensors = kTensors,
    .layer_norm = true,
    .topology = Topology::kParallel,
    .rope_use = RopeUse::kWindowsOnly,
    .window_period = 4,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTinySharedExperts,
    .adjust = adjust,
    .layer = layer,
};

}  // namespace hearth::model
