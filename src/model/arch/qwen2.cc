// qwen2: Qwen 2 and 2.5, QwQ, DeepSeek-R1-Distill-Qwen. Llama with biases on Q, K and V, and rope
// over halves.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kGatedFfn);
}

extern const ArchSpec kQwen2 = {
    .name = "qwen2",
    .title = "Qwen 2, Qwen 2.5, QwQ, DeepSeek-R1-Distill-Qwen",
    .templates = "Qwen-Qwen2.5-7B-Instruct, Qwen-QwQ-32B, deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
};

}  // namespace hearth::model
