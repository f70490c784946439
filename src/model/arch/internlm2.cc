// internlm2: InternLM 2, 2.5, 3. Converters interleave the rows of Q and K, as they do for Llama.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kGatedFfn);
}  // namespace

extern const ArchSpec kInternlm2 = {
    .name = "internlm2",
    .title = "InternLM 2, 2.5",
    .templates = "chatml",
    .tensors = kTensors,
};

}  // namespace hearth::model
