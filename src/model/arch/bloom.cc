// bloom: BLOOM. ALiBi in place of rope, a norm behind the embedding, layer norm, biases, GELU
// without a gate.
#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kEmbdNorm = {
    TensorSpec{Role::kTokenEmbdNorm, "token_embd_norm", {Dim::kEmbd}, Presence::kRequired, true},
};

Result<void> adjust(HyperParams& params, const format::Metadata&) {
  params.max_alibi = 8;
  return {};
}

constexpr auto kTensors = join(kEmbedAndHead, kEmbdNorm, kFusedAttention, kPlainFfn);
}  // namespace

extern const ArchSpec kBloom = {
    .name = "bloom",
    .title = "BLOOM",
    .tensors = kTensors,
    .layer_norm = true,
    .rope = tensor::RopePairing::kNone,
    .activation = tensor::Activation::kGeluTanh,
    .gated = false,
    .adjust = adjust,
};

}  // namespace hearth::model
