// Helpers on UTF-8 strings with Python's notions: characters, whitespace, case. Invalid bytes count
// as characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text::jinja {

[[nodiscard]] bool is_ascii(std::string_view s);
[[nodiscard]] size_t count_characters(std::string_view s);
// Byte offsets of all characters, and of the end.
[[nodiscard]] std::vector<size_t> character_offsets(std::string_view s);
[[nodiscard]] bool is_space(char32_t c);
[[nodiscard]] bool is_printable(char32_t c);
[[nodiscard]] bool is_upper(char32_t c);
[[nodiscard]] bool is_lower(char32_t c);
[[nodiscard]] bool is_letter(char32_t c);
[[nodiscard]] bool is_digit(char32_t c);

[[nodiscard]] std::string upper(std::string_view s);
[[nodiscard]] std::string lower(std::string_view s);
// First character upper, the rest lower.
[[nodiscard]] std::string capitalize(std::string_view s);
// Python's str.title: a letter after a non-letter upper, others lower.
[[nodiscard]] std::string title(std::string_view s);

// The range left when leading/trailing characters are taken off: whitespace, or those in `chars`.
struct Range {
  size_t begin;
  size_t end;
};
struct StripOptions {
  bool left = true;
  bool right = true;
  const std::string* chars = nullptr;  // null: whitespace
};
[[nodiscard]] Range strip(std::string_view s, const StripOptions& options);

// Shortest decimal that reads back, laid out as Python does: 1.0, 1e+16, nan.
[[nodiscard]] std::string float_repr(double d);

// & < > ' " as entities.
[[nodiscard]] std::string escape_html(std::string_view s);

}  // namespace hearth::text::jinja
