// gpt2: GPT-2. Learned positions, layer norm, biases, GELU without a gate.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kPositions, kFusedAttention, kPlainFfn);
}  // namespace

extern const ArchSpec kGpt2 = {
    .name = "gpt2",
    .title = "GPT-2",
    .tensors = kTensors,
    .layer_norm = true,
    .rope = tensor::RopePairing::kNone,
    .activation = tensor::Activation::kGeluTanh,
    .gated = false,
};

}  // namespace hearth::model
