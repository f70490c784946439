// llama: Llama 1 to 3.3, TinyLlama, CodeLlama, Mistral, Mixtral (with experts), Yi, SmolLM2 and the
// many derived from them. Converters interleave the rows of Q and K for this architecture, so rope
// pairs neighbours.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kSplitAttention, kGatedFfn, kExpertFfn);
}

extern const ArchSpec kLlama = {
    .name = "llama",
    .title = "Llama 1 to 3.3, TinyLlama, CodeLlama, Mistral, Mixtral, Yi, SmolLM2",
    .tensors = kTensors,
};

}  // namespace hearth::model
