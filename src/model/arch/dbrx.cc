// dbrx: DBRX. Layer norm, Q, K and V in one matrix and within bounds, experts; the norm before
// them has another name.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kNorm = {
    TensorSpec{Role::kFfnNorm, "attn_output_norm", {Dim::kEmbd}},
};
constexpr auto kTensors = join(kEmbedAndHead, kFusedAttention, kNorm, kExpertFfn);
}  // namespace

extern const ArchSpec kDbrx = {
    .name = "dbrx",
    .title = "DBRX",
    .templates = "chatml",
    .tensors = kTensors,
    .layer_norm = true,
    .rope = tensor::RopePairing::kNeox,
    .tiny_keys = kTinyExperts,
};

}  // namespace hearth::model
