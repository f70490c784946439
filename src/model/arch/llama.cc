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
    .templates =
        "llama-2-chat, llama-3-instruct, meta-llama-Llama-3.1-8B-Instruct, "
        "meta-llama-Llama-3.2-3B-Instruct, meta-llama-Llama-3.3-70B-Instruct, "
        "mistral-instruct, mistralai-Mistral-Nemo-Instruct-2407, zephyr, "
        "NousResearch-Hermes-3-Llama-3.1-8B-tool_use, "
        "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    .tensors = kTensors,
};

}  // namespace hearth::model
