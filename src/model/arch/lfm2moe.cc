// lfm2moe: LFM 2 with experts behind the leading dense layers.
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHeadLfm2, kSplitAttention, kQkNorm, kShortConv, kGatedFfn,
                               kExpertFfn, kSelectionBias);
}

extern const ArchSpec kLfm2Moe = {
    .name = "lfm2moe",
    .title = "LFM 2 with experts",
    .templates = "LFM2-8B-A1B, LFM2.5-8B-A1B",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_gating_key = true,
    .recurrent = RecurrentMixer::kShortConv,
    .tiny_keys = kTinyShortConv,
};

}  // namespace hearth::model
