// nomic-bert-moe: nomic-embed-text 2. BERT with rope; in every second layer the FFN has experts,
// without a gate, whose weights are not renormalized.
#include "model/encoder_lists.h"
#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
Result<void> adjust(HyperParams& params, const format::Metadata& metadata) {
  HEARTH_ASSIGN(const uint64_t step, metadata.get_uint_or("nomic-bert-moe.moe_every_n_layers", 0));
  for (size_t i = 0; i < params.layers.size(); ++i)
    if (step == 0 || i % step != 1) params.layers[i].ffn = FfnKind::kDense;
  return {};
}

constexpr std::array kExperts = {
    TensorSpec{Role::kFfnRouter, "ffn_gate_inp", {Dim::kEmbd, Dim::kExperts}, Presence::kExpert},
    TensorSpec{Role::kFfnUpExps,
               "ffn_up_exps",
               {Dim::kEmbd, Dim::kFfExpert, Dim::kExperts},
               Presence::kExpert},
    TensorSpec{Role::kFfnDownExps,
               "ffn_down_exps",
               {Dim::kFfExpert, Dim::kEmbd, Dim::kExperts},
               Presence::kExpert},
};
constexpr auto kTensors =
    join(kEncoderEmbed, kFusedQkvAndOut, kPlainMatrices, kExperts, kEncoderNorms, kClassifier);
constexpr TinyKey kTinyKeys[] = {{"moe_every_n_layers", 2}};
}  // namespace

extern const ArchSpec kNomicBertMoe = {
    .name = "nomic-bert-moe",
    .title = "nomic-embed-text 2",
    .tensors = kTensors,
    .layer_norm = true,
    .topology = Topology::kPostNorm,
    .causal = false,
    .rope = tensor::RopePairing::kNeox,
    .activation = tensor::Activation::kGeluTanh,
    .gated = false,
    .expert_renormalize = false,
    .expert_ff_key = false,
    .tiny_keys = kTinyKeys,
    .adjust = adjust,
};

}  // namespace hearth::model
