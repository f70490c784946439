// <|tools_prefix|>[{"f": {"a": 1}}, {"g": {}}]<|tools_suffix|>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {.begin = "<|tools_prefix|>",
                                .list_open = "[",
                                .separator = ", ",
                                .list_close = "]",
                                .end = "<|tools_suffix|>",
                                .name_is_key = true};
constexpr std::string_view kTriggers[] = {"<|tools_prefix|>"};
constexpr std::string_view kMarkers[] = {"<|tools_prefix|>"};

}  // namespace

extern const ToolFormat kApertus = {
    .name = "apertus",
    .families = "Apertus",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
