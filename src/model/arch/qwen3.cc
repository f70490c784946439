// qwen3: Qwen 3 dense, its embedding models and rerankers. Qwen 2 without biases, with a norm on
// every head of Q and K before rope.
#include "model/encoder_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, kQkNorm, kGatedFfn, kClassifierOutput);
}

extern const ArchSpec kQwen3 = {
    .name = "qwen3",
    .title = "Qwen 3 dense, Qwen3-Embedding, Qwen3-Reranker",
    .templates = "Qwen-Qwen3-0.6B",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
};

}  // namespace hearth::model
