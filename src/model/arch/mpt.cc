// mpt: MPT 7B, 30B, Replit. ALiBi in place of rope, layer norm, GELU without a gate, values of Q,
// K and V that may be kept within bounds.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kFusedAttention, kPlainFfn);
}  // namespace

extern const ArchSpec kMpt = {
    .name = "mpt",
    .title = "MPT 7B, 30B",
    .tensors = kTensors,
    .layer_norm = true,
    .rope = tensor::RopePairing::kNone,
    .activation = tensor::Activation::kGeluTanh,
    .gated = false,
};

}  // namespace hearth::model
