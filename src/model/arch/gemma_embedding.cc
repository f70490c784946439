// gemma-embedding: EmbeddingGemma. Gemma 3 that looks both ways, with two matrices behind the
// pooling.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr std::array kBehindPooling = {
    TensorSpec{Role::kPooledDense1, "dense_2", {Dim::kEmbd, Dim::kPooled}, Presence::kOptional},
    TensorSpec{Role::kPooledDense2, "dense_3", {Dim::kPooled, Dim::kEmbd}, Presence::kOptional},
};
constexpr auto kTensors =
    join(kEmbedAndHead, kSplitAttention, kQkNorm, kGatedFfn, kPostNorms, kBehindPooling);
constexpr TinyKey kTinyKeys[] = {{"dense_2_feat_out", 48}, {"dense_3_feat_in", 48}};
}  // namespace

extern const ArchSpec kGemmaEmbedding = {
    .name = "gemma-embedding",
    .title = "EmbeddingGemma",
    .tensors = kTensors,
    .embed_scale = EmbedScale::kSqrtEmbd,
    .causal = false,
    .rope = tensor::RopePairing::kNeox,
    .window_period = 6,
    .window_rope = WindowRope::kOwnBase,
    .window_symmetric = true,
    .activation = tensor::Activation::kGeluTanh,
    .tiny_keys = kTinyKeys,
};

}  // namespace hearth::model
