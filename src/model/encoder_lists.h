// The parts of tensor lists that encoders share: embedding models and rerankers.
#pragma once

#include "model/role.h"

namespace hearth::model {

// BERT and its kin: no norm behind the last layer, no head.
inline constexpr std::array kEncoderEmbed = {
    TensorSpec{Role::kTokenEmbd, "token_embd", {Dim::kEmbd, Dim::kVocab}},
    // All tokens are of the first type.
    TensorSpec{
        Role::kTokenTypes, "token_types", {Dim::kEmbd, Dim::kTokenTypes}, Presence::kOptional},
    TensorSpec{Role::kTokenEmbdNorm, "token_embd_norm", {Dim::kEmbd}, Presence::kRequired, true},
};
// Behind the sums of Topology::kPostNorm.
inline constexpr std::array kEncoderNorms = {
    TensorSpec{Role::kPostAttnNorm, "attn_output_norm", {Dim::kEmbd}, Presence::kRequired, true},
    TensorSpec{Role::kPostFfnNorm, "layer_output_norm", {Dim::kEmbd}, Presence::kRequired, true},
};

// The head of rerankers and classifiers, in parts or as a whole.
inline constexpr std::array kClassifierOutput = {
    TensorSpec{
        Role::kClsOutput, "cls.output", {Dim::kEmbd, Dim::kClsLabels}, Presence::kOptional, true},
};
inline constexpr std::array kClassifierDense = {
    TensorSpec{Role::kClsDense, "cls", {Dim::kEmbd, Dim::kEmbd}, Presence::kOptional, true},
};
inline constexpr auto kClassifier = join(kClassifierDense, kClassifierOutput);

}  // namespace hearth::model
