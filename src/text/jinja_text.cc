#include "text/jinja_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/utf8.h"

namespace hearth::text::jinja {
namespace {

// f(Char, bytes) for each character.
template <class F>
void for_each_character(std::string_view s, F f) {
  const char* p = s.data();
  const char* end = p + s.size();
  while (p < end) {
    const Char c = char_at(p, end);
    f(c.code, std::string_view(p, c.length));
    p += c.length;
  }
}

char32_t to_upper(char32_t c) { return char32_t(utf8proc_toupper(utf8proc_int32_t(c))); }
char32_t to_lower(char32_t c) { return char32_t(utf8proc_tolower(utf8proc_int32_t(c))); }

void append_mapped(std::string& out, char32_t code, std::string_view bytes, bool up) {
  if (code == kReplacement) {
    out.append(bytes);  // perhaps an invalid byte: leave it
  } else {
    if (up && code == 0xDF) return void(out.append("SS"));
    append_utf8(out, up ? to_upper(code) : to_lower(code));
  }
}

}  // namespace

bool is_ascii(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) { return (c & 0x80) == 0; });
}

size_t count_characters(std::string_view s) {
  if (is_ascii(s)) return s.size();
  size_t n = 0;
  for_each_character(s, [&n](char32_t, std::string_view) { ++n; });
  return n;
}

std::vector<size_t> character_offsets(std::string_view s) {
  std::vector<size_t> offsets;
  size_t at = 0;
  for_each_character(s, [&](char32_t, std::string_view bytes) {
    offsets.push_back(at);
    at += bytes.size();
  });
  offsets.push_back(at);
  return offsets;
}

bool is_space(char32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || c == ' ' || (c >= 0x1c && c <= 0x1f);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_printable(char32_t c) {
  if (c < 0x80) return c >= ' ' && c != 0x7f;
  switch (utf8proc_category(utf8proc_int32_t(c))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return true;
  }
}

bool is_upper(char32_t c) {
  const auto category = utf8proc_category(utf8proc_int32_t(c));
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LT;
}

bool is_lower(char32_t c) { return utf8proc_category(utf8proc_int32_t(c)) == UTF8PROC_CATEGORY_LL; }

bool is_letter(char32_t c) {
  const auto category = utf8proc_category(utf8proc_int32_t(c));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool is_digit(char32_t c) { return utf8proc_category(utf8proc_int32_t(c)) == UTF8PROC_CATEGORY_ND; }

std::string upper(std::string_view s) {
  std::string out;
  for_each_character(
      s, [&out](char32_t c, std::string_view bytes) { append_mapped(out, c, bytes, true); });
  return out;
}

std::string lower(std::string_view s) {
  std::string out;
  for_each_character(
      s, [&out](char32_t c, std::string_view bytes) { append_mapped(out, c, bytes, false); });
  return out;
}

std::string capitalize(std::string_view s) {
  std::string out;
  bool first = true;
  for_each_character(s, [&](char32_t c, std::string_view bytes) {
    append_mapped(out, c, bytes, first);
    first = false;
  });
  return out;
}

std::string title(std::string_view s) {
  std::string out;
  bool after_letter = false;
  for_each_character(s, [&](char32_t c, std::string_view bytes) {
    append_mapped(out, c, bytes, !after_letter);
    after_letter = is_upper(c) || is_lower(c);
  });
  return out;
}

Range strip(std::string_view s, const StripOptions& options) {
  std::vector<char32_t> wanted;
  if (options.chars)
    for_each_character(*options.chars, [&](char32_t c, std::string_view) { wanted.push_back(c); });
  const auto goes = [&](char32_t c) {
    return options.chars ? std::find(wanted.begin(), wanted.end(), c) != wanted.end() : is_space(c);
  };
  Range r = {0, s.size()};
  if (options.left) {
    while (r.begin < r.end) {
      const Char c = char_at(s.data() + r.begin, s.data() + r.end);
      if (!goes(c.code)) break;
      r.begin += c.length;
    }
  }
  if (options.right) {
    while (r.begin < r.end) {
      size_t start = r.end - 1;
      while (start > r.begin && (s[start] & 0xC0) == 0x80 && r.end - start < 4) --start;
      const Char c = char_at(s.data() + start, s.data() + r.end);
      if (start + c.length != r.end || !goes(c.code)) break;
      r.end = start;
    }
  }
  return r;
}

std::string float_repr(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d > 0 ? "inf" : "-inf";
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::scientific).ptr;
  const std::string_view scientific(buffer, size_t(end - buffer));  // -1.2345e+03
  const size_t e = scientific.find('e');
  int exponent = 0;
  const std::string_view digits_of_exponent = scientific.substr(e + 2);
  std::from_chars(digits_of_exponent.data(), digits_of_exponent.data() + digits_of_exponent.size(),
                  exponent);
  if (scientific[e + 1] == '-') exponent = -exponent;
  if (exponent < -4 || exponent >= 16) return std::string(scientific);
  char fixed[400];
  const auto fixed_end =
      std::to_chars(fixed, fixed + sizeof fixed, d, std::chars_format::fixed).ptr;
  std::string out(fixed, fixed_end);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

std::string escape_html(std::string_view s) {
  std::string out;
  for (const char c : s) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

}  // namespace hearth::text::jinja
