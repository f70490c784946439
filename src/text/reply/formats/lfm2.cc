// <|tool_call_start|>[f(a=1, b="x"), g()]<|tool_call_end|>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr PythonSyntax kSyntax = {.begin = "<|tool_call_start|>", .end = "<|tool_call_end|>"};
constexpr std::string_view kTriggers[] = {"<|tool_call_start|>"};
constexpr std::string_view kMarkers[] = {"List of tools: "};

}  // namespace

extern const ToolFormat kLfm2 = {
    .name = "lfm2",
    .families = "LFM 2, LFM 2.5",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .python = &kSyntax,
};

}  // namespace hearth::text::reply
