// laguna: Laguna XS.2, S.2, M.1. Heads that a softplus gate weighs; three of four layers slide,
// with a rope base of their own and without scaling; experts chosen by sigmoid plus a bias, with a
// shared one.
#include "format/gguf_value.h"
#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
// One gate for each head (XS.2), or for each value (M.1).
constexpr std::array kGate = {
    TensorSpec{Role::kAttnGate, "attn_gate", {Dim::kEmbd, Dim::kHeads}, Presence::kOptional},
    TensorSpec{Role::kAttnGate, "attn_gate", {Dim::kEmbd, Dim::kAttnOut}, Presence::kOptional},
};

Result<void> adjust(HyperParams& params, const format::Metadata& metadata) {
  if (!metadata.contains("laguna.rope.freq_base_swa"))
    params.window_rope.freq_base = params.rope.freq_base;
  return {};
}

constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kQkNorm, kGate, kGatedFfn,
                               kExpertFfn, kSelectionBias, kSharedExpert);
}  // namespace

extern const ArchSpec kLaguna = {
    .name = "laguna",
    .title = "Laguna XS.2, S.2, M.1",
    .templates = "poolside-Laguna-S-2.1, poolside-Laguna-XS-2.1, poolside-Laguna-XS.2",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .attn_gate = AttnGate::kSoftplus,
    .window_period = 4,
    .window_dense_first = true,
    .window_rope = WindowRope::kOwnBase,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTinySharedExperts,
    .adjust = adjust,
};

}  // namespace hearth::model
