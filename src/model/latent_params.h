// What architectures with multi-head latent attention share: lists of its tensors and of those of
// sparse attention's indexers, and rules for their numbers.
#pragma once

#include "base/result.h"
#include "model/hyper_params.h"
#include "model/role.h"

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
    TensorSpec{
        Role::kIndexQB, "indexer.attn_q_b", {Dim::kQRank, Dim::kIndexQ}, Presence::kIndexer},
    TensorSpec{Role::kIndexK, "indexer.attn_k", {Dim::kEmbd, Dim::kIndexWidth}, Presence::kIndexer},
    TensorSpec{
        Role::kIndexKNorm, "indexer.k_norm", {Dim::kIndexWidth}, Presence::kIndexer, true},
    TensorSpec{
        Role::kIndexWeights, "indexer.proj", {Dim::kEmbd, Dim::kIndexHeads}, Presence::kIndexer},
};

// YaRN multiplies the scores too (DeepSeek-V2, arXiv:2405.04434, and its code): by mscale of the
// model's configuration, where the rotation has mscale / mscale_all_dim. Files hold a tenth of the
// latter; `same_mscale`: both are the same, else mscale is 1.
void scale_latent_scores(HyperParams& params, bool same_mscale);

// All layers choose the positions that they attend to. Errors: kCorrupt.
Result<void> read_indexers(HyperParams& params, const format::Metadata& metadata);

}  // namespace hearth::model
