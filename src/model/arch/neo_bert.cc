// neo-bert: NeoBERT. Llama's blocks looking both ways, with fused matrices; its output norm has a
// name of its own.
#include "model/encoder_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kEnds = {
    TensorSpec{Role::kTokenEmbd, "token_embd", {Dim::kEmbd, Dim::kVocab}},
    TensorSpec{Role::kOutputNorm, "enc.output_norm", {Dim::kEmbd}},
};
constexpr auto kTensors = join(kEnds, kFusedAttention, kFfnNorm, kFusedMatrices, kClassifier);
}  // namespace

extern const ArchSpec kNeoBert = {
    .name = "neo-bert",
    .title = "NeoBERT",
    .tensors = kTensors,
    .causal = false,
};

}  // namespace hearth::model
