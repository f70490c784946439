// {"name": "f", "parameters": {"a": 1}} as the whole reply, several separated by ';'. Tools that
// the template calls built in come behind <|python_tag|>, as brave_search.call(query="x") or as
// code.
#include <array>

#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr JsonSyntax kSyntax = {.begin = "", .separator = "; ", .arguments_key = "parameters"};
constexpr std::string_view kTriggers[] = {"<|python_tag|>"};
constexpr std::string_view kMarkers[] = {"\"parameters\":", "ipython"};
constexpr std::array<std::string_view, 3> kCodeTools = {"ipython", "python", "code_interpreter"};

// NAME.call(ARGUMENTS)
Co<bool> parse_built_in(Reader& in) {
  constexpr std::string_view kCall = ".call";
  std::string name;
  HEARTH_NEED(in.name(name));
  if (!name.ends_with(kCall)) co_return false;
  name.resize(name.size() - kCall.size());
  in.begin_call(name);
  HEARTH_NEED(parse_python_arguments(in, name));
  in.end_call();
  co_return true;
}

Co<bool> parse(Reader& in, const ToolFormat& format, int trigger) {
  co_await in.skip_space();
  HEARTH_NEED(in.has_byte());
  if (trigger < 0 || in.byte() == '{') {
    const bool read = co_await parse_json_calls(in, format, trigger);
    co_return read;
  }
  const size_t here = in.mark();
  const bool built_in = co_await parse_built_in(in);
  if (built_in || in.in_call()) co_return built_in;
  in.rewind(here);
  for (const std::string_view name : kCodeTools) {
    if (in.tools().find(name) == nullptr) continue;
    in.begin_call(name);
    in.arguments("{\"code\": \"");
    co_await in.until({}, Channel::kString);
    in.arguments("\"}");
    in.end_call();
    co_return true;
  }
  co_return false;
}

}  // namespace

extern const ToolFormat kLlama3 = {
    .name = "llama-3",
    .families = "Llama 3.1 to 3.3",
    .triggers = kTriggers,
    .only_at_begin = true,
    .markers = kMarkers,
    .json = &kSyntax,
    .parse = parse,
};

}  // namespace hearth::text::reply
