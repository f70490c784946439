// exaone4: EXAONE 4. Norms only behind both halves, norms of the heads; in the 32B model (64
// layers) three of four layers slide, and the fourth does not rotate.
#include <algorithm>

#include "format/gguf_value.h"
#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
Result<void> adjust(HyperParams& params, const format::Metadata& metadata) {
  if (params.n_layers() != 64) return {};
  HEARTH_ASSIGN(const uint64_t window,
                metadata.get_uint_or("exaone4.attention.sliding_window", 4096));
  for (size_t i = 0; i < 64; ++i) {
    const bool slides = i % 4 < 3;
    params.layers[i].window = slides ? int(std::min<uint64_t>(window, 1 << 30)) : 0;
    if (!slides) params.layers[i].rope = LayerRope::kNone;
  }
  return {};
}

constexpr auto kTensors =
    join(kEmbedAndHead, kRopeFactors, kQkvAndOut, kQkNorm, kGatedMatrices, kPostNorms);
}  // namespace

extern const ArchSpec kExaone4 = {
    .name = "exaone4",
    .title = "EXAONE 4",
    .templates = "exaone",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .adjust = adjust,
};

}  // namespace hearth::model
