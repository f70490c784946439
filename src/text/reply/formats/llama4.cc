// [f(a=1, b="x"), g()] as the whole reply, also between <|python_start|> and <|python_end|>.
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr PythonSyntax kSyntax = {.begin = "", .end = "<|python_end|>"};
constexpr std::string_view kTriggers[] = {"<|python_start|>"};
constexpr std::string_view kMarkers[] = {"<|header_start|>"};

}  // namespace

extern const ToolFormat kLlama4 = {
    .name = "llama-4",
    .families = "Llama 4, Llama 3.2 where it is asked for lists of calls",
    .triggers = kTriggers,
    .only_at_begin = true,
    .markers = kMarkers,
    .python = &kSyntax,
};

}  // namespace hearth::text::reply
