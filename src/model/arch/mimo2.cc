// mimo2: MiMo-V2-Flash. Layers that slide have sinks and a rope base of their own, and may have
// other numbers of KV heads; heads of values are narrower than those of keys; experts chosen by
// sigmoid plus a bias.
#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
// No key says which layers are dense: the first is.
Result<void> adjust(HyperParams& params, const format::Metadata&) {
  params.layers[0].ffn = FfnKind::kDense;
  return {};
}

constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, kOptionalSinks, kGatedFfn, kExpertFfn, kSelectionBias);
}  // namespace

extern const ArchSpec kMimo2 = {
    .name = "mimo2",
    .title = "MiMo-V2-Flash",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .window_period = 2,
    .window_rope = WindowRope::kOwnBase,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .tiny_keys = kTinyExperts,
    .adjust = adjust,
};

}  // namespace hearth::model
