// What encoders, embedding models and rerankers ask of the hyper-parameters.
#pragma once

#include "format/gguf_value.h"
#include "model/hyper_params.h"

namespace hearth::model {

// Which way the model looks, how its states become one vector, its head's labels, the widths of
// what stands behind the pooling. Called when the layers are known. Errors: kCorrupt for a pooling
// that does not exist and for widths that do not fit together.
Result<void> use_embedding(HyperParams& params, const format::Metadata& metadata);

}  // namespace hearth::model
