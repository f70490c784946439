// deepseek2: DeepSeek V2, V3, R1, Kimi K2, GLM-4.7-Flash, Mistral Large 3, Moonlight. Latent
// attention; experts in groups, chosen by softmax or by sigmoid plus a bias, with shared ones; the
// first layers are dense.
#include <fmt/format.h>

#include "format/gguf_value.h"
#include "model/hyper_params.h"
#include "model/latent_params.h"
#include "model/model.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kLatent = {
    TensorSpec{Role::kMlaQA, "attn_q_a", {Dim::kEmbd, Dim::kQRank}, Presence::kOptional},
    TensorSpec{Role::kMlaQANorm, "attn_q_a_norm", {Dim::kQRank}, Presence::kOptional},
    TensorSpec{Role::kMlaQB, "attn_q_b", {Dim::kQRank, Dim::kMlaQ}, Presence::kOptional},
    TensorSpec{Role::kAttnQ, "attn_q", {Dim::kEmbd, Dim::kMlaQ}, Presence::kOptional},
    TensorSpec{Role::kMlaKvA, "attn_kv_a_mqa", {Dim::kEmbd, Dim::kKvRankRope}},
    TensorSpec{Role::kMlaKvANorm, "attn_kv_a_norm", {Dim::kKvRank}},
    TensorSpec{
        Role::kMlaKB, "attn_k_b", {Dim::kMlaNope, Dim::kKvRank, Dim::kHeads}, Presence::kOptional},
    TensorSpec{
        Role::kMlaVB, "attn_v_b", {Dim::kKvRank, Dim::kMlaV, Dim::kHeads}, Presence::kOptional},
    TensorSpec{Role::kMlaKvB, "attn_kv_b", {Dim::kKvRank, Dim::kMlaKv}, Presence::kOptional},
    TensorSpec{Role::kAttnOut, "attn_output", {Dim::kMlaOut, Dim::kEmbd}},
};
constexpr TinyKey kTiny[] = {{"attention.kv_lora_rank", 32},     {"attention.key_length", 40},
                             {"attention.value_length", 32},     {"attention.key_length_mla", 24},
                             {"attention.value_length_mla", 16}, {"attention.head_count_kv", 1},
                             {"rope.dimension_count", 8},        {"expert_count", 4},
                             {"expert_used_count", 2},           {"expert_shared_count", 1},
                             {"leading_dense_block_count", 1}};
constexpr Role kTinyOptional[] = {Role::kAttnQ, Role::kMlaKB, Role::kMlaVB};

Result<void> adjust(HyperParams& params, const format::Metadata& metadata) {
  // GLM-4.7-Flash says nothing of how its experts are chosen.
  if (!metadata.contains("deepseek2.expert_gating_func") && params.n_vocab == 154880 &&
      (params.n_layers() == 47 || params.n_layers() == 48))
    params.expert_gating = tensor::ExpertGating::kSigmoid;
  scale_latent_scores(params, true);
  return {};
}

Result<void> check(const Model& model) {
  for (int il = 0; il < model.params().n_layers(); ++il) {
    const auto has = [&](Role role) { return model.weight(role, il).present(); };
    const bool queries = model.params().mla.q_rank > 0
                             ? has(Role::kMlaQA) && has(Role::kMlaQANorm) && has(Role::kMlaQB)
                             : has(Role::kAttnQ);
    const bool keys = (has(Role::kMlaKB) && has(Role::kMlaVB)) || has(Role::kMlaKvB);
    if (!queries || !keys)
      return fail(
          ErrorCode::kCorrupt,
          fmt::format("layer {} lacks matrices of its {}", il, queries ? "keys" : "queries"),
          "the file is incomplete or made for another program; download it again");
  }
  return {};
}

constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kAttnNorm, kLatent, kGatedFfn,
                               kExpertFfn, kSelectionBias, kSharedExpert);
}  // namespace

extern const ArchSpec kDeepseek2 = {
    .name = "deepseek2",
    .title = "DeepSeek V2, V3, R1, Kimi K2, GLM-4.7-Flash, Mistral Large 3",
    .tensors = kTensors,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTiny,
    .tiny_optional = kTinyOptional,
    .adjust = adjust,
    .check = check,
};

}  // namespace hearth::model
