// Values <-> JSON text. Writing as Python's json.dumps (the `tojson` filter of Hugging Face);
// reading for callers that hold tools or messages as JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/jinja_runtime.h"

namespace hearth::text::jinja {

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  // what one level is indented by; none: all on one line
  std::string item_separator = ", ";  // with indent, json.dumps's default is ","
  std::string key_separator = ": ";
};

// Appends to `out`. Fails in rt for what JSON cannot hold (undefined, generators, macros).
void write_json(Runtime& rt, const Value& v, const JsonStyle& style, MarkedText& out);

// Keeps the order of keys. All strings, keys included, are marked as a person's if from_user.
// Bounded depth.
Result<Value> value_from_json(std::string_view json, bool from_user);

}  // namespace hearth::text::jinja
