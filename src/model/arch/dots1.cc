// dots1: dots.llm1. Norms of the heads; experts chosen by sigmoid plus a bias, with shared ones;
// the first layers are dense.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kQkNorm, kGatedFfn, kExpertFfn,
                               kSelectionBias, kSharedExpert);
}  // namespace

extern const ArchSpec kDots1 = {
    .name = "dots1",
    .title = "dots.llm1",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTinySharedExperts,
};

}  // namespace hearth::model
