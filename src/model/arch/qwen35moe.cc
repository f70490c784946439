// qwen35moe: Qwen 3.5 with experts. Qwen 3.5, with a router and a gated shared expert in every
// layer.
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors =
    join(kEmbedAndHead, kAttnNorm, kGatedAttention, kQkNorm, kDeltaNetIn, kDeltaNet,
         kSplitDeltaGates, kFfnNormNamedPost, kEitherExpertFfn, kSharedExpert, kSharedExpertGate);
}

extern const ArchSpec kQwen35Moe = {
    .name = "qwen35moe",
    .title = "Qwen 3.5 with experts",
    .templates = "Qwen3.5-4B",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .attn_gate = AttnGate::kSigmoidInQ,
    .recurrent = RecurrentMixer::kDeltaNet,
    .tiny_keys = kTinyDeltaNetMoe,
};

}  // namespace hearth::model
