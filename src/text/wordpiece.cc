// WordPiece (BERT): the text is cleaned, cut at spaces, punctuation and CJK characters, and each
// word is written with the longest tokens from its left. GGUF stores the first token of a word with
// U+2581 before it and the others bare.
#include <algorithm>

#include "text/encoder.h"
#include "text/trie.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace hearth::text {
namespace {

// A longer word is unknown (max_input_chars_per_word of the original).
constexpr size_t kWordCharsMax = 100;

// The blocks that BERT parts into single characters.
bool is_cjk(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

class WordPieceEncoder : public TextEncoder {
 public:
  explicit WordPieceEncoder(const Vocab& vocab) : vocab_(vocab) {
    std::vector<Trie::Entry> entries;
    for (int32_t id = 0; id < vocab.n_tokens(); ++id)
      if (vocab.is_plain(id)) entries.push_back({vocab.piece(id), id});
    trie_ = Trie(std::move(entries));
  }

  Result<void> encode(std::string_view text, std::vector<int32_t>& ids) const override {
    Word word;
    std::u32string parts;
    for (const char* p = text.data(); p < text.data() + text.size();) {
      const Char c = char_at(p, text.data() + text.size());
      p += c.length;
      parts.clear();
      if (vocab_.strips_accents()) {
        append_decomposed(parts, c.code);
      } else {
        parts.push_back(c.code);
      }
      for (const char32_t part : parts) add(part, word, ids);
    }
    end_word(word, ids);
    return {};
  }

 private:
  struct Word {
    std::string bytes = " ";
    size_t n_chars = 0;
  };

  void add(char32_t code, Word& word, std::vector<int32_t>& ids) const {
    const CharSet set = char_set(code);
    if (set & kSpace) return end_word(word, ids);
    if (code == 0 || code == kReplacement || (set & kControlChar)) return;
    if (vocab_.strips_accents() && (set & kNonspacing)) return;
    const bool alone = (set & kPunct) || (code < 0x7F && (set & kSymbol)) || is_cjk(code);
    if (alone) end_word(word, ids);
    if (word.n_chars < kWordCharsMax)
      append_utf8(word.bytes, vocab_.lowercases() ? to_lower(code) : code);
    ++word.n_chars;
    if (alone) end_word(word, ids);
  }

  void end_word(Word& word, std::vector<int32_t>& ids) const {
    if (word.n_chars == 0) return;
    const size_t before = ids.size();
    bool known = word.n_chars <= kWordCharsMax;
    for (size_t at = 0; known && at < word.bytes.size();) {
      size_t best_end = 0;
      int32_t best = -1;
      uint32_t node = Trie::kRoot;
      for (size_t end = at; end < word.bytes.size();) {
        node = trie_.child(node, word.bytes[end++]);
        if (node == Trie::kNoNode) break;
        if (trie_.value(node) >= 0) best = trie_.value(node), best_end = end;
      }
      known = best >= 0;
      if (known) ids.push_back(best), at = best_end;
    }
    if (!known) {
      ids.resize(before);
      if (vocab_.special().unk >= 0) ids.push_back(vocab_.special().unk);
    }
    word.bytes.assign(1, ' ');
    word.n_chars = 0;
  }

  const Vocab& vocab_;
  Trie trie_;
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_wordpiece_encoder(const Vocab& vocab) {
  return std::make_unique<WordPieceEncoder>(vocab);
}

}  // namespace hearth::text
