// <tool_call>f
// <arg_key>a</arg_key>
// <arg_value>1</arg_value>
// </tool_call>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr TaggedSyntax kSyntax = {.call_open = "<tool_call>",
                                  .name_close = "\n",
                                  .parameter_open = "<arg_key>",
                                  .key_close = "</arg_key>\n<arg_value>",
                                  .value_close = "</arg_value>\n",
                                  .call_close = "</tool_call>",
                                  .separator = "\n"};
constexpr std::string_view kTriggers[] = {"<tool_call>"};
constexpr std::string_view kMarkers[] = {"<tool_call>", "<arg_key>"};

}  // namespace

extern const ToolFormat kGlm = {
    .name = "glm",
    .families = "GLM 4.5 to 4.7, Laguna",
    .triggers = kTriggers,
    .markers = kMarkers,
    .tagged = &kSyntax,
};

}  // namespace hearth::text::reply
