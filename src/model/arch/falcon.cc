// falcon: Falcon 7B, 40B, 180B. Layer norm, attention and FFN side by side (the larger ones with a
// norm each), GELU without a gate.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kSecondNorm = {
    TensorSpec{Role::kAttnNorm2, "attn_norm_2", {Dim::kEmbd}, Presence::kOptional, true},
};
constexpr auto kTensors = join(kEmbedAndHead, kFusedAttention, kSecondNorm, kPlainMatrices);
}  // namespace

extern const ArchSpec kFalcon = {
    .name = "falcon",
    .title = "Falcon 7B, 40B, 180B",
    .templates = "falcon-instruct",
    .tensors = kTensors,
    .layer_norm = true,
    .topology = Topology::kParallel,
    .rope = tensor::RopePairing::kNeox,
    .activation = tensor::Activation::kGeluTanh,
    .gated = false,
};

}  // namespace hearth::model
