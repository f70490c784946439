// minicpm3: MiniCPM 3. Latent attention whose keys and values are made whole, LongRoPE, scales of
// embedding and residual branches.
#include <cmath>

#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kLatent = {
    TensorSpec{Role::kMlaQA, "attn_q_a", {Dim::kEmbd, Dim::kQRank}},
    TensorSpec{Role::kMlaQANorm, "attn_q_a_norm", {Dim::kQRank}},
    TensorSpec{Role::kMlaQB, "attn_q_b", {Dim::kQRank, Dim::kMlaQ}},
    TensorSpec{Role::kMlaKvA, "attn_kv_a_mqa", {Dim::kEmbd, Dim::kKvRankRope}},
    TensorSpec{Role::kMlaKvANorm, "attn_kv_a_norm", {Dim::kKvRank}},
    TensorSpec{Role::kMlaKvB, "attn_kv_b", {Dim::kKvRank, Dim::kMlaKv}},
    TensorSpec{Role::kAttnOut, "attn_output", {Dim::kMlaOut, Dim::kEmbd}},
};
constexpr TinyKey kTiny[] = {{"attention.q_lora_rank", 24},  {"attention.kv_lora_rank", 32},
                             {"attention.key_length", 24},   {"attention.value_length", 16},
                             {"attention.head_count_kv", 4}, {"rope.dimension_count", 8}};

Result<void> adjust(HyperParams& params, const format::Metadata&) {
  params.embed_scale = 12;
  params.residual_scale = 1.4f / std::sqrt(float(params.n_layers()));
  params.logit_scale = 256.0f / float(params.n_embd);
  return {};
}

constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kAttnNorm, kLatent, kGatedFfn);
}  // namespace

extern const ArchSpec kMinicpm3 = {
    .name = "minicpm3",
    .title = "MiniCPM 3",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .tiny_keys = kTiny,
    .adjust = adjust,
};

}  // namespace hearth::model
