// ```tool_code
// f(a=1, b="x")
// ```
// Nothing in a template says so: never found, only chosen.
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr PythonSyntax kSyntax = {
    .begin = "```tool_code\n", .list_open = "", .list_close = "", .end = "\n```"};
constexpr std::string_view kTriggers[] = {"```tool_code"};
constexpr std::string_view kMarkers[] = {"```tool_code"};

}  // namespace

extern const ToolFormat kGemma3 = {
    .name = "gemma-3",
    .families = "Gemma 3 (by custom: its template knows no tools)",
    .triggers = kTriggers,
    .markers = kMarkers,
    .python = &kSyntax,
};

}  // namespace hearth::text::reply
