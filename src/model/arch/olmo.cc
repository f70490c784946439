// olmo: OLMo 1. Layer norm without weights or biases, and values of Q, K and V that are kept
// within bounds.
#include "model/graph_builder.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kNoNorms = {
    TensorSpec{Role::kTokenEmbd, "token_embd", {Dim::kEmbd, Dim::kVocab}},
    TensorSpec{Role::kOutput, "output", {Dim::kEmbd, Dim::kVocab}, Presence::kOptional},
};

void layer(GraphBuilder& g, tensor::View x, int il) {
  g.attention(x, x, il, g.plain_norm(), true);
  g.ffn(x, x, il, g.plain_norm(), true);
}

constexpr auto kTensors = join(kNoNorms, kQkvAndOut, kGatedMatrices);
}  // namespace

extern const ArchSpec kOlmo = {
    .name = "olmo",
    .title = "OLMo 1",
    .tensors = kTensors,
    .layer_norm = true,
    .plain_output_norm = true,
    .layer = layer,
};

}  // namespace hearth::model
