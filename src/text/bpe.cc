// Byte-pair encoding. The text is cut into pieces (pre_tokenizer.h), and in each piece neighbours
// merge by the rank of their pair in the merges list. Two alphabets: GPT-2's, where the symbols are
// bytes and the vocabulary writes them as printable characters, and plain UTF-8 (Gemma 4), where
// they are characters and bytes are a fallback.
#include <algorithm>
#include <string>
#include <unordered_map>

#include "text/byte_alphabet.h"
#include "text/encoder.h"
#include "text/escape.h"
#include "text/merge_engine.h"
#include "text/pre_tokenizer.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace hearth::text {
namespace {

// A symbol is a token id, or, from n_tokens on, a string that the merges speak of but that is no
// token.
class BpeRules {
 public:
  static constexpr uint32_t kEnd = UINT32_MAX;

  BpeRules(const Vocab& vocab, const VocabData& data) : vocab_(vocab), pairs_(data.merges.size()) {
    index_ = TextIndex(static_cast<size_t>(vocab.n_tokens()));
    for (int32_t id = 0; id < vocab.n_tokens(); ++id)
      if (is_mergeable(id)) index_.add(vocab.pieces(), id);
    for (size_t rank = 0; rank < data.merges.size(); ++rank)
      add_merge(data.merges[rank], static_cast<uint32_t>(rank));
    for (int byte = 0; byte < 256; ++byte) {
      const char raw = static_cast<char>(byte);
      byte_symbols_[static_cast<size_t>(byte)] = symbol({&raw, 1});
    }
  }

  Merge find(uint32_t left, uint32_t right, uint32_t) const { return pairs_.find(left, right); }

  // kNoSymbol: nothing merges with it.
  uint32_t symbol(std::string_view bytes) const {
    if (bytes.size() <= vocab_.pieces().longest_bytes())
      if (const int32_t id = index_.find(vocab_.pieces(), bytes); id >= 0)
        return static_cast<uint32_t>(id);
    if (extra_.empty()) return kNoSymbol;
    const auto found = extra_.find(std::string(bytes));
    return found == extra_.end() ? kNoSymbol : found->second;
  }
  uint32_t byte_symbol(uint8_t byte) const { return byte_symbols_[byte]; }
  // -1: no token.
  int32_t token(std::string_view bytes) const {
    return bytes.size() <= vocab_.pieces().longest_bytes() ? index_.find(vocab_.pieces(), bytes)
                                                           : -1;
  }
  bool is_token(uint32_t symbol) const { return symbol < static_cast<uint32_t>(vocab_.n_tokens()); }
  // The length of a symbol that is no token but known.
  size_t extra_bytes(uint32_t symbol) const {
    return extra_bytes_[symbol - static_cast<uint32_t>(vocab_.n_tokens())];
  }
  const AdjacentBytes& adjacent() const { return adjacent_; }

  static constexpr uint32_t kNoSymbol = UINT32_MAX;

 private:
  bool is_mergeable(int32_t id) const {
    if (!vocab_.is_plain(id) || vocab_.piece(id).empty()) return false;
    // In plain UTF-8 with escaped spaces a real space is not what a text's space becomes.
    if (vocab_.is_raw_bpe())
      return !vocab_.escapes_spaces() || vocab_.text(id).find(' ') == std::string_view::npos;
    // Added tokens are written as they are, and only look like the byte alphabet.
    return decode_byte_alphabet(vocab_.text(id)) == vocab_.piece(id);
  }

  std::string bytes_of(std::string_view part) const {
    if (!vocab_.is_raw_bpe()) return decode_byte_alphabet(part).value_or(std::string());
    return vocab_.escapes_spaces() ? unescape_spaces(part) : std::string(part);
  }

  uint32_t symbol_or_new(const std::string& bytes) {
    const uint32_t known = symbol(bytes);
    if (known != kNoSymbol) return known;
    const auto fresh =
        static_cast<uint32_t>(static_cast<size_t>(vocab_.n_tokens()) + extra_.size());
    extra_.emplace(bytes, fresh);
    extra_bytes_.push_back(static_cast<uint32_t>(bytes.size()));
    return fresh;
  }

  // "left right"; a left part may itself begin with a space.
  void add_merge(std::string_view line, uint32_t rank) {
    const size_t space = line.find(' ', 1);
    if (space == line.npos || space + 1 == line.size()) return;
    const std::string left = bytes_of(line.substr(0, space));
    const std::string right = bytes_of(line.substr(space + 1));
    if (left.empty() || right.empty()) return;
    const uint32_t left_symbol = symbol_or_new(left);
    const uint32_t right_symbol = symbol_or_new(right);
    const std::string both = left + right;
    pairs_.add(left_symbol, right_symbol, {rank, symbol_or_new(both)});
    adjacent_.add(both);
  }

