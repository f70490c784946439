// granitemoe: Granite 3 MoE. Granite with experts, and in some a shared one.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors =
    join(kEmbedAndHead, kRopeFactors, kSplitAttention, kFfnNorm, kExpertFfn, kSharedExpert);
}  // namespace

extern const ArchSpec kGraniteMoe = {
    .name = "granitemoe",
    .title = "Granite 3 MoE",
    .templates = "granite-3.0-instruct",
    .tensors = kTensors,
    .logit_scale = LogitScale::kDivide,
    .tiny_keys = kTinyExperts,
};

}  // namespace hearth::model
