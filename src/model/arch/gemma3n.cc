// gemma3n: Gemma 3n E2B and E4B. Four residual streams of which a layer computes on one (AltUp), a
// second path of low rank beside attention (Laurel), sparse FFNs in the first layers, an embedding
// for every layer; the layers from the 20th on read the KV cache of earlier ones.
#include <fmt/format.h>

#include <cmath>

#include "format/gguf_value.h"
#include "model/graph_builder.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kStreams = {
    TensorSpec{Role::kAltupProj, "altup_proj", {Dim::kEmbd, Dim::kEmbd, Dim::kAltupOthers}},
    TensorSpec{
        Role::kAltupUnembd, "altup_unembd_proj", {Dim::kEmbd, Dim::kEmbd, Dim::kAltupOthers}},
    TensorSpec{Role::kAltupRouter, "altup_router", {Dim::kEmbd, Dim::kAltup}},
    TensorSpec{Role::kAltupRouterNorm, "altup_router_norm", {Dim::kEmbd}},
    TensorSpec{Role::kAltupPredict, "altup_predict_coef", {Dim::kAltup, Dim::kAltupSquare}},
    TensorSpec{Role::kAltupCorrect, "altup_correct_coef", {Dim::kAltup, Dim::kAltup}},
    TensorSpec{Role::kAltupScale, "altup_correct_scale", {Dim::kEmbd}},
    TensorSpec{Role::kLaurelL, "laurel_l", {Dim::kEmbd, Dim::kLaurel}},
    TensorSpec{Role::kLaurelR, "laurel_r", {Dim::kLaurel, Dim::kEmbd}},
    TensorSpec{Role::kLaurelNorm, "laurel_post_norm", {Dim::kEmbd}},
};
constexpr TinyKey kTiny[] = {{"embedding_length_per_layer_input", 8}};

// What no key says, or is said in a way that the reference does not read.
constexpr int kOwnKvLayers = 20;
constexpr int kSparseLayers = 10;
constexpr float kSparseFactor = 1.6448536269514715f;  // keeps the largest 5 %, were they normal

Result<void> adjust(HyperParams& params, const format::Metadata&) {
  if (params.layer_embd == 0)
    return fail(ErrorCode::kCorrupt,
                "the key 'gemma3n.embedding_length_per_layer_input' is missing or 0",
                "the file is damaged; download it again");
  params.n_altup = 4;
  params.laurel = 64;
  for (int il = 0; il < params.n_layers(); ++il) {
    LayerParams& layer = params.layers[size_t(il)];
    layer.attn_scale = 1;
    if (il >= kOwnKvLayers) layer.kv_layer = kOwnKvLayers - (layer.window > 0 ? 2 : 1);
  }
  return {};
}

tensor::View stream(const GraphBuilder& g, tensor::View streams, int index) {
  const int64_t d = g.params().n_embd;
  return tensor::columns(streams, index * d, d);
}

void before_layers(GraphBuilder& g, tensor::View x) {
  const HyperParams& p = g.params();
  embed_layers(g, x);
  const tensor::View all = g.rows(p.n_altup * p.n_embd);
  const tensor::View others = tensor::columns(all, p.n_embd, (p.n_altup - 1) * p.n_embd);
  g.graph().add(tensor::NormOp{x, stream(g, all, 0), {}});
  g.graph().add(tensor::HeadMatMulOp{x, 0, &g.model().weight(Role::kAltupProj), others, p.n_embd});
  g.graph().add(tensor::MatchLengthOp{others, x, others, p.n_altup - 1});
  g.set_streams(all);
}

// tanh(router * norm(x) / d): how much each stream counts.
tensor::View modalities(GraphBuilder& g, tensor::View x, int il) {
  const tensor::View in = g.rows(g.params().n_embd);
  g.graph().add(tensor::NormOp{.in = x,
                               .out = in,
                               .norm = g.norm(Role::kAltupRouterNorm, il),
                               .scale = 1 / float(g.params().n_embd)});
  const tensor::View out = g.matmul(in, g.model().weight(Role::kAltupRouter, il));
  g.graph().add(tensor::ApplyOp{out, tensor::Function::kTanh});
  return out;
}

tensor::View predict(GraphBuilder& g, int il) {
  const tensor::View streams = g.streams();
  const tensor::View coefficients =
      g.matmul(modalities(g, stream(g, streams, 0), il), g.model().weight(Role::kAltupPredict, il));
  const tensor::View predicted = g.rows(streams.width);
  g.graph().add(tensor::PredictStreamsOp{streams, coefficients, predicted, g.params().n_altup});
  return predicted;
}

