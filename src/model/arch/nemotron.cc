// nemotron: Nemotron 4, Minitron. Layer norm, squared ReLU without a gate, rope over a part of the
// head.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kPlainFfn);
}  // namespace

extern const ArchSpec kNemotron = {
    .name = "nemotron",
    .title = "Nemotron 4, Minitron",
    .tensors = kTensors,
    .layer_norm = true,
    .rope = tensor::RopePairing::kNeox,
    .activation = tensor::Activation::kRelu2,
    .gated = false,
};

}  // namespace hearth::model
