// GraphBuilder: one step of a model as a graph. The block recipe of the spec, in execution order.
#pragma once

#include "model/decoder.h"

namespace hearth::model {

// Fills `graph` with layers [range.begin, range.end) and, where the range says so, embedding and
// head, for n_tokens tokens and n_outputs wanted rows. Returns the result's view.
tensor::View build_graph(const Model& model, const RopeConfig& rope, LayerRange range, int n_tokens,
                         int n_outputs, tensor::Graph& graph);

}  // namespace hearth::model
