// granitehybrid: Granite 4 hybrids, dense and with experts. Granite whose layers without KV heads
// are Mamba 2. Files say with rope.scaling.finetuned whether attention rotates.
#include "format/gguf_value.h"
#include "model/hyper_params.h"
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {

constexpr auto kTensors =
    join(kEmbedAndHead, kRopeFactors, kSplitAttention, mamba2_tensors(Presence::kRecurrent),
         kGatedFfn, kExpertFfn, kSharedExpert);

Result<void> adjust(HyperParams& p, const format::Metadata& metadata) {
  const std::string key = std::string(p.arch->name) + ".rope.scaling.finetuned";
  bool rotates = true;
  if (metadata.contains(key)) {
    HEARTH_ASSIGN(rotates, metadata.get_bool(key));
  }
  if (!rotates)
    for (LayerParams& layer : p.layers) layer.rope = LayerRope::kNone;
  return {};
}

}  // namespace

extern const ArchSpec kGraniteHybrid = {
    .name = "granitehybrid",
    .title = "Granite 4 hybrid, dense and with experts",
    .templates = "ibm-granite-granite-4.0",
    .tensors = kTensors,
    .logit_scale = LogitScale::kDivide,
    .expert_ff_key = false,
    .recurrent = RecurrentMixer::kMamba2,
    .tiny_keys = kTinyMamba2,
    .adjust = adjust,
};

}  // namespace hearth::model
