// bitnet: BitNet b1.58. Weights of three values with a scale each, and one norm more in each half,
// before its last matrix.
#include "model/graph_builder.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kSubNorms = {
    TensorSpec{Role::kAttnSubNorm, "attn_sub_norm", {Dim::kEmbd}},
    TensorSpec{Role::kFfnSubNorm, "ffn_sub_norm", {Dim::kFf}},
};

void layer(GraphBuilder& g, tensor::View x, int il) {
  const Model& m = g.model();
  g.attention(x, x, il, g.norm(Role::kAttnNorm, il), true);
  const tensor::Weight& gate = m.weight(Role::kFfnGate, il);
  const tensor::View both = g.rows(2 * gate.rows);
  const tensor::View first = tensor::columns(both, 0, gate.rows);
  const tensor::View second = tensor::columns(both, gate.rows, gate.rows);
  g.graph().add(tensor::MatMulOp{
      x, 2, {&gate, &m.weight(Role::kFfnUp, il)}, {first, second}, g.norm(Role::kFfnNorm, il)});
  g.graph().add(tensor::GateOp{
      .in = second, .gate = first, .out = first, .activation = tensor::Activation::kSilu});
  g.graph().add(tensor::MatMulOp{
      first, 1, {&m.weight(Role::kFfnDown, il)}, {x}, g.norm(Role::kFfnSubNorm, il), true});
}

constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kGatedFfn, kSubNorms);
}  // namespace

extern const ArchSpec kBitnet = {
    .name = "bitnet",
    .title = "BitNet b1.58",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .layer = layer,
};

}  // namespace hearth::model
