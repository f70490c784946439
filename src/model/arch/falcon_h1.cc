// falcon-h1: Falcon-H1. Attention and Mamba 2 side by side in every layer, both of the same norm
// and both added to x. The multipliers of its training are in the weights.
#include "model/recurrent_lists.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {

constexpr std::array kNamelessFfnNorm = {
    TensorSpec{
        .role = Role::kFfnNorm, .name = "ffn_norm", .shape = {Dim::kEmbd}, .suffix = Suffix::kNone},
};
constexpr auto kTensors =
    join(kEmbedAndHead, kRopeFactors, kSplitAttention, mamba2_tensors(Presence::kRequired),
         kNamelessFfnNorm, kGatedMatrices);

}  // namespace

extern const ArchSpec kFalconH1 = {
    .name = "falcon-h1",
    .title = "Falcon-H1",
    .templates = "chatml",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .recurrent = RecurrentMixer::kMamba2,
    .recurrent_beside_attention = true,
    .tiny_keys = kTinyMamba2Beside,
};

}  // namespace hearth::model
