// jamba: Jamba. Mamba with norms on dt, B and C, attention without rope in the layers with KV
// heads; every second layer has experts.
#include "model/hyper_params.h"
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {

constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kMamba1, kGatedFfn, kExpertFfn);

Result<void> adjust(HyperParams& p, const format::Metadata& metadata) {
  for (size_t i = 0; i < p.layers.size(); i += 2) p.layers[i].ffn = FfnKind::kDense;
  return {};
}

}  // namespace

extern const ArchSpec kJamba = {
    .name = "jamba",
    .title = "Jamba",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNone,
    .expert_renormalize = false,
    .expert_ff_key = false,
    .recurrent = RecurrentMixer::kMamba1,
    .tiny_keys = kTinyMamba1,
    .adjust = adjust,
};

}  // namespace hearth::model
