// glm-dsa: GLM 5. DeepSeek V3.2's sparse attention; from GLM 5.2 on most layers attend to what one
// before them has chosen.
#include "format/gguf_value.h"
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
  HEARTH_TRY(read_indexers(params, metadata));
  const size_t n = params.layers.size();
  std::vector<bool> own(n, true);
  const std::string key = "glm-dsa.attention.indexer.types";
  if (metadata.contains(key)) {
    HEARTH_ASSIGN(own, metadata.get_per_layer<bool>(key, n));
  } else if (params.n_ctx_train >= 1 << 20) {
    // GLM 5.2's files do not say it: the first two, then every fourth (its config.json).
    for (size_t i = 2; i < n; ++i) own[i] = i % 4 == 2;
  }
  if (!own[0])
    return fail(ErrorCode::kCorrupt, "its first layer attends to what none before it has chosen",
                "the file is damaged; download it again");
  for (size_t i = 0; i < n; ++i) params.layers[i].selects = own[i] ? Selects::kOwn : Selects::kAsBefore;
  return {};
}

constexpr auto kTensors =
    join(kEmbedAndHead, kAttnNorm, kLatentIn, kAbsorbed, kLatentOut, kIndexerTensors, kGatedFfn,
         kExpertFfn, kSelectionBias, kSharedExpert);
}  // namespace

extern const ArchSpec kGlmDsa = {
    .name = "glm-dsa",
    .title = "GLM 5",
    .tensors = kTensors,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTiny,
    .adjust = adjust,
};

}  // namespace hearth::model
