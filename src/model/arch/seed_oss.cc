// seed_oss: Seed-OSS 36B. Biases of Q, K and V.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kFfnNormNamedPost, kGatedMatrices);
}  // namespace

extern const ArchSpec kSeedOss = {
    .name = "seed_oss",
    .title = "Seed-OSS",
    .templates = "ByteDance-Seed-OSS",
    .tensors = kTensors,
    .rope = tensor::RopePairing::kNeox,
};

}  // namespace hearth::model
