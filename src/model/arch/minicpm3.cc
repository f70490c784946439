// minicpm3: MiniCPM 3. Latent attention whose keys and values are made whole, LongRoPE, scales of
// embedding and residual branches.
#include <cmath>

#include "model/latent_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kWhole = {
    TensorSpec{Role::kMlaKvB, "attn_kv_b", {Dim::kKvRank, Dim::kMlaKv}},
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

constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kAttnNorm, kLatentIn, kWhole,
                               kLatentOut, kGatedFfn);
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
