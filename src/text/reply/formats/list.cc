#include "text/reply/formats/list.h"

namespace hearth::text::reply {

std::span<const ToolFormat* const> tool_formats() {
#define HEARTH_ADDRESS(format) &format,
  static constexpr const ToolFormat* kAll[] = {HEARTH_TOOL_FORMATS(HEARTH_ADDRESS)};
#undef HEARTH_ADDRESS
  return kAll;
}

}  // namespace hearth::text::reply
