// Filters on strings and numbers. One line each in the table at the end.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/jinja_format.h"
#include "text/jinja_json.h"
#include "text/jinja_runtime.h"
#include "text/jinja_text.h"

namespace hearth::text::jinja {
namespace {

// The whole of a changed text is a person's if any of it was.
Value mapped(NativeCall& c, std::string (*map)(std::string_view)) {
  const MarkedText s = c.rt.to_text(c.self);
  return c.rt.text(MarkedText(map(s.bytes()), s.from_user()), c.self.is_safe());
}

Value upper_filter(NativeCall& c) { return mapped(c, upper); }
Value lower_filter(NativeCall& c) { return mapped(c, lower); }
Value capitalize_filter(NativeCall& c) { return mapped(c, capitalize); }

// Jinja's own rule, unlike str.title: words begin after spaces, '-' and opening brackets.
Value title_filter(NativeCall& c) {
  return mapped(c, [](std::string_view s) {
    std::string out;
    size_t i = 0;
    while (i < s.size()) {
      const size_t begin = std::min(s.find_first_not_of("- \t\n\r\v\f({[<", i), s.size());
      out += s.substr(i, begin - i);
      const size_t end = std::min(s.find_first_of("- \t\n\r\v\f({[<", begin), s.size());
      out += capitalize(s.substr(begin, end - begin));
      i = end;
    }
    return out;
  });
}

Value trim_filter(NativeCall& c) {
  const MarkedText s = c.rt.to_text(c.self);
  const MarkedText chars = c.text(0, "");
  const bool given = c.has(0) && !c.at(0).is_none();
  const Range r = strip(s.bytes(), {.chars = given ? &chars.bytes() : nullptr});
  return c.rt.text(s.slice(r.begin, r.end - r.begin), c.self.is_safe());
}

Value string_filter(NativeCall& c) {
  return c.self.is_string() ? c.self : c.rt.text(c.rt.to_text(c.self));
}

Value safe_filter(NativeCall& c) { return c.rt.text(c.rt.to_text(c.self), true); }

Value escape_filter(NativeCall& c) {
  if (c.self.is_safe()) return c.self;
  const MarkedText s = c.rt.to_text(c.self);
  return c.rt.text(MarkedText(escape_html(s.bytes()), s.from_user()), true);
}

Value forceescape_filter(NativeCall& c) {
  const MarkedText s = c.rt.to_text(c.self);
  return c.rt.text(MarkedText(escape_html(s.bytes()), s.from_user()), true);
}

Value replace_filter(NativeCall& c) {
  Args args{{c.at(0), c.at(1)}, {}};
  if (c.has(2) && !c.at(2).is_none()) args.positional.push_back(c.at(2));
  for (size_t i = 0; i < 2; ++i) {
    Value& v = args.positional[i];
    if (!v.is_string()) v = c.rt.text(c.rt.to_text(v));
  }
  const Value subject = c.self.is_string() ? c.self : c.rt.text(c.rt.to_text(c.self));
  const auto methods = string_methods();
  const auto it = std::find_if(methods.begin(), methods.end(),
                               [](const auto& e) { return e.name == "replace"; });
  return c.rt.call_native(*it, subject, args);
}

std::vector<MarkedText> split_lines(const MarkedText& s) {
  std::vector<MarkedText> lines;
  size_t begin = 0;
  const std::string& b = s.bytes();
  while (begin < b.size()) {
    const size_t end = std::min(b.find_first_of("\n\r\v\f", begin), b.size());
    lines.push_back(s.slice(begin, end - begin));
    begin = end + (b.compare(end, 2, "\r\n") == 0 ? 2 : 1);
  }
  return lines;
}

Value indent_filter(NativeCall& c) {
  if (!c.self.is_string())
    return c.rt.binary(Op::kAdd, c.self, Value("\n"));  // fails as Python does
  MarkedText indentation;
  if (c.has(0) && c.at(0).is_string()) {
    indentation = c.at(0).text();
  } else {
    const int64_t width = std::max<int64_t>(c.integer(0, 4), 0);
    if (size_t(width) > c.rt.limits().max_output_bytes)
      return c.rt.fail("indent: the width is too large");
    indentation = MarkedText(std::string(size_t(width), ' '));
  }
  const bool first = c.flag(1, false);
  const bool blank = c.flag(2, false);
  MarkedText s = c.self.text();
  s.append("\n");
  MarkedText out;
  bool is_first = true;
  for (const MarkedText& line : split_lines(s)) {
    if (!is_first) out.append("\n");
    if (is_first ? first : (blank || !line.empty())) out.append(indentation);
    out.append(line);
    is_first = false;
    if (out.size() > c.rt.limits().max_output_bytes) break;
  }
  return c.rt.text(std::move(out), c.self.is_safe());
}

Value center_filter(NativeCall& c) {
  const MarkedText s = c.rt.to_text(c.self);
  const int64_t width = c.integer(0, 80);
  const auto length = int64_t(count_characters(s.bytes()));
  if (width <= length) return c.rt.text(s);
  if (size_t(width) > c.rt.limits().max_output_bytes)
    return c.rt.fail("center: the width is too large");
  const int64_t missing = width - length;
  const int64_t left = missing / 2 + (missing & width & 1);  // as str.center
  MarkedText out(std::string(size_t(left), ' '));
  out.append(s);
  out.append(std::string(size_t(missing - left), ' '));
  return c.rt.text(std::move(out));
}

Value truncate_filter(NativeCall& c) {
  const MarkedText s = c.rt.to_text(c.self);
  const int64_t length = c.integer(0, 255);
  const bool kill_words = c.flag(1, false);
  const MarkedText end = c.text(2, "...");
  const int64_t leeway = c.integer(3, 5);
  const std::vector<size_t> offsets = character_offsets(s.bytes());
  const auto end_length = int64_t(count_characters(end.bytes()));
  if (length < end_length || leeway < 0 || length > (int64_t(1) << 40) ||
      leeway > (int64_t(1) << 40))
    return c.rt.fail("truncate: the length is out of range");
  if (int64_t(offsets.size()) - 1 <= length + leeway) return c.rt.text(s);
  MarkedText out = s.slice(0, offsets[size_t(length - end_length)]);
  if (!kill_words) {
    const size_t space = out.bytes().rfind(' ');
    if (space != std::string::npos) out = out.slice(0, space);
  }
  out.append(end);
  return c.rt.text(std::move(out));
}

Value wordcount_filter(NativeCall& c) {
  const MarkedText s = c.rt.to_text(c.self);
  int64_t words = 0;
  bool inside = false;
  for (const char ch : s.bytes()) {
    const bool word = (ch & 0x80) != 0 || ch == '_' || (ch >= '0' && ch <= '9') ||
                      ((ch | 32) >= 'a' && (ch | 32) <= 'z');
    words += word && !inside;
    inside = word;
  }
  return words;
}

Value striptags_filter(NativeCall& c) {
  const MarkedText s = c.rt.to_text(c.self);
  std::string out;
  bool tag = false;
  bool space = false;
  for (const char ch : s.bytes()) {
    if (ch == '<') tag = true;
    if (!tag) {
      const bool blank = ch == ' ' || (ch >= 9 && ch <= 13);
      if (!blank && space && !out.empty()) out.push_back(' ');
      if (!blank) out.push_back(ch);
      space = blank;
    }
    if (ch == '>') tag = false;
  }
  return c.rt.text(MarkedText(std::move(out), s.from_user()));
}

// A path keeps its slashes; in a query a space is '+'.
std::string url_quoted(std::string_view s, bool is_path) {
  std::string out;
  for (const char ch : s) {
    const bool plain =
        (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
        std::string_view("_.-~").find(ch) != std::string_view::npos || (is_path && ch == '/');
    out += plain                   ? std::string(1, ch)
           : ch == ' ' && !is_path ? "+"
                                   : fmt::format("%{:02X}", uint8_t(ch));
  }
  return out;
}

Value urlencode_filter(NativeCall& c) {
  if (c.self.is_string() || !(c.self.is_dict() || c.self.is_sequence())) {
    const MarkedText s = c.rt.to_text(c.self);
    return c.rt.text(MarkedText(url_quoted(s.bytes(), true), s.from_user()));
  }
  MarkedText out;
  const auto pair = [&](const Value& key, const Value& value) {
    if (!out.empty()) out.append("&");
    const MarkedText k = c.rt.to_text(key);
    const MarkedText v = c.rt.to_text(value);
    out.append(url_quoted(k.bytes(), false) + "=" + url_quoted(v.bytes(), false),
               k.from_user() || v.from_user());
  };
  if (c.self.is_dict()) {
    for (const auto& [key, value] : c.self.as_dict().entries()) pair(key, value);
  } else {
    for (const Value& item : c.rt.iterate(c.self)) {
      const std::vector<Value> both = c.rt.iterate(item);
      if (both.size() != 2) return c.rt.fail("urlencode: a list needs pairs");
      pair(both[0], both[1]);
    }
  }
  return c.rt.text(std::move(out));
}

Value format_filter(NativeCall& c) {
  const MarkedText s = c.rt.to_text(c.self);
  if (!c.args.positional.empty() && !c.args.named.empty())
    return c.rt.fail("can't handle positional and keyword arguments at the same time");
  return format_percent(c.rt, s, c.args);
}

// --- numbers

Value int_filter(NativeCall& c) {
  const Value otherwise = c.has(0) ? c.at(0) : Value(0);
  const int64_t base = c.integer(1, 10);
  if (c.self.is_int() || c.self.is_bool()) return c.self.as_int();
  double d = NAN;
  if (c.self.is_float()) {
    d = c.self.as_double();
  } else if (c.self.is_string()) {
    const Range r = strip(c.self.bytes(), {});
    std::string s = c.self.bytes().substr(r.begin, r.end - r.begin);
    std::erase(s, '_');
    const size_t sign = !s.empty() && (s[0] == '-' || s[0] == '+') ? 1 : 0;
    size_t prefix = sign;
    if (s.size() > sign + 2 && s[sign] == '0' &&
        ((base == 16 && (s[sign + 1] | 32) == 'x') || (base == 8 && (s[sign + 1] | 32) == 'o') ||
         (base == 2 && (s[sign + 1] | 32) == 'b')))
      prefix += 2;
    int64_t i = 0;
    const char* end = s.data() + s.size();
    if (base < 2 || base > 36) return otherwise;
    const auto read = std::from_chars(s.data() + prefix, end, i, int(base));
    const bool digits = prefix < s.size() && s[prefix] != '-';
    if (digits && read.ec == std::errc() && read.ptr == end)
      return sign > 0 && s[0] == '-' ? -i : i;
    const auto as_double = std::from_chars(s.data() + (s.starts_with('+') ? 1 : 0), end, d);
    if (as_double.ec != std::errc() || as_double.ptr != end) return otherwise;
  } else if (c.self.is_undefined()) {
    return c.rt.fail(c.self.undefined_message());
  }
  if (!(std::fabs(d) < 9.2e18)) return otherwise;
  return int64_t(d);
}

Value float_filter(NativeCall& c) {
  const Value otherwise = c.has(0) ? c.at(0) : Value(0.0);
  if (c.self.is_number()) return c.self.as_double();
  if (c.self.is_undefined()) return c.rt.fail(c.self.undefined_message());
  if (!c.self.is_string()) return otherwise;
  const Range r = strip(c.self.bytes(), {});
  std::string s = c.self.bytes().substr(r.begin, r.end - r.begin);
  if (s.starts_with('+')) s.erase(0, 1);
  double d = 0;
  const auto read = std::from_chars(s.data(), s.data() + s.size(), d);
  return read.ec == std::errc() && read.ptr == s.data() + s.size() && !s.empty() ? Value(d)
                                                                                 : otherwise;
}

Value abs_filter(NativeCall& c) {
  if (c.self.is_float()) return std::fabs(c.self.as_double());
  if (c.self.is_number())
    return c.self.as_int() < 0 ? c.rt.negative(c.self) : Value(c.self.as_int());
  if (c.self.is_undefined()) return c.rt.fail(c.self.undefined_message());
  return c.rt.fail(fmt::format("bad operand type for abs(): '{}'", Runtime::type_name(c.self)));
}

Value round_filter(NativeCall& c) {
  if (!c.self.is_number()) return c.rt.fail("round needs a number");
  const int64_t precision = std::clamp<int64_t>(c.integer(0, 0), -300, 300);
  const std::string method = c.text(1, "common").bytes();
  const double d = c.self.as_double();
  if (method == "ceil" || method == "floor") {
    const double scale = std::pow(10.0, double(precision));
    return (method == "ceil" ? std::ceil(d * scale) : std::floor(d * scale)) / scale;
  }
  if (method != "common") return c.rt.fail("method must be common, ceil or floor");
  if (precision < 0) {
    const double scale = std::pow(10.0, double(-precision));
    const double scaled = std::nearbyint(d / scale) * scale;
    return c.self.is_float() ? Value(scaled) : Value(int64_t(scaled));
  }
  if (!c.self.is_float()) return c.self.as_int();
  // Python rounds the exact decimal value, half to even, which is what printing does.
  const std::string s = fmt::format("{:.{}f}", d, int(precision));
  double rounded = d;
  std::from_chars(s.data(), s.data() + s.size(), rounded);
  return rounded;
}

Value filesizeformat_filter(NativeCall& c) {
  const Value number = float_filter(c);
  if (!c.rt.ok()) return {};
  const bool binary = c.flag(0, false);
  const double base = binary ? 1024 : 1000;
  const double bytes = number.as_double();
  if (bytes == 1) return "1 Byte";
  if (bytes < base) return fmt::format("{} Bytes", int64_t(bytes));
  constexpr std::string_view kPrefixes = "kMGTPEZY";
  double unit = base;
  size_t i = 0;
  while (i + 1 < kPrefixes.size() && bytes >= unit * base) {
    unit *= base;
    ++i;
  }
  std::string prefix(1, kPrefixes[i]);
  if (binary) prefix = std::string(1, char(prefix[0] & ~32)) + "i";
  return fmt::format("{:.1f} {}B", bytes / unit, prefix);
}

// --- any value

Value default_filter(NativeCall& c) {
  const bool missing = c.self.is_undefined() || (c.flag(1, false) && !Runtime::truthy(c.self));
  if (!missing) return c.self;
  return c.has(0) ? c.at(0) : Value("");
}

Value attr_filter(NativeCall& c) {
  if (!c.at(0).is_string()) return c.rt.fail("attr needs the name of an attribute");
  // Only attributes, never items: "foo|attr('bar')" is getattr.
  if (c.self.is_dict() && c.self.as_dict().get(c.at(0).bytes()) != nullptr)
    return Value::undefined(fmt::format("'dict object' has no attribute '{}'", c.at(0).bytes()));
  return c.rt.attribute(c.self, c.at(0).bytes());
}

Value tojson_filter(NativeCall& c) {
  JsonStyle style;
  style.ensure_ascii = c.flag(0, false);
  if (c.has(1) && c.at(1).is_string()) {
    style.indent = c.at(1).bytes();
  } else if (c.has(1) && !c.at(1).is_none()) {
    style.indent = std::string(size_t(std::clamp<int64_t>(c.integer(1, 0), 0, 100)), ' ');
  }
  if (style.indent) style.item_separator = ",";
  if (c.has(2) && !c.at(2).is_none()) {
    const std::vector<Value> both = c.rt.iterate(c.at(2));
    if (both.size() != 2 || !both[0].is_string() || !both[1].is_string())
      return c.rt.fail("tojson: separators must be two strings");
    style.item_separator = both[0].bytes();
    style.key_separator = both[1].bytes();
  }
  style.sort_keys = c.flag(3, false);
  MarkedText out;
  write_json(c.rt, c.self, style, out);
  return c.rt.text(std::move(out));
}

constexpr NativeEntry kFilters[] = {
    {"abs", abs_filter, ""},
    {"attr", attr_filter, "name"},
    {"capitalize", capitalize_filter, ""},
    {"center", center_filter, "width?"},
    {"d", default_filter, "default_value? boolean?"},
    {"default", default_filter, "default_value? boolean?"},
    {"e", escape_filter, ""},
    {"escape", escape_filter, ""},
    {"filesizeformat", filesizeformat_filter, "binary?"},
    {"float", float_filter, "default?"},
    {"forceescape", forceescape_filter, ""},
    {"format", format_filter, "*"},
    {"indent", indent_filter, "width? first? blank?"},
    {"int", int_filter, "default? base?"},
    {"lower", lower_filter, ""},
    {"replace", replace_filter, "old new count?"},
    {"round", round_filter, "precision? method?"},
    {"safe", safe_filter, ""},
    {"string", string_filter, ""},
    {"striptags", striptags_filter, ""},
    {"title", title_filter, ""},
    {"tojson", tojson_filter, "ensure_ascii? indent? separators? sort_keys?"},
    {"trim", trim_filter, "chars?"},
    {"truncate", truncate_filter, "length? killwords? end? leeway?"},
    {"upper", upper_filter, ""},
    {"urlencode", urlencode_filter, ""},
    {"wordcount", wordcount_filter, ""},
};

}  // namespace

std::span<const NativeEntry> filters() { return kFilters; }

}  // namespace hearth::text::jinja
