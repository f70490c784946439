// SentencePiece writes a space in a token as U+2581. Vocab undoes that in pieces, so texts are
// matched with real spaces; a U+2581 that a text itself has is then the same thing as a space, as
// it is in SentencePiece.
#pragma once

#include <string>
#include <string_view>

namespace hearth::text {

inline constexpr std::string_view kEscapedSpace = "\xE2\x96\x81";

// The text with each U+2581 as a space.
std::string unescape_spaces(std::string_view text);

// As above, but a text without any is returned as it is, and else lies in `storage`.
inline std::string_view with_real_spaces(std::string_view text, std::string& storage) {
  if (text.find(kEscapedSpace) == text.npos) return text;
  storage = unescape_spaces(text);
  return storage;
}

}  // namespace hearth::text
