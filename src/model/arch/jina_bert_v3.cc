// jina-bert-v3: jina-embeddings-v3 (one of its adapters merged). XLM-R with rope.
#include "model/encoder_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors =
    join(kEncoderEmbed, kFusedQkvAndOut, kPlainMatrices, kEncoderNorms, kClassifier);
}  // namespace

extern const ArchSpec kJinaBertV3 = {
    .name = "jina-bert-v3",
    .title = "jina-embeddings-v3",
    .tensors = kTensors,
    .layer_norm = true,
    .topology = Topology::kPostNorm,
    .causal = false,
    .rope = tensor::RopePairing::kNeox,
    .activation = tensor::Activation::kGeluTanh,
    .gated = false,
};

}  // namespace hearth::model
