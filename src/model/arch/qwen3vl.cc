// qwen3vl: the text part of Qwen 3 VL. Qwen 3 with positions of several axes, which are one for
// text.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kQkNorm, kGatedFfn);
}  // namespace

extern const ArchSpec kQwen3Vl = {
    .name = "qwen3vl",
    .title = "Qwen 3 VL (text)",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
};

}  // namespace hearth::model
