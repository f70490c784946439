// The vocabulary of a model: its tokens' texts, what each is for, and which of them are special.
// VocabData is what a model file says, as it says it (model/vocab_loader.h fills it); Vocab is the
// checked, owned form that the rest of the room works on. It does not tokenize.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/pre_tokenizer.h"
#include "text/token_texts.h"

namespace hearth::text {

// As numbered in GGUF's tokenizer.ggml.token_type.
enum class TokenType : uint8_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // matched in a text only when special tokens are parsed
  kUserDefined = 4,  // always matched
  kUnused = 5,
  kByte = 6,  // "<0x0A>"
};

// Token ids by role; -1: the file names none.
struct SpecialIds {
  int32_t bos = -1;
  int32_t eos = -1;
  int32_t eot = -1;  // end of turn
  int32_t eom = -1;  // end of message (a tool call follows)
  int32_t unk = -1;
  int32_t sep = -1;
  int32_t pad = -1;
  int32_t cls = -1;
  int32_t mask = -1;
  int32_t fim_pre = -1;
  int32_t fim_suf = -1;
  int32_t fim_mid = -1;
  int32_t fim_pad = -1;
  int32_t fim_rep = -1;
  int32_t fim_sep = -1;
};

// Views into the model file, which must live until Vocab::create or Tokenizer::create has returned.
struct VocabData {
  std::string_view model = {};  // "llama" (SPM), "gpt2" (BPE), "gemma4", "bert", "t5" (Unigram),
                                // "rwkv", "plamo2", "whitespace"
  std::string_view pre = {};    // which pre-tokenizer BPE uses; empty: not said
  std::vector<std::string_view> tokens = {};
  std::vector<float> scores = {};             // empty, or one for each token
  std::vector<int32_t> token_types = {};      // empty, or one for each token
  std::vector<std::string_view> merges = {};  // "left right", best first
  SpecialIds special = {};
  std::vector<int32_t> eos_token_ids = {};  // further ends of generation (Ollama's files)
  std::optional<bool> add_bos = {};
  std::optional<bool> add_eos = {};
  std::optional<bool> add_sep = {};
  std::optional<bool> add_space_prefix = {};
  std::optional<bool> remove_extra_whitespaces = {};
  std::optional<bool> lowercase = {};          // WordPiece
  std::optional<bool> strip_accents = {};      // WordPiece; default: as lowercase
  std::string_view precompiled_charsmap = {};  // Unigram: bytes, see charsmap.h
  // general.architecture and general.name: hints for what GGUF has no field for.
  std::string_view architecture = {};
  std::string_view name = {};
};

enum class TokenizerKind { kSpm, kBpe, kWordPiece, kUnigram, kRwkv, kPlamo2 };

class Vocab {
 public:
  // Errors: kUnsupported (a tokenizer model this build does not know), kCorrupt (lists whose
  // lengths do not fit, no tokens, too many). Oddities that have a sensible reading become
  // warnings().
  static Result<Vocab> create(const VocabData& data);

  int32_t n_tokens() const { return static_cast<int32_t>(texts_.size()); }
  bool is_valid(int32_t id) const { return id >= 0 && id < n_tokens(); }

  // The token as the file writes it. REQUIRES for all that take an id: is_valid(id).
  std::string_view text(int32_t id) const { return texts_[static_cast<size_t>(id)]; }
  // The bytes that the token stands for in a text.
  std::string_view piece(int32_t id) const { return pieces_[static_cast<size_t>(id)]; }
  const TokenTexts& pieces() const { return pieces_; }
  float score(int32_t id) const {
    return scores_.empty() ? 0.0f : scores_[static_cast<size_t>(id)];
  }
  TokenType type(int32_t id) const { return types_[static_cast<size_t>(id)]; }
  // The id of a token by its text; -1: none.
  int32_t find(std::string_view text) const { return index_.find(texts_, text); }
  // "<0x..>" tokens, or for byte-level BPE the token of the byte; -1: none.
  int32_t byte_token(uint8_t byte) const { return byte_tokens_[byte]; }

  // Neither control, unknown nor byte: what plain text may become. (Control tokens never come from
  // plain text.)
  bool is_plain(int32_t id) const {
    const TokenType t = type(id);
    return t != TokenType::kControl && t != TokenType::kUnknown && t != TokenType::kByte;
  }
  bool is_eog(int32_t id) const;
  std::span<const int32_t> eog_ids() const { return eog_ids_; }  // ascending
  // Shown by decode() even where special tokens are hidden: a parser reads them (gpt-oss's
  // <|channel|>, ...).
  bool is_shown(int32_t id) const {
    return is_plain(id) || type(id) == TokenType::kByte || is_in_shown(id);
  }

  TokenizerKind kind() const { return kind_; }
  const SpecialIds& special() const { return special_; }
  const PreTokenizer& pre_tokenizer() const { return *pre_; }  // BPE

  bool adds_bos() const { return add_bos_; }
  bool adds_eos() const { return add_eos_; }
  bool adds_sep() const { return add_sep_; }
  bool adds_space_prefix() const { return add_space_prefix_; }
  bool removes_extra_whitespaces() const { return remove_extra_whitespaces_; }
  bool lowercases() const { return lowercase_; }
  bool strips_accents() const { return strip_accents_; }
  // BPE whose tokens are plain UTF-8 with U+2581 for the space ("gemma4"), not GPT-2's byte
  // alphabet.
  bool is_raw_bpe() const { return raw_bpe_; }
  // U+2581 in a token means a space, and pieces have it undone.
  bool escapes_spaces() const { return escape_spaces_; }
  // Whitespace beside a special token that belongs to it and vanishes (HF's lstrip and rstrip).
  bool strips_left(int32_t id) const { return id == strip_left_; }
  bool strips_right(int32_t id) const;

  std::span<const std::string> warnings() const { return warnings_; }

 private:
  friend class VocabBuilder;
  Vocab() = default;
  bool is_in_shown(int32_t id) const;

  TokenizerKind kind_ = TokenizerKind::kSpm;
  TokenTexts texts_;
  TokenTexts pieces_;
  TextIndex index_;
  std::vector<float> scores_;
  std::vector<TokenType> types_;
  std::vector<int32_t> byte_tokens_;
  SpecialIds special_;
  std::vector<int32_t> eog_ids_;
  std::vector<int32_t> shown_ids_;
  std::vector<int32_t> strip_right_;
  int32_t strip_left_ = -1;
  const PreTokenizer* pre_ = nullptr;
  bool add_bos_ = false;
  bool add_eos_ = false;
  bool add_sep_ = false;
  bool add_space_prefix_ = false;
  bool remove_extra_whitespaces_ = false;
  bool lowercase_ = false;
  bool strip_accents_ = false;
  bool raw_bpe_ = false;
  bool escape_spaces_ = false;
  std::vector<std::string> warnings_;
};

}  // namespace hearth::text
