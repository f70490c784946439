// minicpm: MiniCPM 1B and 2B. Llama with scales of embedding, residual branches and logits.
#include <cmath>

#include "format/gguf_value.h"
#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
// Older files say nothing of the scales.
Result<void> adjust(HyperParams& params, const format::Metadata& metadata) {
  if (!metadata.contains("minicpm.embedding_scale")) params.embed_scale = 12;
  if (!metadata.contains("minicpm.residual_scale"))
    params.residual_scale = 1.4f / std::sqrt(float(params.n_layers()));
  if (!metadata.contains("minicpm.logit_scale")) params.logit_scale = float(params.n_embd) / 256;
  return {};
}

constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kSplitAttention, kGatedFfn);
}  // namespace

extern const ArchSpec kMinicpm = {
    .name = "minicpm",
    .title = "MiniCPM 1B, 2B",
    .tensors = kTensors,
    .logit_scale = LogitScale::kDivide,
    .adjust = adjust,
};

}  // namespace hearth::model
