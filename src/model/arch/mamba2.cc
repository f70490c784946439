// mamba2: Mamba 2, Codestral Mamba. No attention and no FFN: every layer is one mixer.
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {

constexpr auto kTensors = join(kEmbedAndHead, kAttnNorm, mamba2_tensors(Presence::kRecurrent));

}  // namespace

extern const ArchSpec kMamba2 = {
    .name = "mamba2",
    .title = "Mamba 2, Codestral Mamba",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNone,
    .recurrent = RecurrentMixer::kMamba2,
    .tiny_keys = kTinyMamba2Alone,
};

}  // namespace hearth::model
