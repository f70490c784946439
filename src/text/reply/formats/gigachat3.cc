// <|message_sep|>
//
// function call<|role_sep|>
// {"name": "f", "arguments": {"a": 1}}
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {.begin = "<|message_sep|>\n\nfunction call<|role_sep|>\n"};
constexpr std::string_view kTriggers[] = {"<|message_sep|>\n\nfunction call<|role_sep|>\n",
                                          "function call<|role_sep|>\n"};
constexpr std::string_view kMarkers[] = {"function call<|role_sep|>"};

}  // namespace

extern const ToolFormat kGigaChat3 = {
    .name = "gigachat-3",
    .families = "GigaChat 3",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
