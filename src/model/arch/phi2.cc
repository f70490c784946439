// phi2: Phi-1, Phi-1.5, Phi-2. Layer norm, attention and FFN side by side behind the same norm,
// GELU without a gate, rope over a part of the head.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kFusedAttention, kPlainMatrices);
}  // namespace

extern const ArchSpec kPhi2 = {
    .name = "phi2",
    .title = "Phi-1, Phi-1.5, Phi-2",
    .tensors = kTensors,
    .layer_norm = true,
    .topology = Topology::kParallel,
    .rope = tensor::RopePairing::kNeox,
    .activation = tensor::Activation::kGeluTanh,
    .gated = false,
};

}  // namespace hearth::model
