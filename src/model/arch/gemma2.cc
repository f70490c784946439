// gemma2: Gemma 2. Embedding times sqrt(d), norms before and behind both blocks, GeGLU, soft caps
// on scores and logits, a sliding window on every even layer.
#include <cmath>

#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {

constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kGatedFfn, kPostNorms);

// The 27B model (46 layers) scales by the width per head, not by the head's own width; no key says
// so.
Result<void> adjust(HyperParams& params, const format::Metadata&) {
  if (params.layers.size() != 46) return {};
  for (LayerParams& layer : params.layers)
    layer.attn_scale = 1.0f / std::sqrt(float(params.n_embd) / float(layer.n_heads));
  return {};
}

}  // namespace

extern const ArchSpec kGemma2 = {
    .name = "gemma2",
    .title = "Gemma 2",
    .templates = "google-gemma-2-2b-it",
    .tensors = kTensors,
    .embed_scale = EmbedScale::kSqrtEmbd,
    .rope = tensor::RopePairing::kNeox,
    .attn_softcap = 50,
    .final_softcap = 30,
    .window_period = 2,
    .activation = tensor::Activation::kGeluTanh,
    .adjust = adjust,
};

}  // namespace hearth::model
