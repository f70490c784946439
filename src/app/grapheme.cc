#include "app/grapheme.h"

#include <utf8proc.h>

#include <algorithm>

namespace hearth::app {
namespace {

constexpr int32_t kReplacement = 0xFFFD;
constexpr int32_t kEmojiPresentation = 0xFE0F;

struct CodePoint {
  int32_t value;
  size_t size;  // bytes
};

CodePoint code_point_at(std::string_view text, size_t at) {
  utf8proc_int32_t value = 0;
  const utf8proc_ssize_t n =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                       utf8proc_ssize_t(std::min<size_t>(text.size() - at, 4)), &value);
  if (n <= 0) return {kReplacement, 1};
  return {value, size_t(n)};
}

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }
bool is_control(int32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

}  // namespace

size_t next_grapheme(std::string_view text, size_t at) {
  if (at >= text.size()) return text.size();
  // Two ASCII characters never form a cluster, except "\r\n", which clean_input() has removed.
  if (is_ascii(text[at]) && (at + 1 == text.size() || is_ascii(text[at + 1]))) return at + 1;
  CodePoint current = code_point_at(text, at);
  at += current.size;
  utf8proc_int32_t break_state = 0;
  while (at < text.size()) {
    const CodePoint next = code_point_at(text, at);
    if (utf8proc_grapheme_break_stateful(current.value, next.value, &break_state)) break;
    at += next.size;
    current = next;
  }
  return at;
}

size_t previous_grapheme(std::string_view text, size_t at) {
  if (at == 0) return 0;
  // Clusters are found forwards only, so begin at a place that is a boundary for sure: between two
  // ASCII characters.
  size_t begin = at - 1;
  while (begin > 0 && !(is_ascii(text[begin]) && is_ascii(text[begin - 1]))) --begin;
  while (true) {
    const size_t end = next_grapheme(text, begin);
    if (end >= at) return begin;
    begin = end;
  }
}

int grapheme_columns(std::string_view cluster) {
  int columns = 0;
  int flags = 0;
  for (size_t at = 0; at < cluster.size();) {
    const CodePoint c = code_point_at(cluster, at);
    at += c.size;
    columns = std::max(columns, c.value == kEmojiPresentation ? 2 : utf8proc_charwidth(c.value));
    if (c.value >= 0x1F1E6 && c.value <= 0x1F1FF) ++flags;  // regional indicators: a pair is a flag
  }
  return flags == 2 ? 2 : columns;
}

int text_columns(std::string_view text) {
  int columns = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = next_grapheme(text, at);
    columns += grapheme_columns(text.substr(at, end - at));
    at = end;
  }
  return columns;
}

std::string clean_input(std::string_view bytes) {
  std::string clean;
  clean.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint c = code_point_at(bytes, at);
    if (c.value == '\r') {
      if (at + 1 == bytes.size() || bytes[at + 1] != '\n') clean += '\n';
    } else if (c.value == kReplacement) {
      clean += "\xEF\xBF\xBD";
    } else if (c.value == '\n' || c.value == '\t' || !is_control(c.value)) {
      clean += bytes.substr(at, c.size);
    }
    at += c.size;
  }
  return clean;
}

}  // namespace hearth::app
