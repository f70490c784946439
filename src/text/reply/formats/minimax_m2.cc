// <minimax:tool_call>
// <invoke name="f">
// <parameter name="a">1</parameter>
// </invoke>
// </minimax:tool_call>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr TaggedSyntax kSyntax = {.section_open = "<minimax:tool_call>\n",
                                  .call_open = "<invoke name=\"",
                                  .name_close = "\">\n",
                                  .parameter_open = "<parameter name=\"",
                                  .key_close = "\">",
                                  .value_close = "</parameter>\n",
                                  .call_close = "</invoke>",
                                  .separator = "\n",
                                  .section_close = "\n</minimax:tool_call>"};
constexpr std::string_view kTriggers[] = {"<minimax:tool_call>"};
constexpr std::string_view kMarkers[] = {"<minimax:tool_call>"};

}  // namespace

extern const ToolFormat kMinimaxM2 = {
    .name = "minimax-m2",
    .families = "MiniMax M2",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .tagged = &kSyntax,
};

}  // namespace hearth::text::reply
