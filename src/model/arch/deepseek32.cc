// deepseek32: DeepSeek V3.2. DeepSeek V3 with sparse attention: in every layer an indexer chooses
// the positions that a token attends to.
#include "model/latent_params.h"
#include "model/spec.h"

namespace hearth::model {
namespace {
Result<void> adjust(HyperParams& params, const format::Metadata& metadata) {
  scale_latent_scores(params, false);
  return read_indexers(params, metadata);
}

}  // namespace

extern const ArchSpec kDeepseek32 = {
    .name = "deepseek32",
    .title = "DeepSeek V3.2",
    .templates = "deepseek-ai-DeepSeek-V3.2",
    .tensors = kSparseLatent,
    .index_rope = tensor::RopePairing::kNeox,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTinySparseLatent,
    .adjust = adjust,
};

}  // namespace hearth::model
