// What kind of character a code point is, as the pre-tokenizers' regular expressions ask for it
// (\p{Lu}, \s, ...), and the two foldings that WordPiece needs. Unicode 15.0 (utf8proc); the tables
// are made once per process.
#pragma once

#include <cstdint>
#include <string>

namespace hearth::text {

// A set of character kinds; one code point has one category bit and perhaps some of the later bits.
using CharSet = uint16_t;
inline constexpr CharSet kUpper = 1 << 0;         // Lu
inline constexpr CharSet kLower = 1 << 1;         // Ll
inline constexpr CharSet kTitle = 1 << 2;         // Lt
inline constexpr CharSet kModifier = 1 << 3;      // Lm
inline constexpr CharSet kOther = 1 << 4;         // Lo
inline constexpr CharSet kMark = 1 << 5;          // M
inline constexpr CharSet kDecimal = 1 << 6;       // Nd
inline constexpr CharSet kNumberLike = 1 << 7;    // Nl, No
inline constexpr CharSet kPunct = 1 << 8;         // P
inline constexpr CharSet kSymbol = 1 << 9;        // S
inline constexpr CharSet kSpace = 1 << 10;        // White_Space, which is not the same as Z
inline constexpr CharSet kHan = 1 << 11;          // Script=Han
inline constexpr CharSet kControlChar = 1 << 12;  // Cc, Cf, Co, Cs; not the unassigned
inline constexpr CharSet kNonspacing = 1 << 13;   // Mn
inline constexpr CharSet kWord = 1 << 14;         // \w: letters, marks, Nd, Nl, Pc

inline constexpr CharSet kLetter = kUpper | kLower | kTitle | kModifier | kOther;
inline constexpr CharSet kNumber = kDecimal | kNumberLike;

// The sets of U+0000 to U+3FFFF, one entry each; above, see char_set().
inline constexpr char32_t kCharTableSize = 0x40000;
const CharSet* char_table();

// REQUIRES: code <= U+10FFFF.
CharSet char_set(char32_t code);

// The simple lower-case mapping.
char32_t to_lower(char32_t code);

// Appends the canonical decomposition (NFD) of one character, without reordering of marks.
void append_decomposed(std::u32string& out, char32_t code);

}  // namespace hearth::text
