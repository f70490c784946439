// minimax-m2: MiniMax M2 to M2.7. One norm over all heads of Q, one over those of K, rope over
// half of the head; experts chosen by sigmoid plus a bias.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, kQkNormWide, kFfnNorm, kExpertFfn, kSelectionBias);
}  // namespace

extern const ArchSpec kMinimaxM2 = {
    .name = "minimax-m2",
    .title = "MiniMax M2",
    .templates = "MiniMax-M2",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .wide_qk_norm = true,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_gating_key = true,
    .expert_ff_key = false,
    .tiny_keys = kTinyExperts,
};

}  // namespace hearth::model
