// Text from files and people, made safe to show: in error messages, logs and tables on a terminal.
// Control bytes (a file could move the cursor or change the window's title), direction overrides
// and bytes that are not UTF-8 are written as escapes. Only for showing: the result is not meant to
// be read back.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth {

inline constexpr size_t kShowAll = size_t(-1);

// One line: newline and tab become \n and \t. Longer than `bytes_max` input bytes: cut between
// characters, "..." added.
std::string printable(std::string_view text, size_t bytes_max = kShowAll);

// Many lines: newline and tab stay as they are.
std::string printable_lines(std::string_view text);

// The length in bytes of the well-formed UTF-8 character at the front of `text`; 0 if there is none
// (an overlong form, a surrogate, a value above U+10FFFF, a cut or stray byte, an empty text).
size_t utf8_length_at_front(std::string_view text);

}  // namespace hearth
