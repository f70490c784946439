// hunyuan-moe: Hunyuan A13B. Norms of the heads behind rope, experts of the FFN's own width, a
// shared one.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr TinyKey kTiny[] = {
    {"expert_count", 4}, {"expert_used_count", 2}, {"expert_shared_feed_forward_length", 48}};
constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, kQkNorm, kFfnNorm, kExpertFfn, kSharedExpert);
}  // namespace

extern const ArchSpec kHunyuanMoe = {
    .name = "hunyuan-moe",
    .title = "Hunyuan A13B",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .qk_norm_behind_rope = true,
    .expert_ff_key = false,
    .tiny_keys = kTiny,
};

}  // namespace hearth::model
