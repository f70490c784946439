// gemma3: Gemma 3. As Gemma 2 without soft caps, with norms of the heads; five of six layers
// slide, and rotate with a base of their own and without scaling.
#include <cmath>

#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
// The 27B model (62 layers) scales by the width per head, as Gemma 2's does.
Result<void> adjust(HyperParams& params, const format::Metadata&) {
  if (params.layers.size() != 62) return {};
  for (LayerParams& layer : params.layers)
    layer.attn_scale = 1.0f / std::sqrt(float(params.n_embd) / float(layer.n_heads));
  return {};
}

constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kQkNorm, kGatedFfn, kPostNorms);
}  // namespace

extern const ArchSpec kGemma3 = {
    .name = "gemma3",
    .title = "Gemma 3",
    .templates = "gemma",
    .tensors = kTensors,
    .embed_scale = EmbedScale::kSqrtEmbd,
    .rope = tensor::RopePairing::kNeox,
    .window_period = 6,
    .window_rope = WindowRope::kOwnBase,
    .activation = tensor::Activation::kGeluTanh,
    .adjust = adjust,
};

}  // namespace hearth::model
