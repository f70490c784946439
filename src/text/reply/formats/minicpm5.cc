// <function name="f"><param name="a">1</param><param name="b"><![CDATA[x < y]]></param></function>
#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr TaggedSyntax kSyntax = {.call_open = "<function name=\"",
                                  .name_close = "\">",
                                  .parameter_open = "<param name=\"",
                                  .key_close = "\">",
                                  .value_close = "</param>",
                                  .call_close = "</function>",
                                  .separator = "\n",
                                  .cdata = true};
constexpr std::string_view kTriggers[] = {"<function name=\""};
constexpr std::string_view kMarkers[] = {"<function name=", "<param name="};

}  // namespace

extern const ToolFormat kMiniCpm5 = {
    .name = "minicpm5",
    .families = "MiniCPM 5",
    .triggers = kTriggers,
    .markers = kMarkers,
    .tagged = &kSyntax,
};

}  // namespace hearth::text::reply
