// modern-bert: ModernBERT, gte-modernbert, granite-embedding R2. Norms before the parts, but not
// before the first attention; two of three layers see half a window on either side and rotate with
// a base of their own; gate and up in one matrix.
#include <fmt/format.h>

#include "format/gguf_value.h"
#include "model/encoder_lists.h"
#include "model/hyper_params.h"
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
// Some of its kin say another activation than GELU.
Result<void> adjust(HyperParams& params, const format::Metadata& metadata) {
  HEARTH_ASSIGN(const std::string_view name,
                metadata.get_string_or("modern-bert.hidden_activation", "gelu"));
  if (name == "silu" || name == "swiglu") {
    params.activation = tensor::Activation::kSilu;
  } else if (name != "gelu" && name != "geglu") {
    return fail(
        ErrorCode::kUnsupported,
        fmt::format("the activation '{}' is not known for 'modern-bert'", name.substr(0, 64)),
        "use a model with gelu or silu");
  }
  return {};
}

constexpr std::array kEmbedAndNorms = {
    TensorSpec{Role::kTokenEmbd, "token_embd", {Dim::kEmbd, Dim::kVocab}},
    TensorSpec{Role::kTokenEmbdNorm, "token_embd_norm", {Dim::kEmbd}},
    TensorSpec{Role::kOutputNorm, "output_norm", {Dim::kEmbd}},
    TensorSpec{Role::kAttnNorm, "attn_norm", {Dim::kEmbd}, Presence::kButFirst},
    TensorSpec{Role::kClsNorm, "cls.norm", {Dim::kEmbd}, Presence::kOptional},
};
constexpr auto kTensors =
    join(kEmbedAndNorms, kFusedQkvAndOut, kFfnNorm, kFusedMatrices, kClassifier);
}  // namespace

extern const ArchSpec kModernBert = {
    .name = "modern-bert",
    .title = "ModernBERT, gte-modernbert, granite-embedding R2",
    .tensors = kTensors,
    .layer_norm = true,
    .causal = false,
    .rope = tensor::RopePairing::kNeox,
    .window_period = 3,
    .window_dense_first = true,
    .window_rope = WindowRope::kOwnBase,
    .window_symmetric = true,
    .activation = tensor::Activation::kGeluTanh,
    .classify_mean = true,
    .adjust = adjust,
};

}  // namespace hearth::model
