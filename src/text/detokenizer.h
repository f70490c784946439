// Generated ids to text as they come: a stream that shows whole characters only. Tokenizer::decode
// is the same for a finished sequence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "text/tokenizer.h"
#include "text/utf8.h"

namespace hearth::text {

// The bytes that each id adds to a text, hidden tokens and the first space being left out.
class PieceReader {
 public:
  // `tokenizer` must outlive the reader.
  PieceReader(const Tokenizer& tokenizer, const DecodeOptions& options)
      : tokenizer_(&tokenizer),
        render_special_(options.render_special),
        strip_space_(options.strip_leading_space && tokenizer.vocab().adds_space_prefix()) {}

  std::string_view read(int32_t id);

 private:
  const Tokenizer* tokenizer_;
  bool render_special_;
  bool strip_space_;
};

// All that push() and flush() give, joined, is to_valid_utf8(tokenizer.decode(all ids)). One thread
// at a time.
class StreamDecoder {
 public:
  // What is generated goes on from a prompt, so its first space is part of the text.
  static constexpr DecodeOptions kGenerated{.strip_leading_space = false};

  // `tokenizer` must outlive the decoder. clean_up_spaces is not looked at: it needs the whole
  // text.
  explicit StreamDecoder(const Tokenizer& tokenizer, const DecodeOptions& options = kGenerated)
      : reader_(tokenizer, options) {}

  // Valid UTF-8, often empty: half a character is held back until its other half comes, and becomes
  // U+FFFD as soon as it cannot come any more.
  std::string push(int32_t id) { return filter_.push(reader_.read(id)); }
  // The end: what is still held back becomes U+FFFD.
  std::string flush() { return filter_.flush(); }

 private:
  PieceReader reader_;
  Utf8Filter filter_;
};

// Undoes the spaces that WordPiece puts before punctuation and in contractions (HF's
// clean_up_tokenization_spaces).
std::string clean_up_spaces(std::string_view text);

}  // namespace hearth::text
