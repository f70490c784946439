// olmoe: OLMoE. One norm over all heads of Q, one over those of K; experts whose weights are not
// normalized.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kQkNormWide, kFfnNorm, kExpertFfn);
}  // namespace

extern const ArchSpec kOlmoe = {
    .name = "olmoe",
    .title = "OLMoE",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .wide_qk_norm = true,
    .expert_renormalize = false,
    .tiny_keys = kTinyExperts,
};

}  // namespace hearth::model
