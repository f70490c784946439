// The parts of tensor lists that architectures share.
#pragma once

#include "model/role.h"

namespace hearth::model {

inline constexpr std::array kEmbedAndHead = {
    TensorSpec{Role::kTokenEmbd, "token_embd", {Dim::kEmbd, Dim::kVocab}},
    TensorSpec{Role::kOutputNorm, "output_norm", {Dim::kEmbd}, Presence::kRequired, true},
    // Absent: the head is the embedding matrix (tied).
    TensorSpec{Role::kOutput, "output", {Dim::kEmbd, Dim::kVocab}, Presence::kOptional, true},
};
inline constexpr std::array kRopeFactors = {
    TensorSpec{Role::kRopeFreqs, "rope_freqs", {Dim::kRopePairs}, Presence::kOptional},
    TensorSpec{Role::kRopeLong, "rope_factors_long", {Dim::kRopePairs}, Presence::kOptional},
    TensorSpec{Role::kRopeShort, "rope_factors_short", {Dim::kRopePairs}, Presence::kOptional},
};
// Learned positions.
inline constexpr std::array kPositions = {
    TensorSpec{Role::kPositionEmbd, "position_embd", {Dim::kEmbd, Dim::kContext}},
};
// Sinks, in layers that have them.
inline constexpr std::array kOptionalSinks = {
    TensorSpec{Role::kAttnSinks, "attn_sinks", {Dim::kHeads}, Presence::kOptional},
};
inline constexpr std::array kQkvAndOut = {
    TensorSpec{Role::kAttnQ, "attn_q", {Dim::kEmbd, Dim::kQ}, Presence::kAttention, true},
    TensorSpec{Role::kAttnK, "attn_k", {Dim::kEmbd, Dim::kK}, Presence::kAttention, true},
    TensorSpec{Role::kAttnV, "attn_v", {Dim::kEmbd, Dim::kV}, Presence::kAttention, true},
    TensorSpec{
        Role::kAttnOut, "attn_output", {Dim::kAttnOut, Dim::kEmbd}, Presence::kAttention, true},
};
inline constexpr std::array kFusedQkvAndOut = {
    TensorSpec{Role::kAttnQkv, "attn_qkv", {Dim::kEmbd, Dim::kQkv}, Presence::kAttention, true},
    TensorSpec{
        Role::kAttnOut, "attn_output", {Dim::kAttnOut, Dim::kEmbd}, Presence::kAttention, true},
};
inline constexpr std::array kAttnNorm = {
    TensorSpec{Role::kAttnNorm, "attn_norm", {Dim::kEmbd}, Presence::kRequired, true},
};
inline constexpr auto kSplitAttention = join(kAttnNorm, kQkvAndOut);
inline constexpr auto kFusedAttention = join(kAttnNorm, kFusedQkvAndOut);
// Norms of every head, with one weight for all heads.
inline constexpr std::array kQkNorm = {
    TensorSpec{Role::kAttnQNorm, "attn_q_norm", {Dim::kHeadK}, Presence::kAttention},
    TensorSpec{Role::kAttnKNorm, "attn_k_norm", {Dim::kHeadK}, Presence::kAttention},
};
// The same, in files that may lack them.
inline constexpr std::array kOptionalQkNorm = {
    TensorSpec{Role::kAttnQNorm, "attn_q_norm", {Dim::kHeadK}, Presence::kOptional},
    TensorSpec{Role::kAttnKNorm, "attn_k_norm", {Dim::kHeadK}, Presence::kOptional},
};
// Norms of every head, each with a weight of its own.
inline constexpr std::array kQkNormByHead = {
    TensorSpec{Role::kAttnQNorm,
               "attn_q_norm",
               {Dim::kHeadK, Dim::kHeads},
               Presence::kOptional,
               false,
               Suffix::kWeight,
               true},
    TensorSpec{Role::kAttnKNorm,
               "attn_k_norm",
               {Dim::kHeadK, Dim::kKvHeads},
               Presence::kOptional,
               false,
               Suffix::kWeight,
               true},
};
// One norm over all heads.
inline constexpr std::array kQkNormWide = {
    TensorSpec{Role::kAttnQNorm, "attn_q_norm", {Dim::kQ}, Presence::kAttention},
    TensorSpec{Role::kAttnKNorm, "attn_k_norm", {Dim::kK}, Presence::kAttention},
};
inline constexpr std::array kPostNorms = {
    TensorSpec{Role::kPostAttnNorm, "post_attention_norm", {Dim::kEmbd}},
    TensorSpec{Role::kPostFfnNorm, "post_ffw_norm", {Dim::kEmbd}},
};

// Gemma 3n and 4: layers that may read the KV cache of another, or use their keys as values.
inline constexpr std::array kSharedKvAttention = {
    TensorSpec{Role::kAttnNorm, "attn_norm", {Dim::kEmbd}},
    TensorSpec{Role::kAttnQ, "attn_q", {Dim::kEmbd, Dim::kQ}},
    TensorSpec{Role::kAttnK, "attn_k", {Dim::kEmbd, Dim::kK}, Presence::kKvOwner},
    TensorSpec{Role::kAttnV, "attn_v", {Dim::kEmbd, Dim::kV}, Presence::kOptional},
    TensorSpec{Role::kAttnOut, "attn_output", {Dim::kAttnOut, Dim::kEmbd}},
    TensorSpec{Role::kAttnQNorm, "attn_q_norm", {Dim::kHeadK}},
    TensorSpec{Role::kAttnKNorm, "attn_k_norm", {Dim::kHeadK}, Presence::kKvOwner},
};
inline constexpr std::array kLayerEmbeddings = {
    TensorSpec{Role::kLayerEmbd,
               "per_layer_token_embd",
               {Dim::kLayerEmbdAll, Dim::kVocab},
               Presence::kLayerEmbedding},
    TensorSpec{Role::kLayerEmbdProj,
               "per_layer_model_proj",
               {Dim::kEmbd, Dim::kLayerEmbdAll},
               Presence::kLayerEmbedding},
    TensorSpec{Role::kLayerEmbdProjNorm,
               "per_layer_proj_norm",
               {Dim::kLayerEmbd},
               Presence::kLayerEmbedding},
    TensorSpec{Role::kLayerInputGate,
               "inp_gate",
               {Dim::kEmbd, Dim::kLayerEmbd},
               Presence::kLayerEmbedding},
    TensorSpec{Role::kLayerProj, "proj", {Dim::kLayerEmbd, Dim::kEmbd}, Presence::kLayerEmbedding},
    TensorSpec{Role::kLayerPostNorm, "post_norm", {Dim::kEmbd}, Presence::kLayerEmbedding},
};

inline constexpr std::array kFfnNorm = {
    TensorSpec{Role::kFfnNorm, "ffn_norm", {Dim::kEmbd}, Presence::kRequired, true},
};
// The norm before the FFN under the name that other architectures give the one behind attention.
inline constexpr std::array kFfnNormNamedPost = {
    TensorSpec{Role::kFfnNorm, "post_attention_norm", {Dim::kEmbd}},
};
inline constexpr std::array kGatedMatrices = {
    TensorSpec{Role::kFfnGate, "ffn_gate", {Dim::kEmbd, Dim::kFf}, Presence::kDense, true},
    TensorSpec{Role::kFfnUp, "ffn_up", {Dim::kEmbd, Dim::kFf}, Presence::kDense, true},
    TensorSpec{Role::kFfnDown, "ffn_down", {Dim::kFf, Dim::kEmbd}, Presence::kDense, true},
};
inline constexpr auto kGatedFfn = join(kFfnNorm, kGatedMatrices);
// Gate and up in one matrix, gate first.
inline constexpr std::array kFusedMatrices = {
    TensorSpec{Role::kFfnUp, "ffn_up", {Dim::kEmbd, Dim::kFfTwice}, Presence::kDense},
    TensorSpec{Role::kFfnDown, "ffn_down", {Dim::kFf, Dim::kEmbd}, Presence::kDense},
};
// No gate.
inline constexpr std::array kPlainMatrices = {
    TensorSpec{Role::kFfnUp, "ffn_up", {Dim::kEmbd, Dim::kFf}, Presence::kDense, true},
    TensorSpec{Role::kFfnDown, "ffn_down", {Dim::kFf, Dim::kEmbd}, Presence::kDense, true},
};
inline constexpr auto kPlainFfn = join(kFfnNorm, kPlainMatrices);

inline constexpr std::array kExpertFfn = {
    TensorSpec{
        Role::kFfnRouter, "ffn_gate_inp", {Dim::kEmbd, Dim::kExperts}, Presence::kExpert, true},
    TensorSpec{Role::kFfnGateExps,
               "ffn_gate_exps",
               {Dim::kEmbd, Dim::kFfExpert, Dim::kExperts},
               Presence::kExpert,
               true},
    TensorSpec{Role::kFfnUpExps,
               "ffn_up_exps",
               {Dim::kEmbd, Dim::kFfExpert, Dim::kExperts},
               Presence::kExpert,
               true},
    TensorSpec{Role::kFfnDownExps,
               "ffn_down_exps",
               {Dim::kFfExpert, Dim::kEmbd, Dim::kExperts},
               Presence::kExpert,
               true},
};
// Experts with gate and up apart or in one matrix, gate first.
inline constexpr std::array kEitherExpertFfn = {
    TensorSpec{
        Role::kFfnRouter, "ffn_gate_inp", {Dim::kEmbd, Dim::kExperts}, Presence::kExpert, true},
    TensorSpec{Role::kFfnGateUpExps,
               "ffn_gate_up_exps",
               {Dim::kEmbd, Dim::kFfExpertTwice, Dim::kExperts},
               Presence::kOptional},
    TensorSpec{.role = Role::kFfnGateExps,
               .name = "ffn_gate_exps",
               .shape = {Dim::kEmbd, Dim::kFfExpert, Dim::kExperts},
               .presence = Presence::kExpert,
               .unless = Role::kFfnGateUpExps},
    TensorSpec{.role = Role::kFfnUpExps,
               .name = "ffn_up_exps",
               .shape = {Dim::kEmbd, Dim::kFfExpert, Dim::kExperts},
               .presence = Presence::kExpert,
               .unless = Role::kFfnGateUpExps},
    TensorSpec{Role::kFfnDownExps,
               "ffn_down_exps",
               {Dim::kFfExpert, Dim::kEmbd, Dim::kExperts},
               Presence::kExpert},
};
inline constexpr std::array kSharedExpert = {
    TensorSpec{
        Role::kFfnGateShared, "ffn_gate_shexp", {Dim::kEmbd, Dim::kFfShared}, Presence::kShared},
    TensorSpec{Role::kFfnUpShared, "ffn_up_shexp", {Dim::kEmbd, Dim::kFfShared}, Presence::kShared},
    TensorSpec{
        Role::kFfnDownShared, "ffn_down_shexp", {Dim::kFfShared, Dim::kEmbd}, Presence::kShared},
};
// Added to the experts' scores where they are chosen, and only there.
inline constexpr std::array kSelectionBias = {
    TensorSpec{Role::kFfnSelectionBias,
               "exp_probs_b",
               {Dim::kExperts},
               Presence::kOptional,
               false,
               Suffix::kBias},
};

}  // namespace hearth::model
