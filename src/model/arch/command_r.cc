// command-r: Command R, R+, Aya 23. Layer norm without bias, attention and FFN side by side behind
// the same norm; R+ has norms of the heads.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kAttnNorm, kQkvAndOut, kQkNormByHead, kGatedMatrices);
}  // namespace

extern const ArchSpec kCommandR = {
    .name = "command-r",
    .title = "Command R, Command R+, Aya 23",
    .templates = "CohereForAI-c4ai-command-r-plus-tool_use",
    .tensors = kTensors,
    .layer_norm = true,
    .topology = Topology::kParallel,
};

}  // namespace hearth::model
