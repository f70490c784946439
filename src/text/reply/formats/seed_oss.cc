// <seed:tool_call>
// <function=f>
// <parameter=a>1</parameter>
// </function>
// </seed:tool_call>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr TaggedSyntax kSyntax = {.call_open = "<seed:tool_call>\n<function=",
                                  .name_close = ">\n",
                                  .parameter_open = "<parameter=",
                                  .key_close = ">",
                                  .value_close = "</parameter>\n",
                                  .call_close = "</function>\n</seed:tool_call>",
                                  .separator = "\n",
                                  .lines = true};
constexpr std::string_view kTriggers[] = {"<seed:tool_call>\n<function=",
                                          "<seed:tool_call><function="};
constexpr std::string_view kMarkers[] = {"<seed:tool_call>"};

}  // namespace

extern const ToolFormat kSeedOss = {
    .name = "seed-oss",
    .families = "Seed OSS",
    .triggers = kTriggers,
    .ends_reasoning = true,
    .markers = kMarkers,
    .tagged = &kSyntax,
};

}  // namespace hearth::text::reply
