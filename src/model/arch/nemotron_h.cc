// nemotron_h, nemotron_h_moe: Nemotron-H and Nemotron 3. Every layer is one thing: Mamba 2,
// attention without rope, or an FFN of squared ReLU (with experts, which may work on a narrower
// row). One norm before each.
#include "format/gguf_value.h"
#include "model/graph_builder.h"
#include "model/hyper_params.h"
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {

constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, mamba2_tensors(Presence::kRecurrent), kPlainMatrices);
constexpr std::array kExperts = {
    TensorSpec{Role::kFfnRouter, "ffn_gate_inp", {Dim::kEmbd, Dim::kExperts}, Presence::kExpert},
    TensorSpec{.role = Role::kFfnLatentDown,
               .name = "ffn_latent_down",
               .shape = {Dim::kEmbd, Dim::kExpertIn},
               .presence = Presence::kOptional},
    TensorSpec{.role = Role::kFfnLatentUp,
               .name = "ffn_latent_up",
               .shape = {Dim::kExpertIn, Dim::kEmbd},
               .presence = Presence::kOptional},
    TensorSpec{Role::kFfnUpExps,
               "ffn_up_exps",
               {Dim::kExpertIn, Dim::kFfExpert, Dim::kExperts},
               Presence::kExpert},
    TensorSpec{Role::kFfnDownExps,
               "ffn_down_exps",
               {Dim::kFfExpert, Dim::kExpertIn, Dim::kExperts},
               Presence::kExpert},
    TensorSpec{Role::kFfnUpShared, "ffn_up_shexp", {Dim::kEmbd, Dim::kFfShared}, Presence::kShared},
    TensorSpec{
        Role::kFfnDownShared, "ffn_down_shexp", {Dim::kFfShared, Dim::kEmbd}, Presence::kShared},
};
constexpr auto kMoeTensors = join(kTensors, kExperts, kSelectionBias);

// Mamba 2 in even layers, FFNs in odd ones.
constexpr TinyKey kTiny[] = {
    {"ssm.conv_kernel", 4},         {"ssm.inner_size", 64},
    {"ssm.state_size", 16},         {"ssm.group_count", 2},
    {"ssm.time_step_rank", 4},      {"feed_forward_length", 0, false, 96},
    {"attention.head_count_kv", 0},
};
constexpr TinyKey kTinyMoe[] = {
    {"ssm.conv_kernel", 4},
    {"ssm.inner_size", 64},
    {"ssm.state_size", 16},
    {"ssm.group_count", 2},
    {"ssm.time_step_rank", 4},
    {"feed_forward_length", 0, false, 96},
    {"attention.head_count_kv", 0},
    {"expert_count", 4},
    {"expert_used_count", 2},
    {"expert_feed_forward_length", 32},
    {"expert_shared_feed_forward_length", 48},
};

// A width of the FFN makes a layer an FFN; KV heads, without it, attention.
Result<void> adjust(HyperParams& p, const format::Metadata& metadata) {
  for (LayerParams& layer : p.layers) {
    const bool is_ffn = layer.n_ff > 0;
    if (is_ffn) {
      layer.mixer = Mixer::kNone;
      layer.n_kv_heads = 0;
    } else {
      layer.ffn = FfnKind::kNone;
      layer.n_ff_shared = 0;
    }
  }
  return {};
}

Result<void> adjust_experts(HyperParams& p, const format::Metadata& metadata) {
  HEARTH_TRY(adjust(p, metadata));
  HEARTH_ASSIGN(const uint64_t latent,
                metadata.get_uint_or(std::string(p.arch->name) + ".moe_latent_size", 0));
  if (latent > uint64_t(p.n_embd))
    return fail(ErrorCode::kCorrupt, "the experts' rows are wider than the model's",
                "the file is damaged; download it again");
  p.expert_in = int(latent);
  return {};
}

void layer(GraphBuilder& b, tensor::View x, int il) {
  const tensor::Norm norm = b.norm(Role::kAttnNorm, il);
  const Model& m = b.model();
  if (b.layer_params(il).mixer != Mixer::kNone) {
    b.mixer(x, x, il, norm, true);
    return;
  }
  if (!m.weight(Role::kFfnLatentDown, il).present()) {
    b.half(x, Role::kPostFfnNorm, il, b.ffn_in_place(il),
           [&](tensor::View out, bool accumulate) { b.ffn(x, out, il, norm, accumulate); });
    return;
  }
  // The router and the shared expert read the whole row, the experts the narrow one.
  const tensor::View y = b.normed(x, norm);
  const tensor::View narrow = b.matmul(y, m.weight(Role::kFfnLatentDown, il));
  const tensor::View answer = b.rows(narrow.width);
  b.experts(narrow, answer, il, {}, false, y);
  b.shared_expert(y, x, il, {});
  b.graph().add(tensor::MatMulOp{answer, 1, {&m.weight(Role::kFfnLatentUp, il)}, {x}, {}, true});
}

}  // namespace

extern const ArchSpec kNemotronH = {
    .name = "nemotron_h",
    .title = "Nemotron-H, Nemotron Nano 2",
    .templates = "NVIDIA-Nemotron-Nano-v2",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNone,
    .activation = tensor::Activation::kRelu2,
    .gated = false,
    .recurrent = RecurrentMixer::kMamba2,
    .tiny_keys = kTiny,
    .adjust = adjust,
    .layer = layer,
};

extern const ArchSpec kNemotronHMoe = {
    .name = "nemotron_h_moe",
    .title = "Nemotron 3 with experts",
    .templates = "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    .tensors = kMoeTensors,
    .rope = tensor::RopePairing::kNone,
    .activation = tensor::Activation::kRelu2,
    .gated = false,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_renormalize_key = true,
    .recurrent = RecurrentMixer::kMamba2,
    .tiny_keys = kTinyMoe,
    .adjust = adjust_experts,
    .layer = layer,
};

}  // namespace hearth::model
