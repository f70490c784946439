// eurobert: EuroBERT, jina-embeddings-v5-nano. Llama's blocks, looking both ways.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kEnds = {
    TensorSpec{Role::kTokenEmbd, "token_embd", {Dim::kEmbd, Dim::kVocab}},
    TensorSpec{Role::kOutputNorm, "output_norm", {Dim::kEmbd}},
};
constexpr auto kTensors = join(kEnds, kSplitAttention, kGatedFfn);
}  // namespace

extern const ArchSpec kEuroBert = {
    .name = "eurobert",
    .title = "EuroBERT, jina-embeddings-v5-nano",
    .tensors = kTensors,
    .causal = false,
    .rope = tensor::RopePairing::kNeox,
};

}  // namespace hearth::model
