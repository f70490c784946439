// qwen2moe: Qwen 1.5 MoE, Qwen 2 57B-A14B. Qwen 2 with experts whose weights are not normalized,
// and a shared one with a gate.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kGate = {
    TensorSpec{Role::kFfnRouterShared, "ffn_gate_inp_shexp", {Dim::kEmbd}, Presence::kShared},
};
constexpr TinyKey kTiny[] = {
    {"expert_count", 4}, {"expert_used_count", 2}, {"expert_shared_feed_forward_length", 32}};
constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, kFfnNorm, kExpertFfn, kSharedExpert, kGate);
}  // namespace

extern const ArchSpec kQwen2Moe = {
    .name = "qwen2moe",
    .title = "Qwen 1.5 MoE, Qwen 2 57B-A14B",
    .templates = "chatml",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .expert_renormalize = false,
    .tiny_keys = kTiny,
};

}  // namespace hearth::model
