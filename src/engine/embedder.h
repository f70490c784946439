// Embedder: vectors and scores of texts, which are given as token ids. Packs as many texts into one
// step as there is room for; a text's numbers are the same bits alone and in any company.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "model/pooling.h"

namespace hearth::engine {

// One text's answer, of model::pool(): `rows` vectors of `width` numbers side by side.
struct Embedding {
  int64_t rows = 0;
  int64_t width = 0;
  std::vector<float> values;
  [[nodiscard]] std::span<const float> row(int64_t i) const {
    return std::span(values).subspan(size_t(i * width), size_t(width));
  }
};

// The options for texts of up to `longest` tokens: the context no longer than they need, sequences
// for several short ones at once. What `options` says of either holds.
EngineOptions embedding_options(const EngineOptions& options, const model::HyperParams& params,
                                int64_t longest);

class Embedder {
 public:
  // `engine` must outlive it; its sequences are emptied.
  explicit Embedder(Engine& engine) : engine_(engine) {}

  // One answer for each text; each of its vectors has length 1 if `normalize` (not of kRank).
  // Errors: kInvalidArgument for an empty text or an id that does not exist; kContextFull, with
  // both counts, for a text that is longer than the context; kUnsupported for kRank without a head.
  Result<std::vector<Embedding>> embed(std::span<const std::vector<int32_t>> texts,
                                       model::Pooling pooling, bool normalize);

 private:
  Result<void> check(std::span<const std::vector<int32_t>> texts, model::Pooling pooling) const;
  Result<void> run(std::span<const std::vector<int32_t>> texts, model::Pooling pooling,
                   bool normalize, std::vector<Embedding>& answers);

  Engine& engine_;
};

}  // namespace hearth::engine
