// exaone: EXAONE 3, 3.5, Deep. Llama with rope over halves.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kSplitAttention, kGatedFfn);
}  // namespace

extern const ArchSpec kExaone = {
    .name = "exaone",
    .title = "EXAONE 3, 3.5, Deep",
    .templates = "exaone",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
};

}  // namespace hearth::model
