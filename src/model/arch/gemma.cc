// gemma: Gemma 1. Embedding times sqrt(d), GeGLU.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kGatedFfn);
}  // namespace

extern const ArchSpec kGemma = {
    .name = "gemma",
    .title = "Gemma 1",
    .templates = "gemma-it",
    .tensors = kTensors,
    .embed_scale = EmbedScale::kSqrtEmbd,
    .rope = tensor::RopePairing::kNeox,
    .activation = tensor::Activation::kGeluTanh,
};

}  // namespace hearth::model
