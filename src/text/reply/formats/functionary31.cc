// <function=f>{"a": 1}</function>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr NamedSyntax kSyntax = {
    .call_open = "<function=", .arguments_open = ">", .call_close = "</function>"};
constexpr std::string_view kTriggers[] = {"<function="};
constexpr std::string_view kMarkers[] = {"<function=", "example_function_name"};

}  // namespace

extern const ToolFormat kFunctionary31 = {
    .name = "functionary-3.1",
    .families = "Functionary 3.1",
    .triggers = kTriggers,
    .markers = kMarkers,
    .named = &kSyntax,
};

}  // namespace hearth::text::reply
