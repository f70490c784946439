#include "engine/reranker.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/tokenizer.h"

namespace hearth::engine {
namespace {

// Qwen3-Reranker's model card, with its own instruction.
constexpr std::string_view kQwenTemplate =
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    "the Instruct provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n"
    "<|im_start|>user\n<Instruct>: Given a web search query, retrieve relevant passages that "
    "answer "
    "the query\n<Query>: {query}\n<Document>: {document}<|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>\n\n";

// The template cut at its placeholders, which are filled in.
std::vector<text::Segment> fill_in(std::string_view source, std::string_view query,
                                   std::string_view document) {
  constexpr std::string_view kQuery = "{query}";
  constexpr std::string_view kDocument = "{document}";
  std::vector<text::Segment> segments;
  while (!source.empty()) {
    const size_t at_query = source.find(kQuery);
    const size_t at_document = source.find(kDocument);
    const size_t at = std::min(at_query, at_document);
    segments.push_back({source.substr(0, at), true});
    if (at == std::string_view::npos) break;
    segments.push_back({at == at_query ? query : document, false});
    source.remove_prefix(at + (at == at_query ? kQuery.size() : kDocument.size()));
  }
  return segments;
}

// [CLS] query [SEP] document [SEP], or what the tokenizer has in their place. Files say add_sep of
// a separator besides the end of the query (RoBERTa's </s></s>); ModernBERT's say it too and have
// none.
Result<std::vector<int32_t>> pair_ids(const text::Tokenizer& tokenizer, std::string_view query,
                                      std::string_view document) {
  const text::Vocab& vocab = tokenizer.vocab();
  const bool is_wordpiece = vocab.kind() == text::TokenizerKind::kWordPiece;
  const bool is_modern =
      vocab.kind() == text::TokenizerKind::kBpe && vocab.pre_tokenizer().name == "modern-bert";
  const text::SpecialIds& special = tokenizer.special();
  const int32_t end = is_wordpiece || special.eos < 0 ? special.sep : special.eos;
  const bool ends = is_wordpiece || is_modern || vocab.adds_eos();
  const text::EncodeOptions plain{.add_special = false, .parse_special = false};
  HEARTH_ASSIGN(std::vector<int32_t> ids, tokenizer.encode(query, plain));
  HEARTH_ASSIGN(const std::vector<int32_t> second, tokenizer.encode(document, plain));
  if ((is_wordpiece || is_modern || vocab.adds_bos()) && special.bos >= 0)
    ids.insert(ids.begin(), special.bos);
  if (ends && end >= 0) ids.push_back(end);
  if (tokenizer.adds_sep() && !is_wordpiece && !is_modern) ids.push_back(special.sep);
  ids.insert(ids.end(), second.begin(), second.end());
  if (ends && end >= 0) ids.push_back(end);
  return ids;
}

}  // namespace

Result<std::vector<int32_t>> rerank_ids(const format::Metadata& metadata,
                                        const model::HyperParams& params,
                                        const text::Tokenizer& tokenizer, std::string_view query,
                                        std::string_view document) {
  HEARTH_ASSIGN(std::string_view source,
                metadata.get_string_or("tokenizer.chat_template.rerank", ""));
  if (source.empty() && params.causal) source = kQwenTemplate;
  if (source.empty()) return pair_ids(tokenizer, query, document);
  return tokenizer.encode_segments(fill_in(source, query, document), {.add_special = false});
}

// What a tokenizer makes of a text cannot be cut where the text is in the middle of a template: the
// longest begin of the document that fits is searched for.
Result<std::vector<int32_t>> cut_rerank_ids(const format::Metadata& metadata,
                                            const model::HyperParams& params,
                                            const text::Tokenizer& tokenizer,
                                            std::string_view query, std::string_view document,
                                            size_t most) {
  HEARTH_ASSIGN(std::vector<int32_t> best, rerank_ids(metadata, params, tokenizer, query, ""));
  if (best.size() > most)
    return fail(ErrorCode::kContextFull,
                fmt::format("the query has {} tokens without any document, but the model reads {} "
                            "at most",
                            best.size(), most),
                "shorten the query");
  size_t fits = 0;
  size_t too_long = document.size() + 1;
  while (fits + 1 < too_long) {
    const size_t half = fits + (too_long - fits) / 2;
    size_t end = half;  // not within a character
    while (end > fits && end < document.size() && (uint8_t(document[end]) & 0xC0) == 0x80) --end;
    HEARTH_ASSIGN(std::vector<int32_t> ids,
                  rerank_ids(metadata, params, tokenizer, query, document.substr(0, end)));
    if (ids.size() > most) {
      too_long = half;
      continue;
    }
    best = std::move(ids);
    fits = half;
  }
  return best;
}

Result<std::vector<double>> rerank(Engine& engine, std::span<const std::vector<int32_t>> pairs) {
  HEARTH_ASSIGN(const std::vector<Embedding> answers,
                Embedder(engine).embed(pairs, model::Pooling::kRank, false));
  std::vector<double> scores;
  for (const Embedding& answer : answers) {
    const std::vector<double> numbers(answer.values.begin(), answer.values.end());
    HEARTH_ASSIGN(const double score, model::rank_score(engine.model().params(), numbers));
    scores.push_back(score);
  }
  return scores;
}

}  // namespace hearth::engine
