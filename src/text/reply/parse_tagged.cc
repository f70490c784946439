// Calls with each parameter between words of the format: <parameter=city>Paris</parameter>.
#include <array>

#include "text/reply/tool_format.h"

namespace hearth::text::reply {
namespace {

constexpr size_t kKeyBytesMax = 256;
constexpr std::string_view kCdata = "<![CDATA[";
constexpr std::string_view kCdataEnd = "]]>";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \n\r\t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \n\r\t") + 1 - begin);
}

// Whether the words after a value show that it has ended, and is not text that quotes the format.
Co<bool> value_ends_here(Reader& in, const TaggedSyntax& syntax) {
  const size_t here = in.mark();
  const std::array<std::string_view, 2> next = {trimmed(syntax.parameter_open),
                                                trimmed(syntax.call_close)};
  co_await in.skip_space();
  const int found = co_await in.match(next);
  const bool ended = found >= 0 || co_await in.at_end();
  in.rewind(here);
  co_return ended;
}

// The value up to its closing words: strings go out while they come, others are collected in `out`.
// False: the input ended.
Co<bool> read_value(Reader& in, const TaggedSyntax& syntax, std::string* out) {
  const Channel channel = out == nullptr ? Channel::kString : Channel::kNone;
  const std::array<std::string_view, 1> cdata_end = {kCdataEnd};
  if (const bool yes = syntax.cdata && co_await in.match_one(kCdata); yes) {
    HEARTH_NEED_FOUND(in.pass(cdata_end, channel, out));
    const bool closed = co_await in.match_one(syntax.value_close);
    co_return closed;
  }
  if (const bool yes = syntax.lines && co_await in.has_byte() && in.byte() == '\n'; yes)
    in.advance();
  const std::string_view close = trimmed(syntax.value_close);
  const std::string line_close = syntax.lines ? "\n" + std::string(close) : std::string(close);
  const std::array<std::string_view, 2> ends = {line_close, close};
  for (;;) {
    const int found = co_await in.pass(ends, channel, out);
    if (found < 0) co_return false;
    if (const bool yes = co_await value_ends_here(in, syntax); yes) co_return true;
    in.put(ends[size_t(found)], channel, out);
  }
}

Co<bool> parse_parameter(Reader& in, const TaggedSyntax& syntax, const std::string& tool,
                         bool first) {
  std::string key;
  std::array<std::string_view, 2> closes = {trimmed(syntax.key_close), trimmed(syntax.key_close)};
  // With a word for strings, the key ends where that word and the other one part.
  const bool typed = !syntax.string_key_close.empty();
  size_t common = 0;
  if (typed) {
    while (syntax.key_close[common] == syntax.string_key_close[common]) ++common;
    closes[0] = closes[1] = syntax.key_close.substr(0, common);
  } else if (const size_t space = closes[0].find_first_of(" \n"); space != std::string_view::npos) {
    closes[0] = closes[1] = closes[0].substr(0, space);
  }
  HEARTH_NEED_FOUND(in.collect(closes, key, kKeyBytesMax));
  ParameterKind kind = in.tools().kind(tool, trimmed(key));
  if (typed) {
    const std::array<std::string_view, 2> rest = {syntax.string_key_close.substr(common),
                                                  syntax.key_close.substr(common)};
    const int found = co_await in.match(rest);
    if (found < 0) co_return false;
    kind = found == 0 ? ParameterKind::kString : ParameterKind::kNoString;
  } else if (closes[0].size() < trimmed(syntax.key_close).size()) {
    HEARTH_NEED(in.match_one(trimmed(syntax.key_close).substr(closes[0].size())));
  }
  in.arguments((first ? "" : ", ") + json_string(trimmed(key)) + ": ");
  if (kind == ParameterKind::kString) {
    in.arguments("\"");
    HEARTH_NEED(read_value(in, syntax, nullptr));
    in.arguments("\"");
  } else {
    std::string value;
    HEARTH_NEED(read_value(in, syntax, &value));
    in.arguments(value_json(value, kind));
  }
  co_return true;
}

Co<bool> parse_tagged_call(Reader& in, const TaggedSyntax& syntax) {
  const std::array<std::string_view, 2> next = {trimmed(syntax.parameter_open),
                                                trimmed(syntax.call_close)};
  std::string name;
  co_await in.skip_space();
  HEARTH_NEED(in.name(name));
  HEARTH_NEED(in.match_one(syntax.name_close));
  co_await in.skip_space();
  for (bool first = true;; first = false) {
    const int found = co_await in.match(next);
    if (found < 0) co_return false;
    if (first) {
      in.begin_call(name);
      in.arguments("{");
    }
    if (found == 1) break;
    HEARTH_NEED(parse_parameter(in, syntax, name, first));
    co_await in.skip_space();
  }
  in.arguments("}");
  in.end_call();
  co_return true;
}

}  // namespace

Co<bool> parse_tagged_calls(Reader& in, const ToolFormat& format, int) {
  const TaggedSyntax& syntax = *format.tagged;
  const std::string_view call_open = trimmed(syntax.call_open);
  const std::string_view section_close = trimmed(syntax.section_close);
  bool behind_call_open = syntax.section_open.empty();
  for (bool first = true;; first = false) {
    if (!behind_call_open) {
      co_await in.skip_space();
      if (const bool yes = co_await in.match_one(call_open); !yes) {
        if (first) co_return false;
        break;
      }
    }
    behind_call_open = false;
    HEARTH_NEED(parse_tagged_call(in, syntax));
  }
  if (!section_close.empty()) co_await in.match_one(section_close);
  co_return true;
}

}  // namespace hearth::text::reply
