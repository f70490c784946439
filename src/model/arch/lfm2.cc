// lfm2: LFM 2. Gated short convolutions, and attention in the layers with KV heads. The output norm
// is named token_embd_norm.
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHeadLfm2, kSplitAttention, kQkNorm, kShortConv, kGatedFfn);
}

extern const ArchSpec kLfm2 = {
    .name = "lfm2",
    .title = "LFM 2",
    .templates = "LFM2.5-Instruct",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .recurrent = RecurrentMixer::kShortConv,
    .tiny_keys = kTinyShortConv,
};

}  // namespace hearth::model
