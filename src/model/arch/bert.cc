// bert: BERT and RoBERTa encoders: all-MiniLM, bge, e5, gte, mxbai, arctic-embed, bge-m3 and the
// bge rerankers. Norms behind the sums, learned positions, GELU without a gate.
//
// GELU is the tanh form here, as in the files' original runtime; Hugging Face's BERT has erf. The
// cosine between the two embeddings of a text differs from 1 by about 1e-4 or less.
#include "model/encoder_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors =
    join(kEncoderEmbed, kPositions, kQkvAndOut, kPlainMatrices, kEncoderNorms, kClassifier);
}  // namespace

extern const ArchSpec kBert = {
    .name = "bert",
    .title = "BERT, RoBERTa, XLM-R: MiniLM, bge, e5, gte, mxbai, arctic-embed, bge-reranker",
    .tensors = kTensors,
    .layer_norm = true,
    .topology = Topology::kPostNorm,
    .causal = false,
    .rope = tensor::RopePairing::kNone,
    .activation = tensor::Activation::kGeluTanh,
    .gated = false,
};

}  // namespace hearth::model
