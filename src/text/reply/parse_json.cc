// Calls as JSON objects: {"name": N, "arguments": {...}}.
#include <algorithm>
#include <array>
#include <optional>

#include "text/jinja_json.h"
#include "text/reply/tool_format.h"

namespace hearth::text::reply {
namespace {

constexpr size_t kKeyBytesMax = 200;
constexpr std::array<std::string_view, 4> kNameKeys = {"name", "tool_name", "function", "tool"};
constexpr std::array<std::string_view, 4> kArgumentKeys = {"arguments", "parameters", "args",
                                                           "input"};
constexpr std::array<std::string_view, 3> kIdKeys = {"id", "tool_call_id", "call_id"};

bool is_one_of(std::string_view key, std::span<const std::string_view> keys,
               std::string_view own = {}) {
  return (!own.empty() && key == own) || std::ranges::find(keys, key) != keys.end();
}

// "text" -> text; nothing for what is no string.
std::optional<std::string> unquoted(std::string_view json) {
  const auto value = jinja::value_from_json(json, false);
  if (!value || !value->is_string()) return std::nullopt;
  return value->bytes();
}

// What is known of a call while its object is read.
struct Call {
  std::string name;
  std::string id;
  std::optional<std::string> arguments;  // that came before the name
  bool passed = false;                   // arguments went out
};

bool begin(Reader& in, Call& call, bool only_known) {
  if (in.in_call()) return true;
  if (call.name.empty()) return false;
  if (only_known && in.tools().find(call.name) == nullptr) return false;
  in.begin_call(call.name, call.id);
  return true;
}

// The value of the arguments' key.
Co<bool> read_arguments(Reader& in, Call& call, bool only_known) {
  if (call.passed || call.arguments) co_return false;
  co_await in.skip_space();
  HEARTH_NEED(in.has_byte());
  const bool streams = in.byte() == '{' && !call.name.empty();
  if (streams) {
    if (!begin(in, call, only_known)) co_return false;
    call.passed = true;
    const bool read = co_await in.json_value(nullptr);
    co_return read;
  }
  call.arguments.emplace();
  const bool read = co_await in.json_value(&*call.arguments);
  co_return read;
}

Co<bool> read_member(Reader& in, const JsonSyntax& syntax, Call& call, bool only_known,
                     std::string_view key) {
  if (is_one_of(key, kArgumentKeys, syntax.arguments_key)) {
    const bool read = co_await read_arguments(in, call, only_known);
    co_return read;
  }
  co_await in.skip_space();
  HEARTH_NEED(in.has_byte());
  // {"type": "function", "function": {"name": ..., "arguments": ...}}
  if (key == "function" && in.byte() == '{') {
    const bool read = co_await parse_json_call(in, syntax, only_known);
    call.passed = read;
    call.name = "-";
    co_return read;
  }
  std::string value;
  const bool read = co_await in.json_value(&value);
  if (!read) co_return false;
  if (is_one_of(key, kNameKeys, syntax.name_key)) {
    const auto text = unquoted(value);
    if (!text || text->empty() || text->size() > 256) co_return false;
    call.name = *text;
  } else if (is_one_of(key, kIdKeys, syntax.id_key)) {
    call.id = unquoted(value).value_or(value);
  } else if (only_known && call.name.empty() && key != "type") {
    co_return false;  // some other object
  }
  co_return true;
}

// {N: {...}}
Co<bool> parse_keyed_call(Reader& in) {
  std::string key;
  co_await in.skip_space();
  HEARTH_NEED(in.match_one("{ "));
  if (const bool yes = !co_await in.has_byte() || in.byte() != '"'; yes) co_return false;
  HEARTH_NEED(in.json_value(&key));
  const auto name = unquoted(key);
  if (!name || name->empty()) co_return false;
  HEARTH_NEED(in.match_one(" : "));
  in.begin_call(*name);
  std::string value;
  HEARTH_NEED(in.has_byte());
  if (in.byte() == '{') {
    HEARTH_NEED(in.json_value(nullptr));
  } else {
    HEARTH_NEED(in.json_value(&value));
    if (!pass_arguments(in, value)) co_return false;
  }
  HEARTH_NEED(in.match_one(" }"));
  in.end_call();
  co_return true;
}

}  // namespace

bool pass_arguments(Reader& in, std::string_view json) {
  std::string object(json);
  if (const auto text = unquoted(json)) object = text->empty() ? "{}" : *text;
  if (object == "null") object = "{}";
  std::string mended;
  if (!read_json(object, mended)) return false;
  const size_t first = mended.find_first_not_of(" \n\r\t");
  if (mended[first] != '{') return false;
  in.arguments(mended);
  return true;
}

Co<bool> parse_json_call(Reader& in, const JsonSyntax& syntax, bool only_known) {
  static constexpr std::array<std::string_view, 2> kNext = {" , ", " }"};
  Call call;
  const bool outermost = !in.in_call();
  HEARTH_NEED(in.match_one("{ "));
  for (;;) {
    std::string quoted;
    if (const bool yes = !co_await in.has_byte() || in.byte() != '"'; yes) co_return false;
    HEARTH_NEED(in.json_value(&quoted));
    const auto key = unquoted(quoted);
    if (!key || key->size() > kKeyBytesMax) co_return false;
    HEARTH_NEED(in.match_one(" :"));
    HEARTH_NEED(read_member(in, syntax, call, only_known, *key));
    const int next = co_await in.match(kNext);
    if (next == 1) break;
    // Some models forget the last brace.
    const bool complete = call.passed && co_await in.at_end();
    if (complete) break;
    if (next < 0) co_return false;
  }
  if (!outermost || call.name == "-") co_return true;
  if (!begin(in, call, only_known)) co_return false;
  if (!call.passed && !pass_arguments(in, call.arguments.value_or("{}"))) co_return false;
  in.end_call();
  co_return true;
}

Co<bool> parse_json_calls(Reader& in, const ToolFormat& format, int) {
  static constexpr std::array<std::string_view, 3> kBetween = {" , ", " ; ", " "};
  static constexpr std::array<std::string_view, 2> kListEnd = {" ]", " "};
  const JsonSyntax& syntax = *format.json;
  co_await in.skip_space();
  const bool list = co_await in.match_one("[ ");
  if (list == syntax.list_open.empty() && !format.only_at_begin) co_return false;
  bool any = false;
  for (;;) {
    if (const bool yes = !co_await in.has_byte() || in.byte() != '{'; yes) break;
    bool read = false;
    if (syntax.name_is_key)
      read = co_await parse_keyed_call(in);
    else
      read = co_await parse_json_call(in, syntax, format.only_at_begin);
    if (!read) co_return false;
    any = true;
    co_await in.match(kBetween);
  }
  if (list) {
    const int end = co_await in.match(kListEnd);
    const bool cut = end != 0 && !co_await in.at_end();
    if (cut) co_return false;
  }
  if (!any && !list) co_return false;
  co_await in.skip_space();
  if (!syntax.end.empty()) co_await in.match_one(syntax.end);
  co_return true;
}

}  // namespace hearth::text::reply
