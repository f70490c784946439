// Calls as a name between words of the format, then the arguments as JSON.
#include <array>

#include "text/reply/tool_format.h"

namespace hearth::text::reply {
namespace {

Co<bool> parse_named_call(Reader& in, const NamedSyntax& syntax) {
  std::string name;
  const bool prefixed = !syntax.name_prefix.empty() && co_await in.match_one(syntax.name_prefix);
  HEARTH_NEED(in.name(name));
  std::string id;
  if (const bool yes = !syntax.id_open.empty() && co_await in.match_one(syntax.id_open); yes) {
    HEARTH_NEED(in.name(id));
    if (syntax.id_is_whole_name)
      id =
          std::string(prefixed ? syntax.name_prefix : "") + name + std::string(syntax.id_open) + id;
  }
  HEARTH_NEED(in.match_one(syntax.arguments_open));
  co_await in.skip_space();
  HEARTH_NEED(in.has_byte());
  in.begin_call(name, id);
  if (in.byte() == '{') {
    HEARTH_NEED(in.json_value(nullptr));
  } else {
    std::string value;
    HEARTH_NEED(in.json_value(&value));
    if (!pass_arguments(in, value)) co_return false;
  }
  in.end_call();
  // The words after it may be cut off: the call is complete.
  if (!syntax.call_close.empty()) {
    co_await in.skip_space();
    co_await in.match_one(syntax.call_close);
  }
  in.commit();
  co_return true;
}

}  // namespace

Co<bool> parse_named_calls(Reader& in, const ToolFormat& format, int) {
  const NamedSyntax& syntax = *format.named;
  // The trigger was the section's opening, or the first call's.
  bool behind_call_open = syntax.section_open.empty();
  for (bool first = true;; first = false) {
    if (!behind_call_open) {
      co_await in.skip_space();
      const size_t before = in.mark();
      if (const bool yes = co_await in.match_one(syntax.call_open); !yes) {
        if (first) co_return false;
        in.rewind(before);
        break;
      }
    }
    behind_call_open = false;
    HEARTH_NEED(parse_named_call(in, syntax));
  }
  if (!syntax.section_close.empty()) co_await in.match_one(syntax.section_close);
  co_return true;
}

}  // namespace hearth::text::reply
