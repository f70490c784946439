// Action:
// ```json
// [
//     {
//         "tool_name": "f",
//         "parameters": {"a": 1}
//     }
// ]```
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {.begin = "Action:\n```json\n",
                                .list_open = "[\n    ",
                                .separator = ",\n    ",
                                .list_close = "\n]",
                                .end = "```",
                                .name_key = "tool_name",
                                .arguments_key = "parameters"};
constexpr std::string_view kTriggers[] = {"Action:\n```json", "Action: ```json"};
constexpr std::string_view kMarkers[] = {"Action:", "```json", "\"tool_name\""};

}  // namespace

extern const ToolFormat kCommandRPlus = {
    .name = "command-r",
    .families = "Command R, Command R+ (2024)",
    .triggers = kTriggers,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
