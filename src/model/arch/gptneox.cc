// gptneox: GPT-NeoX, Pythia, Dolly 2, RedPajama. Layer norm, biases, GELU without a gate; a key
// says whether attention and FFN stand side by side (each behind its own norm).
#include "format/gguf_value.h"
#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
Result<void> adjust(HyperParams& params, const format::Metadata& metadata) {
  HEARTH_ASSIGN(const bool parallel, metadata.get_bool_or("gptneox.use_parallel_residual", true));
  params.topology = parallel ? Topology::kParallel : Topology::kSequential;
  return {};
}

constexpr auto kTensors = join(kEmbedAndHead, kFusedAttention, kPlainFfn);
}  // namespace

extern const ArchSpec kGptNeox = {
    .name = "gptneox",
    .title = "GPT-NeoX, Pythia, Dolly 2",
    .tensors = kTensors,
    .layer_norm = true,
    .rope = tensor::RopePairing::kNeox,
    .activation = tensor::Activation::kGeluTanh,
    .gated = false,
    .adjust = adjust,
};

}  // namespace hearth::model
