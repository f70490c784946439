// <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{"a":
// 1}<｜tool▁call▁end｜><｜tool▁calls▁end｜>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr NamedSyntax kSyntax = {.section_open = "<｜tool▁calls▁begin｜>",
                                 .call_open = "<｜tool▁call▁begin｜>",
                                 .arguments_open = "<｜tool▁sep｜>",
                                 .call_close = "<｜tool▁call▁end｜>",
                                 .section_close = "<｜tool▁calls▁end｜>"};
constexpr std::string_view kTriggers[] = {"<｜tool▁calls▁begin｜>"};
constexpr std::string_view kMarkers[] = {"<｜tool▁calls▁begin｜>"};

}  // namespace

extern const ToolFormat kDeepseekV31 = {
    .name = "deepseek-v3.1",
    .families = "DeepSeek V3.1",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .named = &kSyntax,
};

}  // namespace hearth::text::reply
