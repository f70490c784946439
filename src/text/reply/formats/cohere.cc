// <|START_ACTION|>[
//     {"tool_call_id": "0", "tool_name": "f", "parameters": {"a": 1}}
// ]<|END_ACTION|>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {.begin = "<|START_ACTION|>",
                                .list_open = "[\n    ",
                                .separator = ",\n    ",
                                .list_close = "\n]",
                                .end = "<|END_ACTION|>",
                                .name_key = "tool_name",
                                .arguments_key = "parameters",
                                .id_key = "tool_call_id",
                                .id_first = true};
constexpr std::string_view kTriggers[] = {"<|START_ACTION|>"};
constexpr std::string_view kMarkers[] = {"<|START_ACTION|>"};

}  // namespace

extern const ToolFormat kCohere = {
    .name = "cohere",
    .families = "Command R7B, Command A, Cohere MoE",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
