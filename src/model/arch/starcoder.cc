// starcoder: StarCoder 1, SantaCoder. GPT-2 with one head of keys and values.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kPositions, kFusedAttention, kPlainFfn);
}  // namespace

extern const ArchSpec kStarcoder = {
    .name = "starcoder",
    .title = "StarCoder 1, SantaCoder",
    .tensors = kTensors,
    .layer_norm = true,
    .rope = tensor::RopePairing::kNone,
    .activation = tensor::Activation::kGeluTanh,
    .gated = false,
};

}  // namespace hearth::model
