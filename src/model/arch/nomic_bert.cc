// nomic-bert: nomic-embed-text 1 and 1.5. BERT with rope in place of learned positions, and SwiGLU.
#include "model/encoder_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors =
    join(kEncoderEmbed, kFusedQkvAndOut, kGatedMatrices, kEncoderNorms, kClassifier);
}  // namespace

extern const ArchSpec kNomicBert = {
    .name = "nomic-bert",
    .title = "nomic-embed-text 1, 1.5",
    .tensors = kTensors,
    .layer_norm = true,
    .topology = Topology::kPostNorm,
    .causal = false,
    .rope = tensor::RopePairing::kNeox,
};

}  // namespace hearth::model