  const Vocab& vocab_;
  TextIndex index_;  // pieces that merging may give
  std::unordered_map<std::string, uint32_t> extra_;
  std::vector<uint32_t> extra_bytes_;
  PairIndex pairs_;
  uint32_t byte_symbols_[256];
  AdjacentBytes adjacent_;
};

class BpeEncoder : public TextEncoder {
 public:
  BpeEncoder(const Vocab& vocab, const VocabData& data, PreSplitter splitter, bool drops_spaces)
      : vocab_(vocab),
        rules_(vocab, data),
        splitter_(std::move(splitter)),
        drops_spaces_(drops_spaces) {
    is_gemma_ = vocab.is_raw_bpe() && vocab.escapes_spaces();
  }

  Result<void> encode(std::string_view text, std::vector<int32_t>& ids) const override {
    std::string storage;
    if (is_gemma_) text = with_real_spaces(text, storage);
    Engine engine(rules_);
    return splitter_.split(text, [&](std::string_view piece) { encode_piece(piece, engine, ids); });
  }

 private:
  using Engine = MergeEngine<BpeRules>;
  // Pieces up to this long are merged whole: looking for cuts would cost more than it saves.
  static constexpr size_t kCutBytesMin = 256;

  void encode_piece(std::string_view piece, Engine& engine, std::vector<int32_t>& ids) const {
    if (drops_spaces_) return encode_word(piece, engine, ids);
    const bool whole = vocab_.pre_tokenizer().whole_words ||
                       (is_gemma_ && piece.find_first_not_of('\n') == piece.npos);
    if (whole) {
      if (const int32_t id = rules_.token(piece); id >= 0) {
        ids.push_back(id);
        return;
      }
    }
    merge_piece(piece, engine, ids);
  }

  // The "whitespace" model: blanks only part words.
  void encode_word(std::string_view piece, Engine& engine, std::vector<int32_t>& ids) const {
    if (char_set(char_at(piece.data(), piece.data() + piece.size()).code) & kSpace) return;
    if (!vocab_.lowercases()) return merge_piece(piece, engine, ids);
    std::string lower;
    for (const char* p = piece.data(); p < piece.data() + piece.size();) {
      const Char c = char_at(p, piece.data() + piece.size());
      if (c.code == kReplacement) {
        lower.append(p, c.length);
      } else {
        append_utf8(lower, to_lower(c.code));
      }
      p += c.length;
    }
    merge_piece(lower, engine, ids);
  }

  void merge_piece(std::string_view piece, Engine& engine, std::vector<int32_t>& ids) const {
    if (piece.size() < kCutBytesMin) return merge_part(piece, engine, ids);
    rules_.adjacent().for_each_part(piece,
                                    [&](std::string_view part) { merge_part(part, engine, ids); });
  }

  void merge_part(std::string_view part, Engine& engine, std::vector<int32_t>& ids) const {
    engine.clear(vocab_.is_raw_bpe() ? count_chars(part) : part.size());
    const char* p = part.data();
    const char* const end = p + part.size();
    if (vocab_.is_raw_bpe()) {
      while (p < end) {
        const Char c = char_at(p, end);
        engine.add(rules_.symbol({p, c.length}));
        p += c.length;
      }
    } else {
      while (p < end) engine.add(rules_.byte_symbol(static_cast<uint8_t>(*p++)));
    }
    engine.run();
    emit(part, engine, ids);
  }

  void emit(std::string_view part, const Engine& engine, std::vector<int32_t>& ids) const {
    const char* p = part.data();
    const char* const end = p + part.size();
    engine.for_each([&](uint32_t symbol, uint32_t) {
      size_t length = 0;
      if (rules_.is_token(symbol)) {
        ids.push_back(static_cast<int32_t>(symbol));
        length = vocab_.piece(static_cast<int32_t>(symbol)).size();
      } else {
        length =
            symbol == BpeRules::kNoSymbol ? first_symbol_bytes(p, end) : rules_.extra_bytes(symbol);
        emit_bytes({p, length}, ids);
      }
      p += length;
    });
  }

  size_t first_symbol_bytes(const char* p, const char* end) const {
    return vocab_.is_raw_bpe() ? char_at(p, end).length : 1;
  }

  // Text that is no token, byte by byte. What the vocabulary cannot write even so becomes the
  // unknown token, if it has one, and is lost otherwise.
  void emit_bytes(std::string_view bytes, std::vector<int32_t>& ids) const {
    const std::string_view written = is_gemma_ && bytes == " " ? kEscapedSpace : bytes;
    for (const char byte : written) {
      int32_t id = vocab_.byte_token(static_cast<uint8_t>(byte));
      if (id < 0) id = vocab_.special().unk;
      if (id >= 0) ids.push_back(id);
    }
  }

  const Vocab& vocab_;
  BpeRules rules_;
  PreSplitter splitter_;
  bool drops_spaces_;
  bool is_gemma_;
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_bpe_encoder(const Vocab& vocab, const VocabData& data) {
  HEARTH_ASSIGN(PreSplitter splitter, PreSplitter::create(vocab.pre_tokenizer()));
  return std::make_unique<BpeEncoder>(vocab, data, std::move(splitter), data.model == "whitespace");
}

}  // namespace hearth::text
