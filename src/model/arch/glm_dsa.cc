// glm-dsa: GLM 5. DeepSeek V3.2's sparse attention; from GLM 5.2 on most layers attend to what one
// before them has chosen.
#include "format/gguf_value.h"
#include "model/latent_params.h"
#include "model/spec.h"

namespace hearth::model {
namespace {
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
  for (size_t i = 0; i < n; ++i)
    params.layers[i].selects = own[i] ? Selects::kOwn : Selects::kAsBefore;
  return {};
}

}  // namespace

extern const ArchSpec kGlmDsa = {
    .name = "glm-dsa",
    .title = "GLM 5",
    .tensors = kSparseLatent,
    .expert_gating = tensor::ExpertGating::kSigmoid,
    .expert_gating_key = true,
    .expert_renormalize_key = true,
    .tiny_keys = kTinySparseLatent,
    .adjust = adjust,
};

}  // namespace hearth::model
