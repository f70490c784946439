// <|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{"a":
// 1}<|tool_call_end|>
// <|tool_calls_section_end|>. The id is functions.f:0.
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr NamedSyntax kSyntax = {.section_open = "<|tool_calls_section_begin|>",
                                 .call_open = "<|tool_call_begin|>",
                                 .name_prefix = "functions.",
                                 .id_open = ":",
                                 .arguments_open = "<|tool_call_argument_begin|>",
                                 .call_close = "<|tool_call_end|>",
                                 .section_close = "<|tool_calls_section_end|>",
                                 .id_is_whole_name = true};
constexpr std::string_view kTriggers[] = {"<|tool_calls_section_begin|>"};
constexpr std::string_view kMarkers[] = {"<|tool_calls_section_begin|>"};

}  // namespace

extern const ToolFormat kKimiK2 = {
    .name = "kimi-k2",
    .families = "Kimi K2, K2 Thinking, K2.5",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .named = &kSyntax,
};

}  // namespace hearth::text::reply
