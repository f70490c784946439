// qwen2vl: the text part of Qwen 2 VL and Qwen 2.5 VL. Qwen 2 with positions of several axes,
// which are one for text.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kGatedFfn);
}  // namespace

extern const ArchSpec kQwen2Vl = {
    .name = "qwen2vl",
    .title = "Qwen 2 VL, Qwen 2.5 VL (text)",
    .templates = "MiMo-VL",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
};

}  // namespace hearth::model
