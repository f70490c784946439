// mistral3: Ministral 3, Devstral 2, Mistral Small 3.1 and later in current files. Llama with YaRN
// and queries that grow with the position.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kSplitAttention, kGatedFfn, kExpertFfn);
}  // namespace

extern const ArchSpec kMistral3 = {
    .name = "mistral3",
    .title = "Ministral 3, Devstral 2, Mistral Small 3.1 and later",
    .templates =
        "mistralai-Ministral-3-14B-Reasoning-2512, Mistral-Small-3.2-24B-Instruct-2506, "
        "unsloth-mistral-Devstral-Small-2507",
    .tensors = kTensors,
};

}  // namespace hearth::model
