#include "engine/embedder.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::engine {

EngineOptions embedding_options(const EngineOptions& options, const model::HyperParams& params,
                                int64_t longest) {
  // Positions that the cache of all sequences has room for, if the longest text leaves any: enough
  // to fill a step with short texts.
  constexpr int64_t kPositions = 4096;
  constexpr int64_t kSequencesMax = 16;
  EngineOptions fitting = options;
  // LongRoPE computes other numbers for a longer context: it must not follow the texts.
  if (fitting.n_ctx == 0)
    fitting.n_ctx = params.rope.scaling == model::RopeScaling::kLongRope
                        ? params.n_ctx_train
                        : std::clamp<int64_t>(longest, 1, params.n_ctx_train);
  const int64_t chunks = (fitting.n_ctx + tensor::kKvChunk - 1) / tensor::kKvChunk;
  fitting.n_sequences =
      int(std::clamp<int64_t>(kPositions / (chunks * tensor::kKvChunk), 1, kSequencesMax));
  return fitting;
}

Result<void> Embedder::check(std::span<const std::vector<int32_t>> texts,
                             model::Pooling pooling) const {
  const model::Model& model = engine_.model();
  if (pooling == model::Pooling::kRank && !model::has_rank_head(model))
    return fail(ErrorCode::kUnsupported,
                fmt::format("this model ('{}') has no head that ranks", model.params().arch->name),
                "use a reranker: bge-reranker, jina-reranker, Qwen3-Reranker (a file with "
                "'cls.output')");
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty())
      return fail(ErrorCode::kInvalidArgument, fmt::format("text {} has no tokens", i + 1),
                  "leave it out");
    if (int64_t(texts[i].size()) > engine_.n_ctx())
      return fail(ErrorCode::kContextFull,
                  fmt::format("text {} has {} tokens, but the context holds {}", i + 1,
                              texts[i].size(), engine_.n_ctx()),
                  "shorten it, or use a larger context (--ctx)");
  }
  return {};
}

Result<std::vector<Embedding>> Embedder::embed(std::span<const std::vector<int32_t>> texts,
                                               model::Pooling pooling, bool normalize) {
  HEARTH_TRY(check(texts, pooling));
  const auto n_sequences = engine_.kv().sequences().size();
  const auto n_batch = size_t(engine_.decoder().limits().n_batch);
  std::vector<Embedding> answers;
  for (size_t at = 0; at < texts.size();) {
    size_t n = 1;
    size_t n_tokens = texts[at].size();
    while (n < n_sequences && at + n < texts.size() && n_tokens + texts[at + n].size() <= n_batch)
      n_tokens += texts[at + n++].size();
    HEARTH_TRY(run(texts.subspan(at, n), pooling, normalize, answers));
    at += n;
  }
  return answers;
}

Result<void> Embedder::run(std::span<const std::vector<int32_t>> texts, model::Pooling pooling,
                           bool normalize, std::vector<Embedding>& answers) {
  std::vector<BatchToken> batch;
  for (size_t s = 0; s < texts.size(); ++s) {
    engine_.trim(int(s), 0);
    for (const int32_t id : texts[s]) batch.push_back({.token = id, .sequence = int(s)});
  }
  HEARTH_ASSIGN(std::span<const float> states, engine_.states(batch));
  for (size_t s = 0; s < texts.size(); ++s) engine_.trim(int(s), 0);
  const auto width = size_t(engine_.model().params().n_embd);
  for (const std::vector<int32_t>& text : texts) {
    std::vector<double> numbers =
        model::pool(engine_.model(), pooling, states.first(text.size() * width));
    states = states.subspan(text.size() * width);
    const size_t rows = pooling == model::Pooling::kNone ? text.size() : 1;
    const size_t each = numbers.size() / rows;
    if (normalize && pooling != model::Pooling::kRank)
      for (size_t row = 0; row < rows; ++row)
        model::normalize(std::span(numbers).subspan(row * each, each));
    answers.push_back({int64_t(rows), int64_t(each), {numbers.begin(), numbers.end()}});
  }
  return {};
}

}  // namespace hearth::engine
