// stablelm: StableLM 2, StableLM Zephyr. Layer norm, rope over a part of the head; the 12B model
// has norms of the heads, and its two halves stand side by side behind the same norm.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kOwnFfnNorm = {
    TensorSpec{Role::kFfnNorm, "ffn_norm", {Dim::kEmbd}, Presence::kOptional, true},
};
constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, kQkNormByHead, kOwnFfnNorm, kGatedMatrices);
}  // namespace

extern const ArchSpec kStablelm = {
    .name = "stablelm",
    .title = "StableLM 2, StableLM Zephyr",
    .templates = "zephyr",
    .tensors = kTensors,
    .layer_norm = true,
    .topology = Topology::kParallelWithoutFfnNorm,
    .rope = tensor::RopePairing::kNeox,
};

}  // namespace hearth::model
