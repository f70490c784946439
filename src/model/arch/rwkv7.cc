// rwkv7: RWKV 7 Goose. Time mixing over a matrix state and channel mixing, each of a row mixed with
// the one before; no attention. The values of the first layer flow into those of all others.
#include "format/gguf_value.h"
#include "model/graph_builder.h"
#include "model/hyper_params.h"
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {

constexpr TensorSpec vector(Role role, std::string_view name) {
  return {.role = role, .name = name, .shape = {Dim::kEmbd}};
}
constexpr TensorSpec matrix(Role role, std::string_view name, Dim in, Dim out) {
  return {.role = role, .name = name, .shape = {in, out}};
}
constexpr TensorSpec optional(TensorSpec spec) {
  spec.presence = Presence::kOptional;
  return spec;
}
constexpr std::array kNorms = {
    TensorSpec{Role::kTokenEmbdNorm, "token_embd_norm", {Dim::kEmbd}, Presence::kRequired, true},
    TensorSpec{Role::kAttnNorm2, "attn_norm_2", {Dim::kEmbd}, Presence::kRequired, true},
    TensorSpec{Role::kRwkvNorm, "time_mix_ln", {Dim::kEmbd}, Presence::kRequired, true},
};
constexpr std::array kTimeMix = {
    TensorSpec{.role = Role::kRwkvMix,
               .name = "time_mix_lerp_fused",
               .shape = {Dim::kEmbd, Dim::kSix},
               .is_table = true},
    vector(Role::kRwkvW0, "time_mix_w0"),
    matrix(Role::kRwkvW1, "time_mix_w1", Dim::kEmbd, Dim::kRwkvDecay),
    matrix(Role::kRwkvW2, "time_mix_w2", Dim::kRwkvDecay, Dim::kEmbd),
    vector(Role::kRwkvA0, "time_mix_a0"),
    matrix(Role::kRwkvA1, "time_mix_a1", Dim::kEmbd, Dim::kRwkvRate),
    matrix(Role::kRwkvA2, "time_mix_a2", Dim::kRwkvRate, Dim::kEmbd),
    vector(Role::kRwkvV0, "time_mix_v0"),
    matrix(Role::kRwkvV1, "time_mix_v1", Dim::kEmbd, Dim::kRwkvValue),
    matrix(Role::kRwkvV2, "time_mix_v2", Dim::kRwkvValue, Dim::kEmbd),
    optional(matrix(Role::kRwkvG1, "time_mix_g1", Dim::kEmbd, Dim::kRwkvGate)),
    optional(matrix(Role::kRwkvG2, "time_mix_g2", Dim::kRwkvGate, Dim::kEmbd)),
    vector(Role::kRwkvKK, "time_mix_k_k"),
    vector(Role::kRwkvKA, "time_mix_k_a"),
    vector(Role::kRwkvRK, "time_mix_r_k"),
    matrix(Role::kRwkvReceptance, "time_mix_receptance", Dim::kEmbd, Dim::kEmbd),
    matrix(Role::kRwkvKey, "time_mix_key", Dim::kEmbd, Dim::kEmbd),
    matrix(Role::kRwkvValue, "time_mix_value", Dim::kEmbd, Dim::kEmbd),
    matrix(Role::kSsmOut, "time_mix_output", Dim::kEmbd, Dim::kEmbd),
};
constexpr std::array kChannelMix = {
    vector(Role::kRwkvChannelMix, "channel_mix_lerp_k"),
    matrix(Role::kFfnUp, "channel_mix_key", Dim::kEmbd, Dim::kFf),
    matrix(Role::kFfnDown, "channel_mix_value", Dim::kFf, Dim::kEmbd),
};
constexpr auto kTensors = join(kEmbedAndHead, kAttnNorm, kNorms, kTimeMix, kChannelMix);

constexpr TinyKey kTiny[] = {
    {"wkv.head_size", 16},           {"attention.decay_lora_rank", 8},
    {"attention.iclr_lora_rank", 8}, {"attention.value_residual_mix_lora_rank", 8},
    {"attention.gate_lora_rank", 8}, {"attention.head_count", 0},
    {"attention.head_count_kv", 0},
};

Result<void> adjust(HyperParams& p, const format::Metadata& metadata) {
  const auto read = [&](std::string_view key, int& value) -> Result<void> {
    HEARTH_ASSIGN(const uint64_t number, metadata.get_uint_or("rwkv7." + std::string(key), 0));
    value = int(std::min<uint64_t>(number, 1 << 24));
    return {};
  };
  HEARTH_TRY(read("wkv.head_size", p.ssm.state));
  HEARTH_TRY(read("attention.decay_lora_rank", p.rwkv.decay));
  HEARTH_TRY(read("attention.iclr_lora_rank", p.rwkv.rate));
  HEARTH_TRY(read("attention.value_residual_mix_lora_rank", p.rwkv.value));
  HEARTH_TRY(read("attention.gate_lora_rank", p.rwkv.gate));
  if (p.ssm.state == 0 || p.n_embd % p.ssm.state != 0)
    return fail(ErrorCode::kCorrupt, "heads do not divide the model's width",
                "the file is damaged; download it again");
  for (LayerParams& layer : p.layers) {
    layer.mixer = Mixer::kRecurrent;
    layer.conv_state = 2 * p.n_embd;  // the last rows of time mixing and of channel mixing
    layer.matrix_state = p.n_embd * p.ssm.state;
  }
  return {};
}

Result<void> check(const Model& model) {
  for (int il = 0; il < model.params().n_layers(); ++il)
    if (model.weight(Role::kRwkvG1, il).present() != model.weight(Role::kRwkvG2, il).present())
      return fail(ErrorCode::kCorrupt, "a layer has one of the matrices of its gate alone",
                  "the file is incomplete or made for another program; download it again");
  return {};
}

void time_mix(GraphBuilder& b, tensor::View x, int il) {
  using tensor::View;
  const int64_t d = b.params().n_embd;
  tensor::Graph& g = b.graph();
  const auto weight = [&](Role role) -> const tensor::Weight& {
    return b.model().weight(role, il);
  };
  const auto numbers = [&](Role role) { return b.model().vector(role, il); };
  const View mixed = b.rows(6 * d);
  g.add(tensor::TokenShiftOp{.in = b.normed(x, b.norm(Role::kAttnNorm, il)),
                             .out = mixed,
                             .mix = numbers(Role::kRwkvMix),
                             .n_mixes = 6,
                             .layer = il,
                             .state = 0});
  const auto part = [&](int i) { return tensor::columns(mixed, i * d, d); };
  // Through two matrices, with a function between.
  const auto through = [&](View in, Role first, Role second) {
    return b.matmul(b.matmul(in, weight(first)), weight(second));
  };
  const auto through_function = [&](View in, Role first, tensor::Function f, Role second) {
    const View low = b.matmul(in, weight(first));
    g.add(tensor::ApplyOp{low, f});
    return b.matmul(low, weight(second));
  };
  const View v = b.matmul(part(3), weight(Role::kRwkvValue));
  const bool is_first = !b.carried.present();
  if (is_first) b.carried = v;
  const View y = b.rows(d);
  g.add(tensor::Wkv7Op{
      .r = b.matmul(part(0), weight(Role::kRwkvReceptance)),
      .w = through_function(part(1), Role::kRwkvW1, tensor::Function::kTanh, Role::kRwkvW2),
      .k = b.matmul(part(2), weight(Role::kRwkvKey)),
      .v = v,
      .a = through(part(4), Role::kRwkvA1, Role::kRwkvA2),
      .v_mix = is_first ? View{} : through(part(3), Role::kRwkvV1, Role::kRwkvV2),
      .first_v = is_first ? View{} : b.carried,
      .out = y,
      .w0 = numbers(Role::kRwkvW0),
      .a0 = numbers(Role::kRwkvA0),
      .v0 = numbers(Role::kRwkvV0),
      .k_k = numbers(Role::kRwkvKK),
      .k_a = numbers(Role::kRwkvKA),
      .r_k = numbers(Role::kRwkvRK),
      .ln_weight = numbers(Role::kRwkvNorm),
      .ln_bias = weight(Role::kRwkvNorm).bias,
      .ln_eps = 64e-5f,
      .n_heads = int(d / b.params().ssm.state),
      .layer = il,
      .state = b.layer_params(il).conv_state});
  if (weight(Role::kRwkvG1).present())
    g.add(tensor::GatedNormOp{
        .x = y,
        .gate = through_function(part(5), Role::kRwkvG1, tensor::Function::kSigmoid, Role::kRwkvG2),
        .out = y,
        .function = tensor::GateFunction::kNone,
        .group = d,
        .gate_stride = d});
  g.add(tensor::MatMulOp{y, 1, {&weight(Role::kSsmOut)}, {x}, {}, true});
}

void layer(GraphBuilder& b, tensor::View x, int il) {
  time_mix(b, x, il);
  const int64_t d = b.params().n_embd;
  const tensor::View mixed = b.rows(d);
  b.graph().add(tensor::TokenShiftOp{.in = b.normed(x, b.norm(Role::kAttnNorm2, il)),
                                     .out = mixed,
                                     .mix = b.model().vector(Role::kRwkvChannelMix, il),
                                     .n_mixes = 1,
                                     .layer = il,
                                     .state = d});
  b.ffn(mixed, x, il, {}, true);
}

}  // namespace

extern const ArchSpec kRwkv7 = {
    .name = "rwkv7",
    .title = "RWKV 7",
    .templates = "llama-cpp-rwkv-world",
    .tensors = kTensors,
    .layer_norm = true,
    .rope = tensor::RopePairing::kNone,
    .activation = tensor::Activation::kRelu2,
    .gated = false,
    .tiny_keys = kTiny,
    .adjust = adjust,
    .check = check,
    .layer = layer,
};

}  // namespace hearth::model
