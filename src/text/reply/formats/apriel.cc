// <tool_calls>[{"name": "f", "arguments": {"a": 1}, "id": "..."}, ...]</tool_calls>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {.begin = "<tool_calls>",
                                .list_open = "[",
                                .separator = ", ",
                                .list_close = "]",
                                .end = "</tool_calls>",
                                .id_key = "id"};
constexpr std::string_view kTriggers[] = {"<tool_calls>"};
constexpr std::string_view kMarkers[] = {"<tool_calls>["};

}  // namespace

extern const ToolFormat kApriel = {
    .name = "apriel",
    .families = "Apriel 1.5 and 1.6",
    .triggers = kTriggers,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
