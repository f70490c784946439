// [TOOL_CALLS]f[CALL_ID]9letters0[ARGS]{"a": 1}
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr NamedSyntax kSyntax = {
    .call_open = "[TOOL_CALLS]", .id_open = "[CALL_ID]", .arguments_open = "[ARGS]"};
constexpr std::string_view kTriggers[] = {"[TOOL_CALLS]"};
constexpr std::string_view kMarkers[] = {"[TOOL_CALLS]", "[CALL_ID]"};

}  // namespace

extern const ToolFormat kMistralIds = {
    .name = "mistral-ids",
    .families = "Mistral Small 3.1 and 3.2",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .named = &kSyntax,
};

}  // namespace hearth::text::reply
