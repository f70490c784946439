#include "text/tokenizer.h"

#include <fmt/format.h>

#include "text/detokenizer.h"

namespace hearth::text {
namespace {

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

Result<std::unique_ptr<TextEncoder>> make_encoder(const Vocab& vocab, const VocabData& data) {
  switch (vocab.kind()) {
    case TokenizerKind::kSpm:
      return make_spm_encoder(vocab);
    case TokenizerKind::kBpe:
      return make_bpe_encoder(vocab, data);
    case TokenizerKind::kWordPiece:
      return make_wordpiece_encoder(vocab);
    case TokenizerKind::kUnigram:
      return make_unigram_encoder(vocab, data);
    case TokenizerKind::kRwkv:
      return make_greedy_encoder(vocab);
    case TokenizerKind::kPlamo2:
      return make_plamo2_encoder(vocab);
  }
  return fail(ErrorCode::kInternal, "a kind of tokenizer without an encoder");
}

}  // namespace

// A text with the ranges in which special tokens are parsed.
struct Tokenizer::Source {
  struct Range {
    size_t end;
    bool parse_special;
  };
  std::string_view text;
  std::vector<Range> ranges;  // ascending, to the end of the text; neighbours differ

  void add(size_t size, bool parse_special) {
    const size_t end = (ranges.empty() ? 0 : ranges.back().end) + size;
    if (!ranges.empty() && ranges.back().parse_special == parse_special) {
      ranges.back().end = end;
    } else if (size > 0) {
      ranges.push_back({end, parse_special});
    }
  }
};

Result<std::unique_ptr<Tokenizer>> Tokenizer::create(const VocabData& data) {
  std::unique_ptr<Tokenizer> tokenizer(new Tokenizer);
  HEARTH_ASSIGN(Vocab vocab, Vocab::create(data));
  tokenizer->vocab_ = std::make_unique<const Vocab>(std::move(vocab));
  const Vocab& v = *tokenizer->vocab_;
  std::vector<Trie::Entry> special;
  for (int32_t id = 0; id < v.n_tokens(); ++id) {
    const TokenType type = v.type(id);
    if (type == TokenType::kControl || type == TokenType::kUnknown ||
        type == TokenType::kUserDefined)
      special.push_back({v.text(id), id});
  }
  tokenizer->special_trie_ = Trie(std::move(special));
  HEARTH_ASSIGN(tokenizer->encoder_, make_encoder(v, data));
  return tokenizer;
}

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text,
                                               const EncodeOptions& options) const {
  const Segment segment{text, options.parse_special};
  return encode_segments({&segment, 1}, options);
}

Result<std::vector<int32_t>> Tokenizer::encode_segments(std::span<const Segment> segments,
                                                        const EncodeOptions& options) const {
  size_t size = 0;
  for (const Segment& segment : segments) {
    size += segment.text.size();
    if (segment.text.size() > kEncodeBytesMax || size > kEncodeBytesMax)
      return fail(ErrorCode::kInvalidArgument, "the text is longer than 1 GiB",
                  "split it into several texts");
  }
  Source source;
  std::string joined;
  if (segments.size() == 1) {
    source.text = segments[0].text;
  } else {
    for (const Segment& segment : segments) joined += segment.text;
    source.text = joined;
  }
  for (const Segment& segment : segments) source.add(segment.text.size(), segment.parse_special);

  std::vector<int32_t> ids;
  HEARTH_TRY(encode_source(source, ids));
  if (options.add_special) add_special_tokens(options, ids);
  return ids;
}

// Finds special tokens from left to right, the longest at each place, and encodes what is between
// them. User-defined tokens always count, the others only where the text is parsed.
Result<void> Tokenizer::encode_source(const Source& source, std::vector<int32_t>& ids) const {
  const std::string_view text = source.text;
  size_t plain_begin = 0;
  bool after_special = true;  // the start of the text counts as such
  const auto encode_until = [&](size_t end) -> Result<void> {
    if (end <= plain_begin) return {};
    HEARTH_TRY(encode_plain(text.substr(plain_begin, end - plain_begin), after_special, ids));
    after_special = false;
    return {};
  };
  size_t range = 0;
  for (size_t at = 0; at < text.size();) {
    while (source.ranges[range].end <= at) ++range;
    const size_t parse_end = source.ranges[range].parse_special ? source.ranges[range].end : 0;
    int32_t best = -1;
    size_t best_end = at;
    uint32_t node = Trie::kRoot;
    for (size_t end = at; end < text.size();) {
      node = special_trie_.child(node, text[end++]);
      if (node == Trie::kNoNode) break;
      const int32_t id = special_trie_.value(node);
      if (id >= 0 && (end <= parse_end || vocab_->type(id) == TokenType::kUserDefined))
        best = id, best_end = end;
    }
    if (best < 0) {
      ++at;
      continue;
    }
    size_t plain_end = at;
    if (vocab_->strips_left(best))
      while (plain_end > plain_begin && is_blank(text[plain_end - 1])) --plain_end;
    HEARTH_TRY(encode_until(plain_end));
    ids.push_back(best);
    after_special = true;
    at = best_end;
    if (vocab_->strips_right(best))
      while (at < text.size() && is_blank(text[at])) ++at;
    plain_begin = at;
  }
  return encode_until(text.size());
}

Result<void> Tokenizer::encode_plain(std::string_view text, bool after_special,
                                     std::vector<int32_t>& ids) const {
  // Unigram puts its space itself, as the normalization may.
  if (!after_special || vocab_->kind() != TokenizerKind::kSpm || !vocab_->adds_space_prefix())
    return encoder_->encode(text, ids);
  std::string with_space = " ";
  with_space += text;
  return encoder_->encode(with_space, ids);
}

void Tokenizer::add_special_tokens(const EncodeOptions& options, std::vector<int32_t>& ids) const {
  const bool is_wordpiece = vocab_->kind() == TokenizerKind::kWordPiece;  // which always has both
  const bool wants_bos = is_wordpiece || vocab_->adds_bos();
  const bool wants_end = options.add_end && (is_wordpiece || vocab_->adds_eos());
  const int32_t end = is_wordpiece ? special().sep : special().eos;
  const bool has_bos = options.no_double_special && !ids.empty() && ids.front() == bos();
  const bool has_end = options.no_double_special && !ids.empty() && ids.back() == end;
  if (wants_bos && bos() >= 0 && !has_bos) ids.insert(ids.begin(), bos());
  if (wants_end && end >= 0 && !has_end) ids.push_back(end);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, const DecodeOptions& options) const {
  PieceReader reader(*this, options);
  std::string text;
  for (const int32_t id : ids) text += reader.read(id);
  return options.clean_up_spaces ? clean_up_spaces(text) : text;
}

}  // namespace hearth::text
