// <｜DSML｜tool_calls>
// <｜DSML｜invoke name="f">
// <｜DSML｜parameter name="a" string="false">1</｜DSML｜parameter>
// </｜DSML｜invoke>
// </｜DSML｜tool_calls>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr TaggedSyntax kSyntax = {.section_open = "<｜DSML｜tool_calls>\n",
                                  .call_open = "<｜DSML｜invoke name=\"",
                                  .name_close = "\">\n",
                                  .parameter_open = "<｜DSML｜parameter name=\"",
                                  .key_close = "\" string=\"false\">",
                                  .string_key_close = "\" string=\"true\">",
                                  .value_close = "</｜DSML｜parameter>\n",
                                  .call_close = "</｜DSML｜invoke>",
                                  .separator = "\n",
                                  .section_close = "\n</｜DSML｜tool_calls>"};
constexpr std::string_view kTriggers[] = {"<｜DSML｜tool_calls>"};
constexpr std::string_view kMarkers[] = {"｜DSML｜", "tool_calls>"};

}  // namespace

extern const ToolFormat kDeepseekV4 = {
    .name = "deepseek-v4",
    .families = "DeepSeek V4",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .tagged = &kSyntax,
};

}  // namespace hearth::text::reply
