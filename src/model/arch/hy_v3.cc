// hy_v3: Hunyuan 3. Norms of the heads; experts chosen by sigmoid plus a bias, with a shared one;
// the first layers are dense.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kBias = {
    TensorSpec{Role::kFfnSelectionBias,
               "exp_probs_b",
               {Dim::kExperts},
               Presence::kOptional,
               false,
               Suffix::kNone},
};
constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, kQkNorm, kGatedFfn, kExpertFfn, kBias, kSharedExpert);
}  // namespace

extern const ArchSpec kHyV3 = {
    .name = "hy_v3",
    .title = "Hunyuan 3",
    .templates = "tencent-Hy3",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTinySharedExperts,
};

}  // namespace hearth::model
