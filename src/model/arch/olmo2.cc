// olmo2: OLMo 2, OLMo 3. Norms only behind both halves, and one over all heads of Q, one over
// those of K; in OLMo 3 three of four layers slide, and rotate without scaling.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kQkvAndOut, kQkNormWide, kGatedMatrices, kPostNorms);
}  // namespace

extern const ArchSpec kOlmo2 = {
    .name = "olmo2",
    .title = "OLMo 2, OLMo 3",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .wide_qk_norm = true,
    .window_period = 4,
    .window_rope = WindowRope::kUnscaled,
};

}  // namespace hearth::model
