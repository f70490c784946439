// deepseek32: DeepSeek V3.2. DeepSeek V3 with sparse attention: in every layer an indexer chooses the
// positions that a token attends to.
#include "model/latent_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr TinyKey kTiny[] = {{"attention.q_lora_rank", 24},
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

Result<void> adjust(HyperParams& params, const format::Metadata& metadata) {
  scale_latent_scores(params, false);
  return read_indexers(params, metadata);
}

constexpr auto kTensors =
    join(kEmbedAndHead, kAttnNorm, kLatentIn, kAbsorbed, kLatentOut, kIndexerTensors, kGatedFfn,
         kExpertFfn, kSelectionBias, kSharedExpert);
}  // namespace

extern const ArchSpec kDeepseek32 = {
    .name = "deepseek32",
    .title = "DeepSeek V3.2",
    .tensors = kTensors,
    .index_rope = tensor::RopePairing::kNeox,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTiny,
    .adjust = adjust,
};

}  // namespace hearth::model
