// Text to token ids and back, for one model: what the rest of the program sees of the tokenizers.
// Immutable once made; any number of threads may use one. Text in chunks of generated ids is
// detokenizer.h's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/encoder.h"
#include "text/trie.h"
#include "text/vocab.h"

namespace hearth::text {

struct EncodeOptions {
  bool add_special = true;    // BOS, EOS, CLS, SEP, as the model has them
  bool parse_special = true;  // "<|im_start|>" in the text is the control token; false: it is text
  // Do not add a BOS (EOS) where the text itself begins (ends) with one, as chat templates' do.
  // Off, two of them are what the original tokenizers give.
  bool no_double_special = false;
  // False: no EOS behind the text, whatever the model has, as in prompts, which go on.
  bool add_end = true;
};

// A text made of a template's parts, in which special tokens count, and of what people wrote, in
// which they must not.
struct Segment {
  std::string_view text;
  bool parse_special = false;
};

struct DecodeOptions {
  bool render_special = false;      // control tokens by their text
  bool strip_leading_space = true;  // drop the space that SentencePiece models put before a text
  bool clean_up_spaces = false;     // "it 's ." -> "it's." (for WordPiece, whose tokens forget)
};

class Tokenizer {
 public:
  // Copies what it needs of `data`. Errors: kUnsupported (no tokenizer in the file, or an unknown
  // kind), kCorrupt.
  static Result<std::unique_ptr<Tokenizer>> create(const VocabData& data);

  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Errors: kInvalidArgument (over 1 GiB of text), kUnsupported (a rare pre-tokenizer's limits).
  // Bytes that are no UTF-8 are taken as bytes. Plain text never becomes a control token.
  Result<std::vector<int32_t>> encode(std::string_view text,
                                      const EncodeOptions& options = {}) const;

  // The segments as one text. A control token must lie within segments that parse; what else there
  // is is tokenized as if there were no borders, so cutting a text into segments of equal flags
  // changes nothing. `options.parse_special` is not looked at.
  Result<std::vector<int32_t>> encode_segments(std::span<const Segment> segments,
                                               const EncodeOptions& options = {}) const;

  // The text of `ids`; ids that are not in the vocabulary give nothing. May be invalid UTF-8, as
  // tokens may be half characters (utf8.h mends that).
  std::string decode(std::span<const int32_t> ids, const DecodeOptions& options = {}) const;

  // The bytes of a token: a control token's text, a byte token's byte. Empty for an id that is not
  // in the vocabulary.
  std::string_view piece(int32_t id) const {
    return vocab_->is_valid(id) ? vocab_->piece(id) : std::string_view();
  }
  // The id of a token by its text as the file writes it; -1: none.
  int32_t find(std::string_view token_text) const { return vocab_->find(token_text); }

  int32_t n_tokens() const { return vocab_->n_tokens(); }
  // Generation ends with any of these.
  bool is_eog(int32_t id) const { return vocab_->is_eog(id); }
  std::span<const int32_t> eog_ids() const { return vocab_->eog_ids(); }
  bool is_control(int32_t id) const {
    return vocab_->is_valid(id) && vocab_->type(id) == TokenType::kControl;
  }
  // decode() leaves it out unless special tokens are rendered.
  bool is_hidden(int32_t id) const { return !vocab_->is_valid(id) || !vocab_->is_shown(id); }

  // All ids by role; -1 where the model has none.
  const SpecialIds& special() const { return vocab_->special(); }
  int32_t bos() const { return special().bos; }
  int32_t eos() const { return special().eos; }
  bool adds_bos() const { return vocab_->adds_bos() && bos() >= 0; }
  bool adds_eos() const { return vocab_->adds_eos() && eos() >= 0; }
  bool adds_sep() const { return vocab_->adds_sep() && special().sep >= 0; }

  const Vocab& vocab() const { return *vocab_; }
  // Oddities of the file that a person should hear of: one sentence or two each.
  std::span<const std::string> warnings() const { return vocab_->warnings(); }

 private:
  struct Source;
  Tokenizer() = default;
  Result<void> encode_source(const Source& source, std::vector<int32_t>& ids) const;
  Result<void> encode_plain(std::string_view text, bool after_special,
                            std::vector<int32_t>& ids) const;
  void add_special_tokens(const EncodeOptions& options, std::vector<int32_t>& ids) const;

  std::unique_ptr<const Vocab> vocab_;  // at a fixed address: the encoder refers to it
  std::unique_ptr<TextEncoder> encoder_;
  Trie special_trie_;
};

}  // namespace hearth::text
