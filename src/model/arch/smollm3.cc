// smollm3: SmolLM3. Llama in which every fourth layer does not rotate.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kGatedFfn);
}  // namespace

extern const ArchSpec kSmollm3 = {
    .name = "smollm3",
    .title = "SmolLM3",
    .templates = "HuggingFaceTB-SmolLM3-3B",
    .tensors = kTensors,
    .nope_period = 4,
};

}  // namespace hearth::model
