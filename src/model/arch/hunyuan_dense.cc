// hunyuan-dense: Hunyuan 0.5B to 7B. Norms of the heads behind rope.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kQkNorm, kGatedFfn);
}  // namespace

extern const ArchSpec kHunyuanDense = {
    .name = "hunyuan-dense",
    .title = "Hunyuan 0.5B to 7B",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .qk_norm_behind_rope = true,
};

}  // namespace hearth::model
