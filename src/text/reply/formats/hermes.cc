// <tool_call>
// {"name": "f", "arguments": {"a": 1}}
// </tool_call>
// One such part for each call.
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {.begin = "<tool_call>\n",
                                .separator = "\n</tool_call>\n<tool_call>\n",
                                .end = "\n</tool_call>"};
constexpr std::string_view kTriggers[] = {"<tool_call>"};
constexpr std::string_view kMarkers[] = {"<tool_call>", "\"arguments\""};

}  // namespace

extern const ToolFormat kHermes = {
    .name = "hermes",
    .families =
        "Qwen 2.5, Qwen 3, QwQ, Hermes 2 and 3, Granite 4, SmolLM 3, MiMo, Bielik 3, Reka Edge",
    .triggers = kTriggers,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
