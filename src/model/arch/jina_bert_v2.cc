// jina-bert-v2: jina-embeddings-v2, jina-reranker-v1. BERT with ALiBi in place of positions; some
// files have wide norms of Q and K, a second norm behind attention, and a gate, which is a matrix
// of its own or the first half of up.
#include "model/encoder_lists.h"
#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
// The files do not say it.
Result<void> adjust(HyperParams& params, const format::Metadata&) {
  params.max_alibi = 8;
  return {};
}

constexpr std::array kOwn = {
    TensorSpec{Role::kAttnQNorm, "attn_q_norm", {Dim::kQ}, Presence::kOptional, true},
    TensorSpec{Role::kAttnKNorm, "attn_k_norm", {Dim::kK}, Presence::kOptional, true},
    TensorSpec{Role::kAttnNorm2, "attn_norm_2", {Dim::kEmbd}, Presence::kOptional, true},
    TensorSpec{Role::kFfnGate, "ffn_gate", {Dim::kEmbd, Dim::kFf}, Presence::kOptional},
    TensorSpec{Role::kFfnUp, "ffn_up", {Dim::kEmbd, Dim::kFf}, Presence::kRequired, true},
    TensorSpec{Role::kFfnUp, "ffn_up", {Dim::kEmbd, Dim::kFfTwice}, Presence::kOptional, true},
    TensorSpec{Role::kFfnDown, "ffn_down", {Dim::kFf, Dim::kEmbd}, Presence::kRequired, true},
    // The reranker's whole head is one row.
    TensorSpec{Role::kClsDense, "cls", {Dim::kEmbd, Dim::kOne}, Presence::kOptional, true},
};
constexpr auto kTensors = join(kEncoderEmbed, kQkvAndOut, kOwn, kEncoderNorms);
}  // namespace

extern const ArchSpec kJinaBertV2 = {
    .name = "jina-bert-v2",
    .title = "jina-embeddings-v2, jina-reranker-v1",
    .tensors = kTensors,
    .layer_norm = true,
    .topology = Topology::kPostNorm,
    .causal = false,
    .rope = tensor::RopePairing::kNone,
    .wide_qk_norm = true,
    .activation = tensor::Activation::kGeluTanh,
    .adjust = adjust,
};

}  // namespace hearth::model
