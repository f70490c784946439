// granite_swa: Granite 4.1. Granite with a sliding window and sinks in layers that a key names.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors =
    join(kEmbedAndHead, kRopeFactors, kSplitAttention, kOptionalSinks, kGatedFfn);
}  // namespace

extern const ArchSpec kGraniteSwa = {
    .name = "granite_swa",
    .title = "Granite 4.1",
    .templates = "ibm-granite-granite-4.1",
    .tensors = kTensors,
    .logit_scale = LogitScale::kDivide,
    .window_period = 2,
};

}  // namespace hearth::model
