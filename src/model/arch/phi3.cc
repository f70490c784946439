// phi3: Phi-3, Phi-3.5, Phi-4, Phi-4-mini. Q, K and V in one matrix, gate and up in one (gate
// first), rope over halves, over part of the head in Phi-4-mini, with long or short factors chosen
// by the context (LongRoPE). The files' sliding window is not used: the models were evaluated
// without it (brief models-and-formats 4.21).
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors =
    join(kEmbedAndHead, kRopeFactors, kFusedAttention, kFfnNorm, kFusedMatrices);
}  // namespace

extern const ArchSpec kPhi3 = {
    .name = "phi3",
    .title = "Phi-3, Phi-3.5, Phi-4, Phi-4-mini",
    .templates = "phi-3, microsoft-Phi-3.5-mini-instruct, phi4",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
};

}  // namespace hearth::model
