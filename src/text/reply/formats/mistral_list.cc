// [TOOL_CALLS][{"name": "f", "arguments": {"a": 1}, "id": "9 letters"}, ...]
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {.begin = "[TOOL_CALLS]",
                                .list_open = "[",
                                .separator = ", ",
                                .list_close = "]",
                                .id_key = "id",
                                .id_pattern = "[A-Za-z0-9]{9}"};
constexpr std::string_view kTriggers[] = {"[TOOL_CALLS]"};
constexpr std::string_view kMarkers[] = {"[TOOL_CALLS] ["};

}  // namespace

extern const ToolFormat kMistralList = {
    .name = "mistral-list",
    .families = "Mistral 7B v0.3, Mixtral, Nemo, Small 2409 to 2501, Large 2407 (templates v3, v7)",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
