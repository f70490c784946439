// starcoder2: StarCoder 2. Layer norm, biases everywhere, GELU without a gate.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kPlainFfn);
}  // namespace

extern const ArchSpec kStarcoder2 = {
    .name = "starcoder2",
    .title = "StarCoder 2",
    .tensors = kTensors,
    .layer_norm = true,
    .rope = tensor::RopePairing::kNeox,
    .activation = tensor::Activation::kGeluTanh,
    .gated = false,
};

}  // namespace hearth::model
