// qwen35: Qwen 3.5 dense. Three layers of the gated delta rule, then one of attention whose output
// each query gates. The norm before the FFN is named post_attention_norm.
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kAttnNorm, kGatedAttention, kQkNorm, kDeltaNetIn,
                               kDeltaNet, kSplitDeltaGates, kFfnNormNamedPost, kGatedMatrices);
}

extern const ArchSpec kQwen35 = {
    .name = "qwen35",
    .title = "Qwen 3.5 dense",
    .templates = "Qwen3.5-4B",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .attn_gate = AttnGate::kSigmoidInQ,
    .recurrent = RecurrentMixer::kDeltaNet,
    .tiny_keys = kTinyDeltaNet,
};

}  // namespace hearth::model
