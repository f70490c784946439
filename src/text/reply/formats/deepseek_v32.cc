// <｜DSML｜function_calls>
// <｜DSML｜invoke name="f">
// <｜DSML｜parameter name="a" string="false">1</｜DSML｜parameter>
// </｜DSML｜invoke>
// </｜DSML｜function_calls>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr TaggedSyntax kSyntax = {.section_open = "<｜DSML｜function_calls>\n",
                                  .call_open = "<｜DSML｜invoke name=\"",
                                  .name_close = "\">\n",
                                  .parameter_open = "<｜DSML｜parameter name=\"",
                                  .key_close = "\" string=\"false\">",
                                  .string_key_close = "\" string=\"true\">",
                                  .value_close = "</｜DSML｜parameter>\n",
                                  .call_close = "</｜DSML｜invoke>",
                                  .separator = "\n",
                                  .section_close = "\n</｜DSML｜function_calls>"};
constexpr std::string_view kTriggers[] = {"<｜DSML｜function_calls>"};
constexpr std::string_view kMarkers[] = {"｜DSML｜", "function_calls>"};

}  // namespace

extern const ToolFormat kDeepseekV32 = {
    .name = "deepseek-v3.2",
    .families = "DeepSeek V3.2",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .tagged = &kSyntax,
};

}  // namespace hearth::text::reply
