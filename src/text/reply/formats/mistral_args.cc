// [TOOL_CALLS]f[ARGS]{"a": 1}[TOOL_CALLS]g[ARGS]{}
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr NamedSyntax kSyntax = {.call_open = "[TOOL_CALLS]", .arguments_open = "[ARGS]"};
constexpr std::string_view kTriggers[] = {"[TOOL_CALLS]"};
constexpr std::string_view kMarkers[] = {"[TOOL_CALLS]", "[ARGS]"};

}  // namespace

extern const ToolFormat kMistralArgs = {
    .name = "mistral-args",
    .families = "Ministral 3, Devstral, Magistral, Mistral Medium 3 (templates v11, v13)",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .named = &kSyntax,
};

}  // namespace hearth::text::reply
