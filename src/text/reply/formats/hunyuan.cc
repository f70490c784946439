// <tool_calls:opensource>
// <tool_call:opensource>f<tool_sep:opensource>
// <arg_key:opensource>a</arg_key:opensource>
// <arg_value:opensource>1</arg_value:opensource>
// </tool_call:opensource>
// </tool_calls:opensource>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr TaggedSyntax kSyntax = {.section_open = "<tool_calls:opensource>\n",
                                  .call_open = "<tool_call:opensource>",
                                  .name_close = "<tool_sep:opensource>\n",
                                  .parameter_open = "<arg_key:opensource>",
                                  .key_close = "</arg_key:opensource>\n<arg_value:opensource>",
                                  .value_close = "</arg_value:opensource>\n",
                                  .call_close = "</tool_call:opensource>",
                                  .separator = "\n",
                                  .section_close = "\n</tool_calls:opensource>"};
constexpr std::string_view kTriggers[] = {"<tool_calls:opensource>"};
constexpr std::string_view kMarkers[] = {"<tool_calls:opensource>"};

}  // namespace

extern const ToolFormat kHunyuan = {
    .name = "hunyuan",
    .families = "Hunyuan 3",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .tagged = &kSyntax,
};

}  // namespace hearth::text::reply
