// glm4: GLM-4 9B and 32B of 2025. Biases of Q, K and V, norms before and behind both halves, gate
// and up in one matrix, rope over neighbours in a part of the head.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, kFfnNorm, kFusedMatrices, kPostNorms);
}  // namespace

extern const ArchSpec kGlm4 = {
    .name = "glm4",
    .title = "GLM-4 0414, GLM-4V-Flash",
    .templates = "glm4",
    .tensors = kTensors,
};

}  // namespace hearth::model
