// llama-embed: llama-embed-nemotron. Llama, looking both ways: also where the file lacks the key
// attention.causal, as the original does (llama.cpp then looks back only).
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kSplitAttention, kGatedFfn, kExpertFfn);
}

extern const ArchSpec kLlamaEmbed = {
    .name = "llama-embed",
    .title = "llama-embed-nemotron",
    .tensors = kTensors,
    .causal = false,
};

}  // namespace hearth::model
