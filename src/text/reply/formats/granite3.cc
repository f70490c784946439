// <|tool_call|>[{"name": "f", "arguments": {"a": 1}}, ...]
// Granite 3.0 and 3.1 write the same behind <tool_call> or nothing.
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {
    .begin = "<|tool_call|>", .list_open = "[", .separator = ", ", .list_close = "]"};
constexpr std::string_view kTriggers[] = {"<|tool_call|>"};
constexpr std::string_view kMarkers[] = {"<|tool_call|>"};

}  // namespace

extern const ToolFormat kGranite3 = {
    .name = "granite-3",
    .families = "Granite 3",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
