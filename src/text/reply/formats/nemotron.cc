// <TOOLCALL>[{"name": "f", "arguments": {"a": 1}}, ...]</TOOLCALL>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {.begin = "<TOOLCALL>",
                                .list_open = "[",
                                .separator = ", ",
                                .list_close = "]",
                                .end = "</TOOLCALL>"};
constexpr std::string_view kTriggers[] = {"<TOOLCALL>"};
constexpr std::string_view kMarkers[] = {"<TOOLCALL>"};

}  // namespace

extern const ToolFormat kNemotron = {
    .name = "nemotron",
    .families = "Nemotron Nano 2",
    .triggers = kTriggers,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
