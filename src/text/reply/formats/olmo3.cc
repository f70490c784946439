// <function_calls>
// f(a=1, b="x")
// g()
// </function_calls>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr PythonSyntax kSyntax = {
    .begin = "<function_calls>\n", .list_open = "", .list_close = "", .end = "\n</function_calls>"};
constexpr std::string_view kTriggers[] = {"<function_calls>"};
constexpr std::string_view kMarkers[] = {"<function_calls>"};

}  // namespace

extern const ToolFormat kOlmo3 = {
    .name = "olmo-3",
    .families = "Olmo 3",
    .triggers = kTriggers,
    .markers = kMarkers,
    .python = &kSyntax,
};

}  // namespace hearth::text::reply
