// qwen3moe: Qwen 3 30B-A3B, 235B-A22B, Qwen 3 Coder. Qwen 3 with experts in every layer.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kQkNorm, kFfnNorm, kExpertFfn);
}  // namespace

extern const ArchSpec kQwen3Moe = {
    .name = "qwen3moe",
    .title = "Qwen 3 MoE, Qwen 3 Coder",
    .templates = "Qwen-Qwen3-0.6B, Qwen3-Coder",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .tiny_keys = kTinyExperts,
};

}  // namespace hearth::model
