#include "base/printable.h"

#include <fmt/format.h>

#include <cstdint>

namespace hearth {
namespace {

struct Character {
  size_t length = 0;  // 0: not UTF-8
  uint32_t code = 0;
};

Character character_at_front(std::string_view text) {
  if (text.empty()) return {};
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {1, first};
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
  uint32_t code = first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return {};
    code = code << 6 | (next & 0x3fu);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {length, code};
}

bool is_control(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e ||
         code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

void append_escape(std::string& out, uint32_t code) {
  if (code == '\n')
    out += "\\n";
  else if (code == '\t')
    out += "\\t";
  else if (code == '\r')
    out += "\\r";
  else if (code < 0x80)
    out += fmt::format("\\x{:02x}", code);
  else
    out += fmt::format("\\u{:04x}", code);
}

enum class Lines { kEscape, kKeep };

std::string make_printable(std::string_view text, size_t bytes_max, Lines lines) {
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    const Character c = character_at_front(text.substr(at, 4));
    const size_t length = c.length == 0 ? 1 : c.length;
    if (length > bytes_max - at) return out + "...";
    const bool keep = lines == Lines::kKeep && (c.code == '\n' || c.code == '\t');
    if (c.length == 0)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    else if (is_control(c.code) && !keep)
      append_escape(out, c.code);
    else
      out += text.substr(at, length);
    at += length;
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text, size_t bytes_max) {
  return make_printable(text, bytes_max, Lines::kEscape);
}

std::string printable_lines(std::string_view text) {
  return make_printable(text, kShowAll, Lines::kKeep);
}

size_t utf8_length_at_front(std::string_view text) { return character_at_front(text).length; }

}  // namespace hearth
