// For templates that say nothing of tools: what models write when they are only told of some. A
// fence with {"name": "f", "arguments": {"a": 1}} (```json, ```tool_call), the same between
// <tool_call> and
// </tool_call>, or the object as the whole reply.
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {.begin = "```json\n", .separator = "\n", .end = "\n```"};
constexpr JsonSyntax kTagSyntax = {.begin = "<tool_call>\n", .end = "\n</tool_call>"};
constexpr std::string_view kTriggers[] = {"```json\n", "```tool_call\n", "<tool_call>"};

Co<bool> parse(Reader& in, const ToolFormat& format, int trigger) {
  ToolFormat own = format;
  if (trigger == 2) own.json = &kTagSyntax;
  own.only_at_begin = trigger != 2;  // other JSON in a fence is an answer
  const bool read = co_await parse_json_calls(in, own, trigger);
  co_return read;
}

}  // namespace

extern const ToolFormat kGeneric = {
    .name = "generic",
    .families = "every other model",
    .triggers = kTriggers,
    .only_at_begin = true,
    .json = &kSyntax,
    .parse = parse,
};

}  // namespace hearth::text::reply
