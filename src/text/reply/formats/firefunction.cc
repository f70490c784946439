// functools[{"name": "f", "arguments": {"a": 1}}, ...]
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {
    .begin = " functools", .list_open = "[", .separator = ", ", .list_close = "]"};
constexpr std::string_view kTriggers[] = {"functools"};
constexpr std::string_view kMarkers[] = {"functools["};

}  // namespace

extern const ToolFormat kFirefunction = {
    .name = "firefunction",
    .families = "Firefunction 2",
    .triggers = kTriggers,
    .markers = kMarkers,
    .json = &kSyntax,
};

}  // namespace hearth::text::reply
