// granite: Granite 3 and 4 dense. Llama with scales of embedding, residual branches, scores and
// logits.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kSplitAttention, kGatedFfn);
}  // namespace

extern const ArchSpec kGranite = {
    .name = "granite",
    .title = "Granite 3, Granite 4 dense",
    .templates =
        "granite-3.0-instruct, ibm-granite-granite-3.3-2B-Instruct, "
        "ibm-granite-granite-4.0",
    .tensors = kTensors,
    .logit_scale = LogitScale::kDivide,
};

}  // namespace hearth::model
