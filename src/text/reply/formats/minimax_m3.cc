// <tool_call>
// <invoke name="f"><a>1</a><list><item>1</item></list></invoke>
// </tool_call>
// with the token ]<]minimax[>[ before every tag. Lists have tags named item, objects a tag for each
// key.
#include <array>

#include "text/reply/formats/list.h"
#include "text/reply/tool_grammar.h"

namespace hearth::text::reply {
namespace {

constexpr std::string_view kMark = "]<]minimax[>[";
constexpr std::string_view kTriggers[] = {"]<]minimax[>[<tool_call>"};
constexpr std::string_view kMarkers[] = {"]<]minimax[>["};
constexpr int kDepthMax = 64;
constexpr size_t kTagBytesMax = 256;

// The name of the tag that opens here; empty, with nothing taken: none does.
Co<bool> open_tag(Reader& in, std::string& name) {
  static constexpr std::array<std::string_view, 1> kEnd = {">"};
  const size_t here = in.mark();
  name.clear();
  bool opened = false;
  if (const bool yes = co_await in.match_one(kMark) && co_await in.match_one("<"); yes)
    opened = co_await in.has_byte() && in.byte() != '/';
  if (opened) opened = co_await in.collect(kEnd, name, kTagBytesMax) == 0 && !name.empty();
  if (!opened) in.rewind(here);
  co_return opened;
}

// Behind the tag `name`, to behind its end.
Co<bool> element(Reader& in, std::string name, ParameterKind kind, int depth) {
  if (depth > kDepthMax) co_return false;
  const std::string close = std::string(kMark) + "</" + name + ">";
  const std::array<std::string_view, 1> closes = {close};
  std::string child;
  bool list = false;
  bool any = false;
  for (;;) {
    if (const bool more = kind != ParameterKind::kString && co_await open_tag(in, child); !more)
      break;
    if (!any) list = child == "item";
    in.arguments(any ? ", " : list ? "[" : "{");
    any = true;
    if (!list) in.arguments(json_string(child) + ": ");
    HEARTH_NEED(element(in, child, ParameterKind::kUnknown, depth + 1));
    co_await in.skip_space();
  }
  std::string text;
  HEARTH_NEED_FOUND(in.collect(closes, text, size_t{1} << 24));
  if (any)
    in.arguments(list ? "]" : "}");
  else
    in.arguments(value_json(text, kind));
  co_return true;
}

Co<bool> invoke(Reader& in) {
  static constexpr std::array<std::string_view, 1> kQuote = {"\">"};
  std::string name;
  HEARTH_NEED(in.name(name));
  HEARTH_NEED_FOUND(in.match(kQuote));
  in.begin_call(name);
  in.arguments("{");
  std::string key;
  for (bool first = true;; first = false) {
    co_await in.skip_space();
    if (const bool yes = co_await open_tag(in, key); !yes) break;
    in.arguments((first ? "" : ", ") + json_string(key) + ": ");
    const ParameterKind kind = in.tools().kind(name, key);
    HEARTH_NEED(element(in, key, kind, 0));
  }
  HEARTH_NEED(in.match_one("]<]minimax[>[</invoke>"));
  in.arguments("}");
  in.end_call();
  co_return true;
}

Co<bool> parse(Reader& in, const ToolFormat&, int) {
  for (bool first = true;; first = false) {
    co_await in.skip_space();
    if (const bool yes = co_await in.match_one("]<]minimax[>[<invoke name=\""); !yes) {
      if (first) co_return false;
      break;
    }
    HEARTH_NEED(invoke(in));
  }
  co_await in.match_one("]<]minimax[>[</tool_call>");
  co_return true;
}

// Values that are no strings are written as JSON, which parse() takes too.
void describe(const ToolList& tools, ToolGrammar& out) {
  const std::string mark(kMark);
  out.kind = ToolGrammar::Kind::kTagged;
  out.section_open = mark + "<tool_call>\n";
  out.separator = "\n";
  out.section_close = "\n" + mark + "</tool_call>";
  for (const Tool& tool : tools.tools()) {
    ToolGrammar::Call call{.tool = tool.name,
                           .before = mark + "<invoke name=\"" + tool.name + "\">",
                           .after = mark + "</invoke>",
                           .schema = tool.schema};
    for (const Tool::Parameter& parameter : tool.parameters) {
      const std::string open = mark + "<" + parameter.name + ">";
      call.parameters.push_back({.name = parameter.name,
                                 .before = open,
                                 .before_string = open,
                                 .after = mark + "</" + parameter.name + ">",
                                 .schema = parameter.schema,
                                 .kind = parameter.kind,
                                 .required = parameter.required});
    }
    out.calls.push_back(std::move(call));
  }
}

}  // namespace

extern const ToolFormat kMinimaxM3 = {
    .name = "minimax-m3",
    .families = "MiniMax M3",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .parse = parse,
    .describe = describe,
};

}  // namespace hearth::text::reply
