// ernie4_5-moe: ERNIE 4.5 21B-A3B, 300B-A47B. Experts with a bias where they are chosen, a shared
// one; the first layers are dense.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, kGatedFfn, kExpertFfn, kSelectionBias, kSharedExpert);
}  // namespace

extern const ArchSpec kErnie45Moe = {
    .name = "ernie4_5-moe",
    .title = "ERNIE 4.5 MoE",
    .tensors = kTensors,
    .tiny_keys = kTinySharedExperts,
};

}  // namespace hearth::model
