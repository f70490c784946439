// exaone-moe: K-EXAONE. Norms of the heads; three of four layers slide, the fourth does not
// rotate; experts chosen by sigmoid plus a bias, with a shared one.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kSplitAttention, kQkNorm, kGatedFfn,
                               kExpertFfn, kSelectionBias, kSharedExpert);
}  // namespace

extern const ArchSpec kExaoneMoe = {
    .name = "exaone-moe",
    .title = "K-EXAONE",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .rope_use = RopeUse::kWindowsOnly,
    .window_period = 4,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTinySharedExperts,
};

}  // namespace hearth::model
