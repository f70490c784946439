// mamba: Mamba, FalconMamba. No attention and no FFN: every layer is one mixer.
#include "format/gguf_value.h"
#include "model/hyper_params.h"
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {

constexpr auto kTensors = join(kEmbedAndHead, kAttnNorm, kMamba1);

Result<void> adjust(HyperParams& p, const format::Metadata& metadata) {
  const std::string key = "mamba.ssm.dt_b_c_rms";
  if (metadata.contains(key)) {
    HEARTH_ASSIGN(p.ssm.norm_dt_b_c, metadata.get_bool(key));
  }
  return {};
}

}  // namespace

extern const ArchSpec kMamba = {
    .name = "mamba",
    .title = "Mamba, FalconMamba",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNone,
    .recurrent = RecurrentMixer::kMamba1,
    .tiny_keys = kTinyMamba1Alone,
    .adjust = adjust,
};

}  // namespace hearth::model
