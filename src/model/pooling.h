// Pooling: from the states of a text's tokens to one vector, or to a reranker's score. In double
// and in a fixed order, so that the answer does not depend on threads or on what else a batch held.
#pragma once

#include <span>
#include <vector>

#include "model/model.h"

namespace hearth::model {

// "mean", "cls", ...: names of options and answers.
std::string_view pooling_name(Pooling pooling);

// What is done where nobody says: the file's pooling; without one, of encoders the mean of all
// tokens, of causal models the last, which alone has seen the whole text.
Pooling default_pooling(const HyperParams& params);

// Whether the model has what Pooling::kRank needs.
bool has_rank_head(const Model& model);

// `states`: [n, n_embd] behind the output norm, n > 0. Returns, of kNone [n, n_embd], of kRank the
// numbers of the head [n_cls_labels], else one vector [n_embd]. Briefs models-and-formats 1.2.
// REQUIRES for kRank: has_rank_head().
std::vector<double> pool(const Model& model, Pooling pooling, std::span<const float> states);

// How relevant a document is, of the head's numbers: the number itself, or, where the labels are
// yes and no, softmax's probability of yes. Errors: kUnsupported for a classifier of several
// labels.
Result<double> rank_score(const HyperParams& params, std::span<const double> numbers);

// Divides by the Euclidean length; what is 0 stays.
void normalize(std::span<double> vector);

}  // namespace hearth::model
