// phimoe: Phi-3.5-MoE. Norms and matrices with biases, LongRoPE, experts of which two are used.
// (The original has layer norms; llama.cpp, whose files these are, computes RMS norms with a bias.)
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kRopeFactors, kSplitAttention, kFfnNorm, kExpertFfn);
}  // namespace

extern const ArchSpec kPhiMoe = {
    .name = "phimoe",
    .title = "Phi-3.5-MoE",
    .templates = "microsoft-Phi-3.5-mini-instruct",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .tiny_keys = kTinyExperts,
};

}  // namespace hearth::model
