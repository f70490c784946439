// Reranker: how relevant documents are to a query, by a model whose head says so.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/embedder.h"

namespace hearth::engine {

// How a reranker reads a query with a document: the template of the model's file
// (tokenizer.chat_template.rerank), in which {query} and {document} stand for them; else Qwen's own
// for causal models; else the two as a pair with the tokenizer's special tokens around them.
// Special tokens in what people wrote are text. Errors: those of Tokenizer::encode.
Result<std::vector<int32_t>> rerank_ids(const format::Metadata& metadata,
                                        const model::HyperParams& params,
                                        const text::Tokenizer& tokenizer, std::string_view query,
                                        std::string_view document);

// The same in at most `most` tokens: the end of a document that is too long is left out. Errors,
// too: kContextFull where there is no room for the query.
Result<std::vector<int32_t>> cut_rerank_ids(const format::Metadata& metadata,
                                            const model::HyperParams& params,
                                            const text::Tokenizer& tokenizer,
                                            std::string_view query, std::string_view document,
                                            size_t most);

// A score for each of `pairs` (of rerank_ids()); larger is more relevant. Errors: those of
// Embedder::embed() and of model::rank_score().
Result<std::vector<double>> rerank(Engine& engine, std::span<const std::vector<int32_t>> pairs);

}  // namespace hearth::engine
