// Methods of strings, lists and dicts, as Python has them; those that would change their object do
// not exist. One line each in the tables at the end.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "text/jinja_format.h"
#include "text/jinja_runtime.h"
#include "text/jinja_text.h"
#include "text/utf8.h"

namespace hearth::text::jinja {
namespace {

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

Value mapped(NativeCall& c, std::string (*map)(std::string_view)) {
  return c.rt.text(MarkedText(map(c.self.bytes()), c.self.text().from_user()), c.self.is_safe());
}

Value upper_method(NativeCall& c) { return mapped(c, upper); }
Value lower_method(NativeCall& c) { return mapped(c, lower); }
Value title_method(NativeCall& c) { return mapped(c, title); }
Value capitalize_method(NativeCall& c) { return mapped(c, capitalize); }

Value swapcase_method(NativeCall& c) {
  return mapped(c, [](std::string_view s) {
    std::string out;
    for (const char* p = s.data(); p < s.data() + s.size();) {
      const Char ch = char_at(p, s.data() + s.size());
      const std::string_view one(p, ch.length);
      out += is_upper(ch.code) ? lower(one) : upper(one);
      p += ch.length;
    }
    return out;
  });
}

Value stripped(NativeCall& c, bool left, bool right) {
  const MarkedText chars = c.text(0, "");
  const bool given = c.has(0) && !c.at(0).is_none();
  const Range r = strip(c.self.bytes(),
                        {.left = left, .right = right, .chars = given ? &chars.bytes() : nullptr});
  return c.rt.text(c.self.text().slice(r.begin, r.end - r.begin), c.self.is_safe());
}

Value strip_method(NativeCall& c) { return stripped(c, true, true); }
Value lstrip_method(NativeCall& c) { return stripped(c, true, false); }
Value rstrip_method(NativeCall& c) { return stripped(c, false, true); }

// At whitespace: runs of it separate, none at the ends.
std::vector<Value> split_words(NativeCall& c, int64_t limit, bool from_right) {
  const MarkedText& s = c.self.text();
  std::vector<Range> words;
  const char* base = s.bytes().data();
  for (size_t i = 0; i < s.size();) {
    const Char ch = char_at(base + i, base + s.size());
    if (is_space(ch.code)) {
      i += ch.length;
      continue;
    }
    const size_t begin = i;
    while (i < s.size()) {
      const Char next = char_at(base + i, base + s.size());
      if (is_space(next.code)) break;
      i += next.length;
    }
    words.push_back({begin, i});
  }
  // Past the limit the rest stays one piece, with its spaces at the far end.
  if (limit >= 0 && words.size() > size_t(limit)) {
    const size_t n = size_t(limit);
    if (from_right) {
      words.erase(words.begin(), words.end() - ptrdiff_t(n) - 1);
      words[0].begin = 0;
    } else {
      words[n].end = s.size();
      words.resize(n + 1);
    }
  }
  std::vector<Value> out;
  for (const Range& w : words) out.emplace_back(s.slice(w.begin, w.end - w.begin));
  return out;
}

std::vector<Value> split_at(NativeCall& c, const std::string& separator, int64_t limit) {
  const MarkedText& s = c.self.text();
  std::vector<Value> out;
  size_t begin = 0;
  while (limit-- != 0 && c.rt.tick()) {
    const size_t end = s.bytes().find(separator, begin);
    if (end == std::string::npos) break;
    out.emplace_back(s.slice(begin, end - begin));
    begin = end + separator.size();
  }
  out.emplace_back(s.slice(begin));
  return out;
}

std::vector<Value> split_at_from_right(NativeCall& c, const std::string& separator, int64_t limit) {
  const MarkedText& s = c.self.text();
  std::vector<Value> out;
  size_t end = s.size();
  while (limit-- != 0 && end >= separator.size() && c.rt.tick()) {
    const size_t begin = s.bytes().rfind(separator, end - separator.size());
    if (begin == std::string::npos) break;
    out.emplace_back(s.slice(begin + separator.size(), end - begin - separator.size()));
    end = begin;
  }
  out.emplace_back(s.slice(0, end));
  std::reverse(out.begin(), out.end());
  return out;
}

Value split(NativeCall& c, bool from_right) {
  const int64_t limit = c.integer(1, -1);
  if (!c.rt.tick(c.self.text().size() / 16)) return {};
  if (!c.has(0) || c.at(0).is_none()) return c.rt.list(split_words(c, limit, from_right));
  const std::string separator = c.text(0, "").bytes();
  if (separator.empty()) return c.rt.fail("empty separator");
  if (limit < 0 || !from_right) return c.rt.list(split_at(c, separator, limit < 0 ? -1 : limit));
  return c.rt.list(split_at_from_right(c, separator, limit));
}

Value split_method(NativeCall& c) { return split(c, false); }
Value rsplit_method(NativeCall& c) { return split(c, true); }

Value splitlines_method(NativeCall& c) {
  const bool keep = c.flag(0, false);
  const MarkedText& s = c.self.text();
  std::vector<Value> out;
  for (size_t begin = 0; begin < s.size();) {
    const size_t end = std::min(s.bytes().find_first_of("\n\r\v\f", begin), s.size());
    const size_t next = end + (end == s.size()                          ? 0
                               : s.bytes().compare(end, 2, "\r\n") == 0 ? 2
                                                                        : 1);
    out.emplace_back(s.slice(begin, (keep ? next : end) - begin));
    begin = next;
  }
  return c.rt.list(std::move(out));
}

Value partitioned(NativeCall& c, bool from_right) {
  const MarkedText& s = c.self.text();
  const MarkedText separator = c.text(0, "");
  if (separator.empty()) return c.rt.fail("empty separator");
  const size_t at =
      from_right ? s.bytes().rfind(separator.bytes()) : s.bytes().find(separator.bytes());
  std::vector<Value> parts(3, Value(""));
  if (at == std::string::npos) {
    parts[from_right ? 2 : 0] = c.self;
  } else {
    parts[0] = Value(s.slice(0, at));
    parts[1] = Value(separator);
    parts[2] = Value(s.slice(at + separator.size()));
  }
  return c.rt.list(std::move(parts), SequenceKind::kTuple);
}

Value partition_method(NativeCall& c) { return partitioned(c, false); }
Value rpartition_method(NativeCall& c) { return partitioned(c, true); }

Value replace_method(NativeCall& c) {
  const MarkedText& s = c.self.text();
  const MarkedText from = c.text(0, "");
  const MarkedText to = c.text(1, "");
  int64_t left = c.integer(2, -1);
  if (left < 0) left = kNoLimit;
  MarkedText out;
  size_t begin = 0;
  if (from.empty()) {  // before every character and at the end
    const std::vector<size_t> offsets = character_offsets(s.bytes());
    for (const size_t at : offsets) {
      if (left-- <= 0) break;
      out.append(s.slice(begin, at - begin));
      out.append(to);
      begin = at;
      if (!c.rt.tick(1 + to.size() / 16) || out.size() > c.rt.limits().max_output_bytes) break;
    }
  } else {
    while (left-- > 0) {
      const size_t at = s.bytes().find(from.bytes(), begin);
      if (at == std::string::npos) break;
      out.append(s.slice(begin, at - begin));
      out.append(to);
      begin = at + from.size();
      if (!c.rt.tick(1 + to.size() / 16) || out.size() > c.rt.limits().max_output_bytes) break;
    }
  }
  out.append(s.slice(begin));
  return c.rt.text(std::move(out), c.self.is_safe());
}

// For startswith and endswith: one string or a tuple of them.
Value affix(NativeCall& c, bool (*matches)(std::string_view, std::string_view)) {
  if (c.at(0).is_sequence() && c.at(0).sequence().kind == SequenceKind::kTuple) {
    for (const Value& v : c.at(0).sequence().items) {
      if (v.is_string() && matches(c.self.bytes(), v.bytes())) return true;
    }
    return false;
  }
  return matches(c.self.bytes(), c.text(0, "").bytes());
}

Value startswith_method(NativeCall& c) {
  return affix(c, [](std::string_view s, std::string_view x) { return s.starts_with(x); });
}
Value endswith_method(NativeCall& c) {
  return affix(c, [](std::string_view s, std::string_view x) { return s.ends_with(x); });
}

Value removeprefix_method(NativeCall& c) {
  const std::string prefix = c.text(0, "").bytes();
  return c.self.bytes().starts_with(prefix) ? c.rt.text(c.self.text().slice(prefix.size()))
                                            : c.self;
}

Value removesuffix_method(NativeCall& c) {
  const std::string suffix = c.text(0, "").bytes();
  return c.self.bytes().ends_with(suffix)
             ? c.rt.text(c.self.text().slice(0, c.self.text().size() - suffix.size()))
             : c.self;
}

// The place of `needle` in characters; -1 if absent.
int64_t position(NativeCall& c, bool from_right) {
  const std::string& s = c.self.bytes();
  const std::string needle = c.text(0, "").bytes();
  const std::vector<size_t> offsets = character_offsets(s);
  const auto n = int64_t(offsets.size()) - 1;
  const auto adjust = [n](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + n : i, 0, n); };
  const int64_t first = c.integer(1, 0);
  if (first > n) return -1;
  const size_t begin = offsets[size_t(adjust(first))];
  const size_t end = offsets[size_t(adjust(c.integer(2, n)))];
  if (begin > end) return -1;
  const std::string_view part = std::string_view(s).substr(begin, end - begin);
  const size_t at = from_right ? part.rfind(needle) : part.find(needle);
  return at == std::string_view::npos
             ? -1
             : int64_t(count_characters(std::string_view(s).substr(0, begin + at)));
}

Value find_method(NativeCall& c) { return position(c, false); }
Value rfind_method(NativeCall& c) { return position(c, true); }

Value index_of(NativeCall& c, bool from_right) {
  const int64_t at = position(c, from_right);
  return at < 0 ? c.rt.fail("substring not found") : Value(at);
}

Value index_method(NativeCall& c) { return index_of(c, false); }
Value rindex_method(NativeCall& c) { return index_of(c, true); }

Value count_method(NativeCall& c) {
  const std::string needle = c.text(0, "").bytes();
  if (needle.empty()) return int64_t(count_characters(c.self.bytes())) + 1;
  int64_t n = 0;
  for (size_t at = 0; (at = c.self.bytes().find(needle, at)) != std::string::npos;
       at += needle.size())
    ++n;
  return n;
}

Value join_method(NativeCall& c) {
  MarkedText out;
  size_t i = 0;
  for (const Value& item : c.rt.iterate(c.at(0))) {
    if (!item.is_string())
      return c.rt.fail(fmt::format("sequence item {}: expected str instance, {} found", i,
                                   Runtime::type_name(item)));
    if (i++ > 0) out.append(c.self.text());
    out.append(item.text());
    if (out.size() > c.rt.limits().max_output_bytes) break;
  }
  return c.rt.text(std::move(out));
}

Value format_method(NativeCall& c) { return format_braces(c.rt, c.self.text(), c.args); }

// Every character passes, and there is one.
Value all_characters(NativeCall& c, bool (*passes)(char32_t)) {
  const std::string& s = c.self.bytes();
  for (const char* p = s.data(); p < s.data() + s.size();) {
    const Char ch = char_at(p, s.data() + s.size());
    if (!passes(ch.code)) return false;
    p += ch.length;
  }
  return !s.empty();
}

Value isdigit_method(NativeCall& c) { return all_characters(c, is_digit); }
Value isalpha_method(NativeCall& c) { return all_characters(c, is_letter); }
Value isspace_method(NativeCall& c) { return all_characters(c, is_space); }
Value isalnum_method(NativeCall& c) {
  return all_characters(c, [](char32_t ch) { return is_letter(ch) || is_digit(ch); });
}
Value islower_method(NativeCall& c) { return *c.rt.call_test("lower", c.self, {}); }
Value isupper_method(NativeCall& c) { return *c.rt.call_test("upper", c.self, {}); }

Value padded(NativeCall& c, bool left) {
  const int64_t width = c.integer(0, 0);
  const MarkedText fill = c.text(1, " ");
  const auto length = int64_t(count_characters(c.self.bytes()));
  if (count_characters(fill.bytes()) != 1)
    return c.rt.fail("The fill character must be exactly one character long");
  if (width > int64_t(c.rt.limits().max_output_bytes)) return c.rt.fail("the width is too large");
  MarkedText padding;
  for (int64_t i = length; i < width; ++i) padding.append(fill);
  MarkedText out = left ? padding : c.self.text();
  out.append(left ? c.self.text() : padding);
  return c.rt.text(std::move(out));
}

Value rjust_method(NativeCall& c) { return padded(c, true); }
Value ljust_method(NativeCall& c) { return padded(c, false); }

Value zfill_method(NativeCall& c) {
  const int64_t width = c.integer(0, 0);
  if (width > int64_t(c.rt.limits().max_output_bytes)) return c.rt.fail("the width is too large");
  const MarkedText& s = c.self.text();
  const size_t sign = s.bytes().starts_with('-') || s.bytes().starts_with('+') ? 1 : 0;
  MarkedText out = s.slice(0, sign);
  for (auto i = int64_t(count_characters(s.bytes())); i < width; ++i) out.append("0");
  out.append(s.slice(sign));
  return c.rt.text(std::move(out));
}

Value center_method(NativeCall& c) { return c.rt.call_filter("center", c.self, c.args); }

constexpr NativeEntry kStringMethods[] = {
    {"capitalize", capitalize_method, ""},
    {"casefold", lower_method, ""},
    {"center", center_method, "*"},
    {"count", count_method, "sub"},
    {"endswith", endswith_method, "suffix"},
    {"find", find_method, "sub start? end?"},
    {"format", format_method, "*"},
    {"index", index_method, "sub start? end?"},
    {"isalnum", isalnum_method, ""},
    {"isalpha", isalpha_method, ""},
    {"isdecimal", isdigit_method, ""},
    {"isdigit", isdigit_method, ""},
    {"islower", islower_method, ""},
    {"isnumeric", isdigit_method, ""},
    {"isspace", isspace_method, ""},
    {"isupper", isupper_method, ""},
    {"join", join_method, "iterable"},
    {"ljust", ljust_method, "width fillchar?"},
    {"lower", lower_method, ""},
    {"lstrip", lstrip_method, "chars?"},
    {"partition", partition_method, "sep"},
    {"removeprefix", removeprefix_method, "prefix"},
    {"removesuffix", removesuffix_method, "suffix"},
    {"replace", replace_method, "old new count?"},
    {"rfind", rfind_method, "sub start? end?"},
    {"rindex", rindex_method, "sub start? end?"},
    {"rjust", rjust_method, "width fillchar?"},
    {"rpartition", rpartition_method, "sep"},
    {"rsplit", rsplit_method, "sep? maxsplit?"},
    {"rstrip", rstrip_method, "chars?"},
    {"split", split_method, "sep? maxsplit?"},
    {"splitlines", splitlines_method, "keepends?"},
    {"startswith", startswith_method, "prefix"},
    {"strip", strip_method, "chars?"},
    {"swapcase", swapcase_method, ""},
    {"title", title_method, ""},
    {"upper", upper_method, ""},
    {"zfill", zfill_method, "width"},
};

// --- lists and tuples

Value list_count(NativeCall& c) {
  int64_t n = 0;
  for (const Value& v : c.self.sequence().items) n += c.rt.equals(v, c.at(0));
  return n;
}

Value list_index(NativeCall& c) {
  const auto& items = c.self.sequence().items;
  for (size_t i = 0; i < items.size(); ++i) {
    if (c.rt.equals(items[i], c.at(0))) return int64_t(i);
  }
  return c.rt.fail("the value is not in the list");
}

constexpr NativeEntry kListMethods[] = {
    {"copy", [](NativeCall& c) -> Value { return c.self; }, ""},
    {"count", list_count, "value"},
    {"index", list_index, "value"},
};

// --- dicts

Value dict_get(NativeCall& c) {
  const Value* found = c.self.as_dict().find(c.at(0));
  if (found != nullptr) return *found;
  return c.has(1) ? c.at(1) : Value(nullptr);
}

Value dict_items(NativeCall& c) {
  std::vector<Value> out;
  for (const auto& [key, value] : c.self.as_dict().entries())
    out.push_back(c.rt.list({key, value}, SequenceKind::kTuple));
  return c.rt.list(std::move(out), SequenceKind::kItems);
}

Value dict_keys(NativeCall& c) { return c.rt.list(c.rt.iterate(c.self), SequenceKind::kKeys); }

Value dict_values(NativeCall& c) {
  std::vector<Value> out;
  for (const auto& entry : c.self.as_dict().entries()) out.push_back(entry.second);
  return c.rt.list(std::move(out), SequenceKind::kValues);
}

constexpr NativeEntry kDictMethods[] = {
    {"copy", [](NativeCall& c) -> Value { return c.self; }, ""},
    {"get", dict_get, "key default?"},
    {"items", dict_items, ""},
    {"keys", dict_keys, ""},
    {"values", dict_values, ""},
};

}  // namespace

std::span<const NativeEntry> string_methods() { return kStringMethods; }
std::span<const NativeEntry> list_methods() { return kListMethods; }
std::span<const NativeEntry> dict_methods() { return kDictMethods; }

}  // namespace hearth::text::jinja
