// glm4moe: GLM-4.5 to 4.7, GLM-4.5-Air. Rope over half of the head, experts chosen by sigmoid plus
// a bias, a shared one; the first layers are dense.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kOptionalQkNorm, kFfnNormNamedPost,
                               kGatedMatrices, kExpertFfn, kSelectionBias, kSharedExpert);
}  // namespace

extern const ArchSpec kGlm4Moe = {
    .name = "glm4moe",
    .title = "GLM-4.5 to 4.7",
    .templates = "GLM-4.6, upstage-Solar-Open-100B",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTinySharedExperts,
};

}  // namespace hearth::model
