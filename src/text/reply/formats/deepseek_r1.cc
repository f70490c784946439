// <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f
// ```json
// {"a": 1}
// ```<｜tool▁call▁end｜>
// ... <｜tool▁calls▁end｜>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr NamedSyntax kSyntax = {.section_open = "<｜tool▁calls▁begin｜>",
                                 .call_open = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
                                 .arguments_open = "\n```json\n",
                                 .call_close = "\n```<｜tool▁call▁end｜>",
                                 .separator = "\n",
                                 .section_close = "<｜tool▁calls▁end｜>"};
constexpr std::string_view kTriggers[] = {"<｜tool▁calls▁begin｜>", "<｜tool_calls_begin｜>",
                                          "<｜tool calls begin｜>"};
constexpr std::string_view kMarkers[] = {"<｜tool▁calls▁begin｜>", "```json"};

}  // namespace

extern const ToolFormat kDeepseekR1 = {
    .name = "deepseek-r1",
    .families = "DeepSeek V3, R1 and its distills",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .named = &kSyntax,
};

}  // namespace hearth::text::reply
