// <tool_calls>
// {"name": "f", "arguments": {"a": 1}}
// {"name": "g", "arguments": {}}
// </tool_calls>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {
    .begin = "<tool_calls>\n", .separator = "\n", .end = "\n</tool_calls>"};
constexpr std::string_view kTriggers[] = {"<tool_calls>"};
constexpr std::string_view kMarkers[] = {"<tool_calls>", "{\"name\": <tool-name-1>"};

}  // namespace

extern const ToolFormat kMinimaxM1 = {
    .name = "minimax-m1",
    .families = "MiniMax M1",
    .triggers = kTriggers,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
