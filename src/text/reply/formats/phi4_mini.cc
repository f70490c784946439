// <|tool_call|>[{"name": "f", "arguments": {"a": 1}}]<|/tool_call|>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {.begin = "<|tool_call|>",
                                .list_open = "[",
                                .separator = ", ",
                                .list_close = "]",
                                .end = "<|/tool_call|>"};
constexpr std::string_view kTriggers[] = {"<|tool_call|>"};
constexpr std::string_view kMarkers[] = {"<|tool_call|>", "<|/tool_call|>"};

}  // namespace

extern const ToolFormat kPhi4Mini = {
    .name = "phi-4-mini",
    .families = "Phi 4 mini",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
