// qwen3vlmoe: the text part of Qwen 3 VL MoE. Qwen 3 MoE with positions of several axes, which are
// one for text.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kQkNorm, kFfnNorm, kExpertFfn);
}  // namespace

extern const ArchSpec kQwen3VlMoe = {
    .name = "qwen3vlmoe",
    .title = "Qwen 3 VL MoE (text)",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .tiny_keys = kTinyExperts,
};

}  // namespace hearth::model
