// What a person sees as one character: its bytes in UTF-8 and the columns it takes on a terminal
// (utf8proc). Called by the line editor. Text here is always valid UTF-8; clean_input() makes it
// so.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth::app {

// The end of the grapheme cluster that begins at `at`; text.size() at the end. REQUIRES: `at` is a
// boundary.
size_t next_grapheme(std::string_view text, size_t at);
// The begin of the cluster that ends at `at`; 0 at the begin. REQUIRES: `at` is a boundary.
size_t previous_grapheme(std::string_view text, size_t at);
// Columns of one cluster: 0, 1 or 2. The widest code point decides; flags and emoji presentation
// are 2. Terminals differ on joined emoji; this is what those that follow Unicode do.
int grapheme_columns(std::string_view cluster);
// Columns of a text without line breaks.
int text_columns(std::string_view text);

// What came from a keyboard or a paste as text: bytes that are not UTF-8 become U+FFFD, "\r\n" and
// "\r" become
// "\n", and control characters other than "\n" and "\t" are dropped (a paste must not steer the
// terminal).
std::string clean_input(std::string_view bytes);

}  // namespace hearth::app
