// kimi-linear: Kimi Linear. Delta attention (the delta rule with a decay for each channel), and
// latent attention without rope in the layers with KV heads; experts as in DeepSeek V3.
#include <cmath>

#include "format/gguf_value.h"
#include "model/hyper_params.h"
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {

constexpr TensorSpec conv(Role role, std::string_view name) {
  return {.role = role,
          .name = name,
          .shape = {Dim::kSsmConv, Dim::kOne, Dim::kSsmInner},
          .presence = Presence::kRecurrent,
          .is_table = true};
}
constexpr TensorSpec matrix(Role role, std::string_view name, Dim in, Dim out) {
  return {.role = role, .name = name, .shape = {in, out}, .presence = Presence::kRecurrent};
}
constexpr std::array kDelta = {
    conv(Role::kSsmConv, "ssm_conv1d_q"),
    conv(Role::kSsmConvK, "ssm_conv1d_k"),
    conv(Role::kSsmConvV, "ssm_conv1d_v"),
    matrix(Role::kSsmIn, "attn_q", Dim::kEmbd, Dim::kSsmInner),
    matrix(Role::kSsmInK, "attn_k", Dim::kEmbd, Dim::kSsmInner),
    matrix(Role::kSsmInV, "attn_v", Dim::kEmbd, Dim::kSsmInner),
    matrix(Role::kSsmFA, "ssm_f_a", Dim::kEmbd, Dim::kSsmState),
    matrix(Role::kSsmFB, "ssm_f_b", Dim::kSsmState, Dim::kSsmInner),
    matrix(Role::kSsmGA, "ssm_g_a", Dim::kEmbd, Dim::kSsmState),
    matrix(Role::kSsmGB, "ssm_g_b", Dim::kSsmState, Dim::kSsmInner),
    matrix(Role::kSsmBeta, "ssm_beta", Dim::kEmbd, Dim::kSsmRank),
    TensorSpec{.role = Role::kSsmA,
               .name = "ssm_a",
               .shape = {Dim::kOne, Dim::kSsmRank},
               .presence = Presence::kRecurrent,
               .suffix = Suffix::kNone,
               .is_table = true},
    TensorSpec{.role = Role::kSsmDtBias,
               .name = "ssm_dt",
               .shape = {Dim::kSsmInner},
               .presence = Presence::kRecurrent,
               .suffix = Suffix::kBias},
    TensorSpec{Role::kSsmNorm, "ssm_norm", {Dim::kSsmState}, Presence::kRecurrent},
    matrix(Role::kSsmOut, "attn_output", Dim::kSsmInner, Dim::kEmbd),
};
constexpr std::array kLatent = {
    TensorSpec{Role::kAttnQ, "attn_q", {Dim::kEmbd, Dim::kMlaQ}, Presence::kAttention},
    TensorSpec{
        Role::kMlaKvA, "attn_kv_a_mqa", {Dim::kEmbd, Dim::kKvRankRope}, Presence::kAttention},
    TensorSpec{Role::kMlaKvANorm, "attn_kv_a_norm", {Dim::kKvRank}, Presence::kAttention},
    TensorSpec{
        Role::kMlaKB, "attn_k_b", {Dim::kMlaNope, Dim::kKvRank, Dim::kHeads}, Presence::kAttention},
    TensorSpec{
        Role::kMlaVB, "attn_v_b", {Dim::kKvRank, Dim::kMlaV, Dim::kHeads}, Presence::kAttention},
    TensorSpec{Role::kAttnOut, "attn_output", {Dim::kMlaOut, Dim::kEmbd}, Presence::kAttention},
};
constexpr auto kTensors = join(kEmbedAndHead, kAttnNorm, kDelta, kLatent, kGatedFfn, kExpertFfn,
                               kSelectionBias, kSharedExpert);

constexpr TinyKey kTiny[] = {{"attention.kv_lora_rank", 32},
                             {"attention.key_length", 40},
                             {"attention.value_length", 32},
                             {"attention.key_length_mla", 24},
                             {"attention.value_length_mla", 16},
                             {"attention.head_count_kv", 0, false, 1},
                             {"rope.dimension_count", 8},
                             {"ssm.conv_kernel", 4},
                             {"kda.head_dim", 16},
                             {"expert_count", 4},
                             {"expert_used_count", 2},
                             {"expert_shared_count", 1},
                             {"leading_dense_block_count", 1}};

Result<void> adjust(HyperParams& p, const format::Metadata& metadata) {
  HEARTH_ASSIGN(const uint64_t head, metadata.get_uint("kimi-linear.kda.head_dim"));
  if (head == 0 || head > 65536 || p.mla.kv_rank == 0)
    return fail(ErrorCode::kCorrupt, "the widths of its attention are impossible",
                "the file is damaged; download it again");
  p.ssm.state = int(head);
  p.mla.q_rank = 0;  // files name one, and have no such matrices
  for (LayerParams& layer : p.layers)
    layer.attn_scale = float(1 / std::sqrt(double(p.mla.nope + p.mla.rope)));
  return {};
}

}  // namespace

extern const ArchSpec kKimiLinear = {
    .name = "kimi-linear",
    .title = "Kimi Linear",
    .templates = "moonshotai-Kimi-K2",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNone,
    .expert_gating_key = true,
    .recurrent = RecurrentMixer::kKimiDelta,
    .tiny_keys = kTiny,
    .adjust = adjust,
};

}  // namespace hearth::model
