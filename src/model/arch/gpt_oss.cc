// gpt-oss: gpt-oss 20B and 120B. Sinks, a window of 128 on every even layer, biases everywhere, a
// clamped SwiGLU; weights of experts are the softmax over those chosen.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kSinks = {
    TensorSpec{Role::kAttnSinks, "attn_sinks", {Dim::kHeads}},
};
constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, kSinks, kFfnNormNamedPost, kExpertFfn);
}  // namespace

extern const ArchSpec kGptOss = {
    .name = "gpt-oss",
    .title = "gpt-oss",
    .templates = "openai-gpt-oss-120b",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
    .window_period = 2,
    .activation = tensor::Activation::kSwigluOai,
    .expert_gating = tensor::ExpertGating::kSoftmaxChosen,
    .expert_renormalize = false,
    .tiny_keys = kTinyExperts,
};

}  // namespace hearth::model
