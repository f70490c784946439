// llama4: Llama 4 Scout and Maverick. Three of four layers see chunks of 8192 and rotate, with
// norms of the heads behind rope (Scout); the fourth sees everything, does not rotate, and its
// queries grow with the position. Experts are weighted before they read.
#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr TinyKey kTiny[] = {{"expert_count", 4}, {"expert_used_count", 1}};

Result<void> adjust(HyperParams& params, const format::Metadata&) {
  params.temperature = {.scale = 0, .length = 8192, .offset = 1};
  for (LayerParams& layer : params.layers) {
    layer.window = layer.rope == LayerRope::kNone ? 0 : 8192;
    layer.temperature = layer.rope == LayerRope::kNone ? 0.1f : 0.0f;
    if (layer.ffn == FfnKind::kExperts) layer.n_ff_shared = params.n_ff_expert;
  }
  // Maverick (128 experts) has no norms of the heads.
  params.plain_qk_norm = params.n_experts != 128;
  return {};
}

constexpr auto kTensors =
    join(kEmbedAndHead, kRopeFactors, kSplitAttention, kGatedFfn, kExpertFfn, kSharedExpert);
}  // namespace

extern const ArchSpec kLlama4 = {
    .name = "llama4",
    .title = "Llama 4 Scout, Maverick",
    .templates = "llama4",
    .tensors = kTensors,
    .nope_period = 4,
    .qk_norm_behind_rope = true,
    .plain_qk_norm = true,
    .window_chunked = true,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_renormalize = false,
    .expert_weight_before = true,
    .tiny_keys = kTiny,
    .adjust = adjust,
};

}  // namespace hearth::model
