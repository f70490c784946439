// The tensors of recurrent mixers, and the numbers that tiny models with them have. Formulas:
// tensor/recurrent.h.
#pragma once

#include "model/role.h"
#include "model/spec.h"

namespace hearth::model {

// LFM 2 gives the output norm the name of another.
inline constexpr std::array kEmbedAndHeadLfm2 = {
    TensorSpec{Role::kTokenEmbd, "token_embd", {Dim::kEmbd, Dim::kVocab}},
    TensorSpec{Role::kOutputNorm, "token_embd_norm", {Dim::kEmbd}},
    TensorSpec{Role::kOutput, "output", {Dim::kEmbd, Dim::kVocab}, Presence::kOptional},
};
// Attention whose queries bring a gate for each value of the output.
inline constexpr std::array kGatedAttention = {
    TensorSpec{Role::kAttnQ, "attn_q", {Dim::kEmbd, Dim::kQTwice}, Presence::kAttention, true},
    TensorSpec{Role::kAttnK, "attn_k", {Dim::kEmbd, Dim::kK}, Presence::kAttention, true},
    TensorSpec{Role::kAttnV, "attn_v", {Dim::kEmbd, Dim::kV}, Presence::kAttention, true},
    TensorSpec{
        Role::kAttnOut, "attn_output", {Dim::kAttnOut, Dim::kEmbd}, Presence::kAttention, true},
};
inline constexpr std::array kSharedExpertGate = {
    TensorSpec{Role::kFfnRouterShared, "ffn_gate_inp_shexp", {Dim::kEmbd}, Presence::kShared},
};
inline constexpr std::array kSplitDeltaGates = {
    TensorSpec{Role::kSsmBeta, "ssm_beta", {Dim::kEmbd, Dim::kSsmRank}, Presence::kRecurrent},
    TensorSpec{Role::kSsmAlpha, "ssm_alpha", {Dim::kEmbd, Dim::kSsmRank}, Presence::kRecurrent},
};
inline constexpr std::array kFusedDeltaGates = {
    TensorSpec{
        Role::kSsmBetaAlpha, "ssm_ba", {Dim::kEmbd, Dim::kSsmRankTwice}, Presence::kRecurrent},
};
inline constexpr std::array kDeltaNetIn = {
    TensorSpec{Role::kSsmIn, "attn_qkv", {Dim::kEmbd, Dim::kSsmConvDim}, Presence::kRecurrent},
    TensorSpec{Role::kAttnGate, "attn_gate", {Dim::kEmbd, Dim::kSsmInner}, Presence::kRecurrent},
};
// The same, or the four of them in one matrix, K head by K head: Qwen 3 Next in files of 2025.
inline constexpr std::array kDeltaNetInOneOrTwo = {
    TensorSpec{Role::kSsmQkvz, "ssm_in", {Dim::kEmbd, Dim::kSsmIn}, Presence::kOptional},
    TensorSpec{.role = Role::kSsmIn,
               .name = "attn_qkv",
               .shape = {Dim::kEmbd, Dim::kSsmConvDim},
               .presence = Presence::kRecurrent,
               .unless = Role::kSsmQkvz},
    TensorSpec{.role = Role::kAttnGate,
               .name = "attn_gate",
               .shape = {Dim::kEmbd, Dim::kSsmInner},
               .presence = Presence::kRecurrent,
               .unless = Role::kSsmQkvz},
};
inline constexpr std::array kDeltaNet = {
    TensorSpec{.role = Role::kSsmConv,
               .name = "ssm_conv1d",
               .shape = {Dim::kSsmConv, Dim::kSsmConvDim},
               .presence = Presence::kRecurrent,
               .is_table = true},
    TensorSpec{.role = Role::kSsmDtBias,
               .name = "ssm_dt",
               .shape = {Dim::kSsmRank},
               .presence = Presence::kRecurrent,
               .suffix = Suffix::kBias},
    TensorSpec{.role = Role::kSsmA,
               .name = "ssm_a",
               .shape = {Dim::kSsmRank},
               .presence = Presence::kRecurrent,
               .suffix = Suffix::kNone},
    TensorSpec{Role::kSsmNorm, "ssm_norm", {Dim::kSsmHeadV}, Presence::kRecurrent},
    TensorSpec{Role::kSsmOut, "ssm_out", {Dim::kSsmInner, Dim::kEmbd}, Presence::kRecurrent},
};
// Layers that have them: recurrent ones (kRecurrent), or all (kRequired).
constexpr std::array<TensorSpec, 8> mamba2_tensors(Presence presence) {
  return {
      TensorSpec{Role::kSsmIn, "ssm_in", {Dim::kEmbd, Dim::kSsmIn}, presence},
      TensorSpec{.role = Role::kSsmConv,
                 .name = "ssm_conv1d",
                 .shape = {Dim::kSsmConv, Dim::kSsmConvDim},
                 .presence = presence,
                 .is_table = true},
      TensorSpec{.role = Role::kSsmConvBias,
                 .name = "ssm_conv1d",
                 .shape = {Dim::kSsmConvDim},
                 .presence = Presence::kOptional,
                 .suffix = Suffix::kBias},
      TensorSpec{.role = Role::kSsmDtBias,
                 .name = "ssm_dt",
                 .shape = {Dim::kSsmRank},
                 .presence = presence,
                 .suffix = Suffix::kBias},
      TensorSpec{.role = Role::kSsmA,
                 .name = "ssm_a",
                 .shape = {Dim::kOne, Dim::kSsmRank},
                 .presence = presence,
                 .suffix = Suffix::kNone,
                 .is_table = true},
      TensorSpec{.role = Role::kSsmD,
                 .name = "ssm_d",
                 .shape = {Dim::kOne, Dim::kSsmRank},
                 .presence = presence,
                 .suffix = Suffix::kNone,
                 .is_table = true},
      TensorSpec{.role = Role::kSsmNorm,
                 .name = "ssm_norm",
                 .shape = {Dim::kSsmGroupWidth, Dim::kSsmGroups},
                 .presence = Presence::kOptional,
                 .is_table = true},
      TensorSpec{Role::kSsmOut, "ssm_out", {Dim::kSsmInner, Dim::kEmbd}, presence, true},
  };
}
inline constexpr std::array kMamba1 = {
    TensorSpec{Role::kSsmIn, "ssm_in", {Dim::kEmbd, Dim::kSsmIn}, Presence::kRecurrent},
    TensorSpec{.role = Role::kSsmConv,
               .name = "ssm_conv1d",
               .shape = {Dim::kSsmConv, Dim::kSsmInner},
               .presence = Presence::kRecurrent,
               .is_table = true},
    TensorSpec{.role = Role::kSsmConvBias,
               .name = "ssm_conv1d",
               .shape = {Dim::kSsmInner},
               .presence = Presence::kOptional,
               .suffix = Suffix::kBias},
    TensorSpec{Role::kSsmX, "ssm_x", {Dim::kSsmInner, Dim::kSsmDtBC}, Presence::kRecurrent},
    TensorSpec{Role::kSsmDt, "ssm_dt", {Dim::kSsmRank, Dim::kSsmInner}, Presence::kRecurrent},
    TensorSpec{.role = Role::kSsmDtBias,
               .name = "ssm_dt",
               .shape = {Dim::kSsmInner},
               .presence = Presence::kRecurrent,
               .suffix = Suffix::kBias},
    TensorSpec{Role::kSsmDtNorm, "ssm_dt_norm", {Dim::kSsmRank}, Presence::kOptional},
    TensorSpec{Role::kSsmBNorm, "ssm_b_norm", {Dim::kSsmState}, Presence::kOptional},
    TensorSpec{Role::kSsmCNorm, "ssm_c_norm", {Dim::kSsmState}, Presence::kOptional},
    TensorSpec{.role = Role::kSsmA,
               .name = "ssm_a",
               .shape = {Dim::kSsmState, Dim::kSsmInner},
               .presence = Presence::kRecurrent,
               .suffix = Suffix::kNone,
               .is_table = true},
    TensorSpec{.role = Role::kSsmD,
               .name = "ssm_d",
               .shape = {Dim::kSsmInner},
               .presence = Presence::kRecurrent,
               .suffix = Suffix::kNone},
    TensorSpec{Role::kSsmOut, "ssm_out", {Dim::kSsmInner, Dim::kEmbd}, Presence::kRecurrent},
};
inline constexpr std::array kShortConv = {
    TensorSpec{Role::kSsmIn, "shortconv.in_proj", {Dim::kEmbd, Dim::kSsmIn}, Presence::kRecurrent},
    TensorSpec{.role = Role::kSsmConv,
               .name = "shortconv.conv",
               .shape = {Dim::kSsmConv, Dim::kEmbd},
               .presence = Presence::kRecurrent,
               .is_table = true},
    TensorSpec{Role::kSsmOut, "shortconv.out_proj", {Dim::kEmbd, Dim::kEmbd}, Presence::kRecurrent},
};

// Numbers of tiny models.
inline constexpr TinyKey kTinyDeltaNet[] = {
    {"ssm.conv_kernel", 4}, {"ssm.inner_size", 64},    {"ssm.state_size", 16},
    {"ssm.group_count", 2}, {"ssm.time_step_rank", 4}, {"full_attention_interval", 2},
};
inline constexpr TinyKey kTinyDeltaNetMoe[] = {
    {"ssm.conv_kernel", 4}, {"ssm.inner_size", 64},    {"ssm.state_size", 16},
    {"ssm.group_count", 2}, {"ssm.time_step_rank", 4}, {"full_attention_interval", 2},
    {"expert_count", 4},    {"expert_used_count", 2},  {"expert_shared_feed_forward_length", 32},
};
// Attention in odd layers.
inline constexpr TinyKey kTinyMamba2[] = {
    {"ssm.conv_kernel", 4}, {"ssm.inner_size", 64},    {"ssm.state_size", 16},
    {"ssm.group_count", 2}, {"ssm.time_step_rank", 4}, {"attention.head_count_kv", 0, false, 2},
};
// Attention in all layers.
inline constexpr TinyKey kTinyMamba2Beside[] = {
    {"ssm.conv_kernel", 4}, {"ssm.inner_size", 64},    {"ssm.state_size", 16},
    {"ssm.group_count", 2}, {"ssm.time_step_rank", 4},
};
// No attention, no FFN.
inline constexpr TinyKey kTinyMamba2Alone[] = {
    {"ssm.conv_kernel", 4},      {"ssm.inner_size", 64},         {"ssm.state_size", 16},
    {"ssm.group_count", 2},      {"ssm.time_step_rank", 4},      {"feed_forward_length", 0},
    {"attention.head_count", 0}, {"attention.head_count_kv", 0},
};
inline constexpr TinyKey kTinyMamba1Alone[] = {
    {"ssm.conv_kernel", 4},         {"ssm.inner_size", 64},     {"ssm.state_size", 16},
    {"ssm.time_step_rank", 8},      {"feed_forward_length", 0}, {"attention.head_count", 0},
    {"attention.head_count_kv", 0},
};
inline constexpr TinyKey kTinyMamba1[] = {
    {"ssm.conv_kernel", 4},
    {"ssm.inner_size", 64},
    {"ssm.state_size", 16},
    {"ssm.time_step_rank", 8},
    {"attention.head_count_kv", 0, false, 2},
};
inline constexpr TinyKey kTinyShortConv[] = {
    {"shortconv.l_cache", 3},
    {"attention.head_count_kv", 0, false, 2},
};

}  // namespace hearth::model
