// ToolList: the functions that a conversation offers to the model, from the JSON that clients send.
// Templates get it as a value, parsers ask it for names and types, grammars for schemas.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja_value.h"

namespace hearth::text {

// What a parameter may be, as far as reading a value without quotes needs it.
enum class ParameterKind {
  kUnknown,   // not in the schema
  kString,    // a string and nothing else
  kNoString,  // anything but a string
  kMixed,     // both, or the schema does not say
};

struct Tool {
  struct Parameter {
    std::string name;
    ParameterKind kind = ParameterKind::kMixed;
    bool required = false;
    std::string schema;  // JSON text
  };
  std::string name;
  std::string description;
  std::string schema;                 // of the arguments: JSON text; "{}" where there is none
  std::vector<Parameter> parameters;  // the schema's own `properties`, in order
};

class ToolList {
 public:
  ToolList() = default;

  // A JSON list of tools, each {"type": "function", "function": {"name", "description",
  // "parameters"}} or the inner object alone; or {"tools": [...]}. Errors: kInvalidArgument, with
  // the place.
  static Result<ToolList> parse(std::string_view json);

  [[nodiscard]] bool empty() const { return tools_.empty(); }
  [[nodiscard]] const std::vector<Tool>& tools() const { return tools_; }
  [[nodiscard]] const Tool* find(std::string_view name) const;
  [[nodiscard]] ParameterKind kind(std::string_view tool, std::string_view parameter) const;

  // As templates expect it: every tool in its outer form; none if there are no tools.
  [[nodiscard]] const jinja::Value& value() const { return value_; }

 private:
  std::vector<Tool> tools_;
  jinja::Value value_ = nullptr;
};

}  // namespace hearth::text
