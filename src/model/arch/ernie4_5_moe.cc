// ernie4_5-moe: ERNIE 4.5 21B-A3B, 300B-A47B. Experts with a bias where they are chosen, a shared
// one; the first layers are dense.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr TinyKey kTiny[] = {{"expert_count", 4},
                             {"expert_used_count", 2},
                             {"expert_shared_count", 1},
                             {"leading_dense_block_count", 1}};
constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, kGatedFfn, kExpertFfn, kSelectionBias, kSharedExpert);
}  // namespace

extern const ArchSpec kErnie45Moe = {
    .name = "ernie4_5-moe",
    .title = "ERNIE 4.5 MoE",
    .tensors = kTensors,
    .tiny_keys = kTiny,
};

}  // namespace hearth::model
