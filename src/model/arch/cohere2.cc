// cohere2: Command R7B, Command A, Tiny Aya. As command-r; three of four layers slide and rotate,
// the fourth does neither.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kAttnNorm, kQkvAndOut, kGatedMatrices);
}  // namespace

extern const ArchSpec kCohere2 = {
    .name = "cohere2",
    .title = "Command R7B, Command A, Tiny Aya",
    .templates = "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    .tensors = kTensors,
    .layer_norm = true,
    .topology = Topology::kParallel,
    .rope_use = RopeUse::kWindowsOnly,
    .window_period = 4,
};

}  // namespace hearth::model
