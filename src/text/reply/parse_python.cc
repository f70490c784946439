// Calls as Python writes them: [f(a=1, b="x"), g()].
#include <array>
#include <cstdint>

#include "text/reply/tool_format.h"
#include "text/utf8.h"

namespace hearth::text::reply {
namespace {

constexpr int kDepthMax = 64;  // frames of coroutines are on the heap; this bounds those
constexpr size_t kWordBytesMax = 400;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '+' || c == '-';
}

void put(Reader& in, std::string* out, std::string_view json) {
  if (out != nullptr)
    *out += json;
  else
    in.arguments(json);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// \xHH, \uHHHH, \UHHHHHHHH behind the letter. A pair of surrogates stays a pair: JSON writes those.
Co<bool> hex_escape(Reader& in, std::string* out, int digits) {
  uint32_t code = 0;
  for (int i = 0; i < digits; ++i) {
    HEARTH_NEED(in.has_byte());
    const int value = hex_value(in.byte());
    if (value < 0) co_return false;
    code = code << 4 | uint32_t(value);
    in.advance();
  }
  std::string text;
  if (code > 0x10FFFF) co_return false;
  if (code >= 0xD800 && code < 0xE000) {
    constexpr std::string_view kHex = "0123456789abcdef";
    text = "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) text += kHex[code >> shift & 15];
  } else {
    std::string character;
    append_utf8(character, code);
    append_json_escaped(character, text);
  }
  put(in, out, text);
  co_return true;
}

Co<bool> escape(Reader& in, std::string* out) {
  HEARTH_NEED(in.has_byte());
  const char c = in.byte();
  in.advance();
  if (c == 'x' || c == 'u' || c == 'U') {
    const int digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    const bool read = co_await hex_escape(in, out, digits);
    co_return read;
  }
  constexpr std::string_view kFrom = "ntrbf\\'\"/";
  constexpr std::string_view kTo = "\n\t\r\b\f\\'\"/";
  std::string text;
  if (const size_t at = kFrom.find(c); at != std::string_view::npos)
    append_json_escaped(kTo.substr(at, 1), text);
  else  // Python keeps what it does not know
    append_json_escaped(std::string("\\") + c, text);
  put(in, out, text);
  co_return true;
}

Co<bool> python_string(Reader& in, std::string* out) {
  const char quote = in.byte();
  in.advance();
  put(in, out, "\"");
  for (;;) {
    HEARTH_NEED(in.has_byte());
    const char c = in.byte();
    in.advance();
    if (c == quote) break;
    if (c == '\\') {
      HEARTH_NEED(escape(in, out));
      continue;
    }
    std::string text;
    append_json_escaped({&c, 1}, text);
    put(in, out, text);
  }
  put(in, out, "\"");
  co_return true;
}

// A number, True, None, ...
Co<bool> python_word(Reader& in, std::string* out) {
  std::string word;
  for (;;) {
    if (const bool more = co_await in.has_byte(); !more) break;
    if (!is_word(in.byte())) break;
    word += in.byte();
    if (word.size() > kWordBytesMax) co_return false;
    in.advance();
  }
  std::string json;
  if (!read_json(word, json)) co_return false;
  put(in, out, json);
  co_return true;
}

Co<bool> python_dict(Reader& in, std::string* out, int depth) {
  static constexpr std::array<std::string_view, 2> kNext = {" , ", " } "};
  static constexpr std::array<std::string_view, 1> kEnd = {"}"};
  in.advance();
  put(in, out, "{");
  co_await in.skip_space();
  for (bool first = true;; first = false) {
    if (const int found = co_await in.match(kEnd); found == 0) break;  // also after a last comma
    HEARTH_NEED(in.has_byte());
    if (in.byte() != '"' && in.byte() != '\'') co_return false;
    if (!first) put(in, out, ", ");
    HEARTH_NEED(python_string(in, out));
    HEARTH_NEED(in.match_one(" : "));
    put(in, out, ": ");
    HEARTH_NEED(python_value(in, out, depth + 1));
    const int next = co_await in.match(kNext);
    if (next < 0) co_return false;
    if (next == 1) break;
  }
  put(in, out, "}");
  co_return true;
}

// [1, 2] and (1, 2).
Co<bool> python_list(Reader& in, std::string* out, int depth) {
  const std::string_view close = in.byte() == '[' ? "]" : ")";
  const std::array<std::string_view, 2> next = {" , ", close};
  in.advance();
  put(in, out, "[");
  co_await in.skip_space();
  for (bool first = true;; first = false) {
    if (const bool yes = co_await in.match_one(close); yes) break;
    if (!first) put(in, out, ", ");
    HEARTH_NEED(python_value(in, out, depth + 1));
    co_await in.skip_space();
    const int found = co_await in.match(next);
    if (found < 0) co_return false;
    if (found == 1) break;
  }
  put(in, out, "]");
  co_return true;
}

// The key of an argument: KEY=, or the tool's next parameter.
Co<bool> argument_key(Reader& in, const Tool* tool, size_t index, std::string& key) {
  const size_t before = in.mark();
  const bool named = co_await in.name(key) && co_await in.match_one(" = ");
  if (named) co_return true;
  in.rewind(before);
  if (tool == nullptr || index >= tool->parameters.size()) co_return false;
  key = tool->parameters[index].name;
  co_return true;
}

// A value that is already there as a whole.
bool whole_python_value(std::string_view text, std::string& out) {
  const ToolList none;
  Reader in(none, 0);
  in.feed(text);
  in.end();
  Stack stack;
  Co<bool> value = python_value(in, &out, 0);
  value.start(stack);
  stack.run();
  return stack.done() && value.result() && in.mark() == text.size();
}

}  // namespace

Co<bool> python_value(Reader& in, std::string* out, int depth) {
  if (depth > kDepthMax) co_return false;
  co_await in.skip_space();
  HEARTH_NEED(in.has_byte());
  bool read = false;
  switch (in.byte()) {
    case '"':
    case '\'':
      read = co_await python_string(in, out);
      break;
    case '{':
      read = co_await python_dict(in, out, depth);
      break;
    case '[':
    case '(':
      read = co_await python_list(in, out, depth);
      break;
    default:
      read = co_await python_word(in, out);
  }
  co_return read;
}

Co<bool> parse_python_arguments(Reader& in, const std::string& name) {
  static constexpr std::array<std::string_view, 2> kNext = {" , ", " )"};
  static constexpr std::array<std::string_view, 1> kEnd = {")"};
  const Tool* const tool = in.tools().find(name);
  if (const bool yes = co_await in.match_one("( "); !yes) co_return false;
  in.arguments("{");
  for (size_t i = 0;; ++i) {
    if (const int found = co_await in.match(kEnd); found == 0) break;
    std::string key;
    HEARTH_NEED(argument_key(in, tool, i, key));
    in.arguments((i == 0 ? "" : ", ") + json_string(key) + ": ");
    HEARTH_NEED(python_value(in, nullptr, 0));
    const int next = co_await in.match(kNext);
    if (next < 0) co_return false;
    if (next == 1) break;
  }
  in.arguments("}");
  co_return true;
}

Co<bool> parse_python_call(Reader& in) {
  std::string name;
  HEARTH_NEED(in.name(name));
  if (const bool yes = !co_await in.has_byte() || in.byte() != '('; yes) co_return false;
  in.begin_call(name);
  HEARTH_NEED(parse_python_arguments(in, name));
  in.end_call();
  co_return true;
}

Co<bool> parse_python_calls(Reader& in, const ToolFormat& format, int) {
  static constexpr std::array<std::string_view, 2> kBetween = {" , ", " ; "};
  const PythonSyntax& syntax = *format.python;
  co_await in.skip_space();
  const bool list = co_await in.match_one("[ ");
  if (!list && format.only_at_begin) co_return false;
  bool any = false;
  for (;;) {
    co_await in.skip_space();
    if (const bool yes = list && co_await in.match_one("]"); yes) break;
    if (!list && any) {
      // Calls on lines of their own go on until the closing words.
      if (const bool yes = syntax.end.empty() || co_await in.match_one(syntax.end); yes)
        co_return true;
      if (const bool yes = co_await in.at_end(); yes) co_return true;
    }
    HEARTH_NEED(parse_python_call(in));
    any = true;
    co_await in.match(kBetween);
  }
  if (!any) co_return !format.only_at_begin;
  co_await in.skip_space();
  if (!syntax.end.empty()) co_await in.match_one(syntax.end);
  co_return true;
}

std::string value_json(std::string_view text, ParameterKind kind) {
  if (kind == ParameterKind::kString) return json_string(text);
  const size_t begin = text.find_first_not_of(" \n\r\t");
  if (begin == std::string_view::npos) return json_string(text);
  const std::string_view value = text.substr(begin, text.find_last_not_of(" \n\r\t") + 1 - begin);
  std::string json;
  if (read_json(value, json)) return json;
  json.clear();
  if ((value.front() == '[' || value.front() == '{') && whole_python_value(value, json))
    return json;
  return json_string(text);
}

}  // namespace hearth::text::reply
