// Functionary 3.2: >>>all, a line break and the answer, or >>>f, a line break and the arguments as
// JSON. The prompt ends with the first >>>.
#include <array>

#include "text/reply/formats/list.h"
#include "text/reply/tool_grammar.h"

namespace hearth::text::reply {
namespace {

constexpr std::string_view kMarkers[] = {">>>all"};
constexpr std::array<std::string_view, 1> kHead = {">>>"};
constexpr std::string_view kAnswerHeads[] = {"all\n"};

Co<bool> call(Reader& in, const std::string& name) {
  if (const bool yes = !co_await in.match_one(" ") || !co_await in.has_byte(); yes) co_return false;
  if (in.byte() != '{') co_return false;
  in.begin_call(name);
  HEARTH_NEED(in.json_value(nullptr));
  in.end_call();
  co_return true;
}

Co<bool> parse_reply(Reader& in, const ToolFormat&) {
  std::string name;
  if (const int found = co_await in.match(kHead); found < 0)
    co_await in.until(kHead, Channel::kText);
  for (;;) {
    if (const bool more = co_await in.has_byte(); !more) break;
    const bool named = co_await in.name(name);
    if (const bool yes = named && name != "all" && !co_await call(in, name); yes)
      in.give_back("a tool call could not be read; its text is part of the answer");
    if (named && name == "all") in.begin_part_after_text(Channel::kText);
    in.commit();
    co_await in.until(kHead, Channel::kText);
    in.end_message();
    in.commit();
  }
  co_return true;
}

// The name tells a call from an answer.
void describe(const ToolList& tools, ToolGrammar& out) {
  out.kind = ToolGrammar::Kind::kJson;
  for (const Tool& tool : tools.tools()) {
    out.triggers.push_back(">>>" + tool.name + "\n");
    out.calls.push_back({.tool = tool.name, .before = out.triggers.back(), .schema = tool.schema});
  }
}

}  // namespace

extern const ToolFormat kFunctionary32 = {
    .name = "functionary-3.2",
    .families = "Functionary 3.2",
    .markers = kMarkers,
    .reply_begin = ">>>",
    .parse_reply = parse_reply,
    .message_begin = ">>>",
    .answer_heads = kAnswerHeads,
    .describe = describe,
};

}  // namespace hearth::text::reply
