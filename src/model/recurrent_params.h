// What recurrent mixers ask of the hyper-parameters.
#pragma once

#include "format/gguf_value.h"
#include "model/hyper_params.h"

namespace hearth::model {

// Finds the recurrent layers of an architecture that has them (ArchSpec::recurrent), the widths of
// their mixer and their states. Layers that would attend but have no KV heads are recurrent; with
// the gated delta rule all but every full_attention_interval-th, or as the key
// attention.recurrent_layers lists them. Errors: kCorrupt for sizes that do not fit together.
Result<void> use_recurrent(HyperParams& params, const format::Metadata& metadata);

}  // namespace hearth::model
