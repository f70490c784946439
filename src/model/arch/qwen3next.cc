// qwen3next: Qwen 3 Next. Qwen 3.5 with experts, but the heads of V stand in the order of the heads
// of K, and the two gates of the delta rule come from one matrix, head by head of K.
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors =
    join(kEmbedAndHead, kAttnNorm, kGatedAttention, kQkNorm, kDeltaNetInOneOrTwo, kDeltaNet,
         kFusedDeltaGates, kFfnNormNamedPost, kEitherExpertFfn, kSharedExpert, kSharedExpertGate);
}  // namespace

extern const ArchSpec kQwen3Next = {
    .name = "qwen3next",
    .title = "Qwen 3 Next",
    .templates = "Qwen-Qwen3-0.6B, Qwen3-Coder",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .attn_gate = AttnGate::kSigmoidInQ,
    .recurrent = RecurrentMixer::kGroupedDeltaNet,
    .tiny_keys = kTinyDeltaNetMoe,
};

}  // namespace hearth::model
