// step35: Step 3.5 Flash. Heads that a gate of their own weighs, windows with their own rope base,
// rope over half of the head in the others, FFNs within bounds; experts chosen by sigmoid plus a
// bias.
#include <string>
#include <vector>

#include "format/gguf_value.h"
#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kGate = {
    TensorSpec{Role::kAttnGate, "attn_gate", {Dim::kEmbd, Dim::kHeads}, Presence::kOptional},
};

Result<void> read_limits(const format::Metadata& metadata, const std::string& key, size_t n,
                         std::vector<float>& limits) {
  limits.assign(n, 0.0f);
  if (!metadata.contains(key)) return {};
  HEARTH_ASSIGN(limits, metadata.get_array<float>(key));
  if (limits.size() < n)
    return fail(ErrorCode::kCorrupt, "the limits of the FFNs are fewer than the layers",
                "the file is damaged; download it again");
  return {};
}

Result<void> adjust(HyperParams& params, const format::Metadata& metadata) {
  // The key is that of the windows.
  params.rope.n_rot /= 2;
  std::vector<float> experts;
  std::vector<float> others;
  const auto n = size_t(params.n_layers());
  HEARTH_TRY(read_limits(metadata, "step35.swiglu_clamp_exp", n, experts));
  HEARTH_TRY(read_limits(metadata, "step35.swiglu_clamp_shexp", n, others));
  for (size_t i = 0; i < n; ++i) {
    params.layers[i].expert_limit = experts[i];
    params.layers[i].ffn_limit = others[i];
  }
  return {};
}

constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kSplitAttention, kOptionalQkNorm, kGate,
                               kGatedFfn, kExpertFfn, kSelectionBias, kSharedExpert);
}  // namespace

extern const ArchSpec kStep35 = {
    .name = "step35",
    .title = "Step 3.5 Flash",
    .templates = "StepFun3.5-Flash",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .attn_gate = AttnGate::kSigmoid,
    .window_period = 2,
    .window_rope = WindowRope::kOwnBase,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTinySharedExperts,
    .adjust = adjust,
};

}  // namespace hearth::model
