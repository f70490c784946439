// What architectures with multi-head latent attention share: lists of its tensors and of those of
// sparse attention's indexers, and rules for their numbers.
#pragma once

#include "base/result.h"
#include "model/hyper_params.h"
#include "model/role.h"
#include "model/tensor_lists.h"

namespace hearth::model {

inline constexpr std::array kLatentIn = {
    TensorSpec{Role::kMlaQA, "attn_q_a", {Dim::kEmbd, Dim::kQRank}},
    TensorSpec{Role::kMlaQANorm, "attn_q_a_norm", {Dim::kQRank}},
    TensorSpec{Role::kMlaQB, "attn_q_b", {Dim::kQRank, Dim::kMlaQ}},
    TensorSpec{Role::kMlaKvA, "attn_kv_a_mqa", {Dim::kEmbd, Dim::kKvRankRope}},
    TensorSpec{Role::kMlaKvANorm, "attn_kv_a_norm", {Dim::kKvRank}},
};
inline constexpr std::array kLatentOut = {
    TensorSpec{Role::kAttnOut, "attn_output", {Dim::kMlaOut, Dim::kEmbd}},
};
inline constexpr std::array kAbsorbed = {
    TensorSpec{Role::kMlaKB, "attn_k_b", {Dim::kMlaNope, Dim::kKvRank, Dim::kHeads}},
    TensorSpec{Role::kMlaVB, "attn_v_b", {Dim::kKvRank, Dim::kMlaV, Dim::kHeads}},
};
inline constexpr std::array kIndexerTensors = {
    TensorSpec{Role::kIndexQB, "indexer.attn_q_b", {Dim::kQRank, Dim::kIndexQ}, Presence::kIndexer},
    TensorSpec{Role::kIndexK, "indexer.attn_k", {Dim::kEmbd, Dim::kIndexWidth}, Presence::kIndexer},
    TensorSpec{Role::kIndexKNorm, "indexer.k_norm", {Dim::kIndexWidth}, Presence::kIndexer, true},
    TensorSpec{
        Role::kIndexWeights, "indexer.proj", {Dim::kEmbd, Dim::kIndexHeads}, Presence::kIndexer},
};

// A whole model of DeepSeek V3's kind with an indexer in its layers, and the numbers of a tiny one.
inline constexpr auto kSparseLatent =
    join(kEmbedAndHead, kAttnNorm, kLatentIn, kAbsorbed, kLatentOut, kIndexerTensors, kGatedFfn,
         kExpertFfn, kSelectionBias, kSharedExpert);
inline constexpr TinyKey kTinySparseLatent[] = {{"attention.q_lora_rank", 24},
                                                {"attention.kv_lora_rank", 32},
                                                {"attention.key_length", 40},
                                                {"attention.value_length", 32},
                                                {"attention.key_length_mla", 24},
                                                {"attention.value_length_mla", 16},
                                                {"attention.head_count_kv", 1},
                                                {"rope.dimension_count", 8},
                                                {"attention.indexer.head_count", 6},
                                                {"attention.indexer.key_length", 20},
                                                {"attention.indexer.top_k", 11},
                                                {"expert_count", 4},
                                                {"expert_used_count", 2},
                                                {"expert_shared_count", 1},
                                                {"leading_dense_block_count", 1}};

// YaRN multiplies the scores too (DeepSeek-V2, arXiv:2405.04434, and its code): by mscale of the
// model's configuration, where the rotation has mscale / mscale_all_dim. Files hold a tenth of the
// latter; `same_mscale`: both are the same, else mscale is 1.
void scale_latent_scores(HyperParams& params, bool same_mscale);

// All layers choose the positions that they attend to. Errors: kCorrupt.
Result<void> read_indexers(HyperParams& params, const format::Metadata& metadata);

}  // namespace hearth::model
