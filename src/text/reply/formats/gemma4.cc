// <|tool_call>call:f{city:<|"|>Paris<|"|>,days:3,more:{a:null}}<tool_call|>
// Keys have no quotes, strings stand between <|"|>.
#include <array>
#include <nlohmann/json.hpp>

#include "text/reply/formats/list.h"
#include "text/reply/tool_grammar.h"

namespace hearth::text::reply {
namespace {

constexpr std::string_view kTriggers[] = {"<|tool_call>"};
constexpr std::string_view kMarkers[] = {"<|tool_call>"};
constexpr std::string_view kQuote = "<|\"|>";
constexpr int kDepthMax = 64;

Co<bool> value(Reader& in, int depth);

Co<bool> quoted(Reader& in) {
  const std::array<std::string_view, 1> end = {kQuote};
  in.arguments("\"");
  const int found = co_await in.until(end, Channel::kString);
  in.arguments("\"");
  co_return found == 0;
}

Co<bool> key(Reader& in) {
  static constexpr std::array<std::string_view, 1> kColon = {":"};
  std::string text;
  if (const bool yes = co_await in.match_one(kQuote); yes) {
    const std::array<std::string_view, 1> end = {kQuote};
    HEARTH_NEED_FOUND(in.collect(end, text, 256));
    HEARTH_NEED(in.match_one(" :"));
  } else if (const int found = co_await in.collect(kColon, text, 256); found < 0) {
    co_return false;
  }
  const size_t begin = std::min(text.find_first_not_of(" \n\r\t\""), text.size());
  const size_t end = text.find_last_not_of(" \n\r\t\"") + 1;
  if (begin >= end) co_return false;
  in.arguments(json_string(text.substr(begin, end - begin)) + ": ");
  co_return true;
}

// Behind the bracket.
Co<bool> members(Reader& in, bool object, int depth) {
  const std::string_view close = object ? "}" : "]";
  const std::array<std::string_view, 2> next = {" , ", close};
  in.arguments(object ? "{" : "[");
  co_await in.skip_space();
  for (bool first = true;; first = false) {
    if (const bool yes = co_await in.match_one(close); yes) break;
    if (!first) in.arguments(", ");
    if (const bool yes = object && !co_await key(in); yes) co_return false;
    HEARTH_NEED(value(in, depth + 1));
    co_await in.skip_space();
    const int found = co_await in.match(next);
    if (found < 0) co_return false;
    if (found == 1) break;
  }
  in.arguments(close);
  co_return true;
}

// A number or a word.
Co<bool> bare(Reader& in) {
  std::string text;
  for (;;) {
    if (const bool more = co_await in.has_byte(); !more) break;
    const char c = in.byte();
    if (c == ',' || c == '}' || c == ']') break;
    text += c;
    if (text.size() > 1000) co_return false;
    in.advance();
  }
  in.arguments(value_json(text, ParameterKind::kMixed));
  co_return true;
}

Co<bool> value(Reader& in, int depth) {
  static constexpr std::array<std::string_view, 3> kOpen = {kQuote, "{", "["};
  if (depth > kDepthMax) co_return false;
  co_await in.skip_space();
  const int open = co_await in.match(kOpen);
  bool read = false;
  if (open == 0)
    read = co_await quoted(in);
  else if (open > 0)
    read = co_await members(in, open == 1, depth);
  else if (const bool yes = co_await in.has_byte() && in.byte() == '"'; yes)
    read = co_await in.json_value(nullptr);
  else
    read = co_await bare(in);
  co_return read;
}

Co<bool> parse(Reader& in, const ToolFormat&, int) {
  std::string name;
  HEARTH_NEED(in.match_one(" call: "));
  HEARTH_NEED(in.name(name));
  HEARTH_NEED(in.match_one(" {"));
  in.begin_call(name);
  // Given as a string, the arguments are JSON within the braces.
  co_await in.skip_space();
  if (const bool yes = co_await in.has_byte() && in.byte() == '{'; yes) {
    HEARTH_NEED(in.json_value(nullptr));
    HEARTH_NEED(in.match_one(" }"));
  } else if (const bool read = co_await members(in, true, 0); !read) {
    co_return false;
  }
  in.end_call();
  co_await in.match_one(" <tool_call|>");
  co_return true;
}

// Names are sorted, as the template writes them.
void describe(const ToolList& tools, ToolGrammar& out) {
  out.kind = ToolGrammar::Kind::kJson;
  out.section_open = "<|tool_call>";
  out.separator = "<tool_call|><|tool_call>";
  out.section_close = "<tool_call|>";
  out.quote = kQuote;
  for (const Tool& tool : tools.tools())
    out.calls.push_back({.tool = tool.name,
                         .before = "call:" + tool.name,
                         .schema = nlohmann::json::parse(tool.schema, nullptr, false).dump()});
}

}  // namespace

extern const ToolFormat kGemma4 = {
    .name = "gemma-4",
    .families = "Gemma 4, FunctionGemma",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .parse = parse,
    .describe = describe,
};

}  // namespace hearth::text::reply
