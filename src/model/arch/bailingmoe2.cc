// bailingmoe2: Ling 2, Ring 2. Q, K and V in one matrix, norms of the heads, rope over a part of
// them; experts in groups, chosen by sigmoid plus a bias, with a shared one.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kFusedAttention, kQkNorm, kGatedFfn, kExpertFfn,
                               kSelectionBias, kSharedExpert);
}  // namespace

extern const ArchSpec kBailingMoe2 = {
    .name = "bailingmoe2",
    .title = "Ling 2, Ring 2",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTinySharedExperts,
};

}  // namespace hearth::model
