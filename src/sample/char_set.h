// CharSet: a set of Unicode characters (code points without surrogates) as sorted, disjoint ranges,
// and the way from a range of characters to ranges of UTF-8 bytes. Used by grammars and patterns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::sample {

inline constexpr uint32_t kMaxChar = 0x10ffff;

struct CharRange {
  uint32_t lo;
  uint32_t hi;  // inclusive
  bool operator==(const CharRange&) const = default;
};

class CharSet {
 public:
  CharSet() = default;
  // Ranges in any order; surrogates are dropped.
  explicit CharSet(std::vector<CharRange> ranges);
  static CharSet all();

  [[nodiscard]] CharSet complement() const;
  [[nodiscard]] CharSet united(const CharSet& other) const;
  [[nodiscard]] const std::vector<CharRange>& ranges() const { return ranges_; }
  [[nodiscard]] bool empty() const { return ranges_.empty(); }

 private:
  std::vector<CharRange> ranges_;
};

struct ByteRange {
  uint8_t lo;
  uint8_t hi;  // inclusive
  auto operator<=>(const ByteRange&) const = default;
};

// The UTF-8 encodings of the characters lo to hi (surrogates left out), as sequences of 1 to 4 byte
// ranges. Together they match these encodings and nothing else.
std::vector<std::vector<ByteRange>> utf8_sequences(CharRange range);

// Appends the UTF-8 bytes of one character.
void append_utf8(std::string& out, uint32_t c);

inline constexpr uint32_t kNoChar = 0xffffffff;
// The character at text[pos], and pos behind it; kNoChar (pos unchanged) if the bytes there are not
// valid UTF-8. REQUIRES: pos < text.size().
uint32_t next_char(std::string_view text, size_t& pos);

}  // namespace hearth::sample