// (x + post(attention(n)) + n + norm(laurel n)) / sqrt(2), n = norm(x).
tensor::View attend_with_laurel(GraphBuilder& g, tensor::View x, int il) {
  const Model& m = g.model();
  const tensor::View n = g.normed(x, g.norm(Role::kAttnNorm, il));
  const tensor::View attended = g.rows(x.width);
  g.shared_kv_attention(n, attended, il, {});
  const tensor::View out = g.rows(x.width);
  g.graph().add(tensor::NormOp{attended, out, g.norm(Role::kPostAttnNorm, il)});
  g.add(out, x);
  g.add(out, n);
  const tensor::View low = g.matmul(n, m.weight(Role::kLaurelL, il));
  g.add(out, g.matmul(low, m.weight(Role::kLaurelR, il)), g.norm(Role::kLaurelNorm, il));
  g.scale(out, std::sqrt(0.5f));
  return out;
}

// x += post(ffn(norm x)), with all but the largest of the gates at 0 in the first layers.
void add_ffn(GraphBuilder& g, tensor::View x, int il) {
  const Model& m = g.model();
  const int64_t f = g.layer_params(il).n_ff;
  const tensor::View both = g.rows(2 * f);
  const tensor::View gate = tensor::columns(both, 0, f);
  const tensor::View up = tensor::columns(both, f, f);
  g.graph().add(tensor::MatMulOp{x,
                                 2,
                                 {&m.weight(Role::kFfnGate, il), &m.weight(Role::kFfnUp, il)},
                                 {gate, up},
                                 g.norm(Role::kFfnNorm, il)});
  if (il < kSparseLayers) g.graph().add(tensor::KeepLargestOp{gate, kSparseFactor});
  g.graph().add(tensor::GateOp{
      .in = up, .gate = gate, .out = gate, .activation = tensor::Activation::kGeluTanh});
  g.add(x, g.matmul(gate, m.weight(Role::kFfnDown, il)), g.norm(Role::kPostFfnNorm, il));
}

// x = the mean of the first stream and the others, brought back to its space and length.
void merge_streams(GraphBuilder& g, tensor::View x) {
  const HyperParams& p = g.params();
  const tensor::View first = stream(g, g.streams(), 0);
  const tensor::View others = tensor::columns(g.streams(), p.n_embd, (p.n_altup - 1) * p.n_embd);
  const tensor::View merged = g.rows(others.width);
  g.graph().add(tensor::HeadMatMulOp{others, p.n_embd, &g.model().weight(Role::kAltupUnembd),
                                     merged, p.n_embd});
  g.graph().add(tensor::MatchLengthOp{merged, first, merged, p.n_altup - 1});
  g.graph().add(tensor::NormOp{first, x, {}});
  for (int i = 0; i < p.n_altup - 1; ++i) g.add(x, stream(g, merged, i));
  g.scale(x, 1 / float(p.n_altup));
}

void layer(GraphBuilder& g, tensor::View x, int il) {
  const HyperParams& p = g.params();
  const tensor::View predicted = predict(g, il);
  const tensor::View computed = attend_with_laurel(g, stream(g, predicted, 0), il);
  add_ffn(g, computed, il);
  const tensor::View coefficients =
      g.matmul(modalities(g, computed, il), g.model().weight(Role::kAltupCorrect, il));
  g.graph().add(tensor::CorrectStreamsOp{predicted, computed, coefficients, p.n_altup});
  const tensor::View scaled = g.rows(p.n_embd);
  g.graph().add(
      tensor::ScaleByOp{stream(g, predicted, 0), scaled, g.model().vector(Role::kAltupScale, il)});
  const tensor::View branch = g.embedding_branch(scaled, il);
  const tensor::View answer = g.normed(branch, g.norm(Role::kLayerPostNorm, il));
  for (int i = 1; i < p.n_altup; ++i) g.add(stream(g, predicted, i), answer);
  g.set_streams(predicted);
  if (il + 1 == p.n_layers()) merge_streams(g, x);
}

constexpr auto kTensors =
    join(kEmbedAndHead, kSharedKvAttention, kGatedFfn, kPostNorms, kLayerEmbeddings, kStreams);
}  // namespace

extern const ArchSpec kGemma3n = {
    .name = "gemma3n",
    .title = "Gemma 3n",
    .templates = "gemma",
    .tensors = kTensors,
    .embed_scale = EmbedScale::kSqrtEmbd,
    .rope = tensor::RopePairing::kNeox,
    .final_softcap = 30,
    .window_period = 5,
    .window_rope = WindowRope::kOwnBase,
    .activation = tensor::Activation::kGeluTanh,
    .tiny_keys = kTiny,
    .adjust = adjust,
    .layer = layer,
    .before_layers = before_layers,
};

}  // namespace hearth::model
