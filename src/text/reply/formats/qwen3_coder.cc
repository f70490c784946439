// <tool_call>
// <function=f>
// <parameter=a>
// 1
// </parameter>
// </function>
// </tool_call>
// Some models forget the outer words.
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr TaggedSyntax kSyntax = {.section_open = "",
                                  .call_open = "<tool_call>\n<function=",
                                  .name_close = ">\n",
                                  .parameter_open = "<parameter=",
                                  .key_close = ">\n",
                                  .value_close = "\n</parameter>\n",
                                  .call_close = "</function>\n</tool_call>",
                                  .separator = "\n",
                                  .lines = true};
constexpr std::string_view kTriggers[] = {
    "<tool_call>\n<function=", "<tool_call><function=", "<function="};
constexpr std::string_view kMarkers[] = {"<tool_call>", "<function=", "<parameter="};

}  // namespace

extern const ToolFormat kQwen3Coder = {
    .name = "qwen3-coder",
    .families = "Qwen 3 Coder, Qwen 3.5, Nemotron 3, Step 3.5",
    .triggers = kTriggers,
    .markers = kMarkers,
    .tagged = &kSyntax,
};

}  // namespace hearth::text::reply
