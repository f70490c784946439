// <|function_call|>{"name": "f", "arguments": {"a": 1}}
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {.begin = "<|function_call|>"};
constexpr std::string_view kTriggers[] = {"<|function_call|>"};
constexpr std::string_view kMarkers[] = {"<|function_call|>"};

}  // namespace

extern const ToolFormat kGigaChat31 = {
    .name = "gigachat-3.1",
    .families = "GigaChat 3.1",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
