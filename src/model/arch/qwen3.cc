// qwen3: Qwen 3 dense and its embedding models. Qwen 2 without biases, with a norm on every head of
// Q and K before rope.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kQkNorm, kGatedFfn);
}

extern const ArchSpec kQwen3 = {
    .name = "qwen3",
    .title = "Qwen 3 dense",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
};

}  // namespace hearth::model
