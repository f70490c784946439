#include "text/reply/tool_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "text/template.h"

namespace hearth::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kNameBytesMax = 256;

ParameterKind joined(ParameterKind a, ParameterKind b) {
  if (a == ParameterKind::kUnknown) return b;
  return a == b ? a : ParameterKind::kMixed;
}

ParameterKind kind_of_type(const Json& type) {
  if (type == "string") return ParameterKind::kString;
  return type.is_string() ? ParameterKind::kNoString : ParameterKind::kMixed;
}

template <class List, class KindOf>
ParameterKind kind_of_all(const List& list, const KindOf& kind_of) {
  ParameterKind kind = ParameterKind::kUnknown;
  for (const Json& item : list) kind = joined(kind, kind_of(item));
  return kind == ParameterKind::kUnknown ? ParameterKind::kMixed : kind;
}

ParameterKind kind_of_schema(const Json& schema) {
  if (!schema.is_object()) return ParameterKind::kMixed;
  const auto of_value = [](const Json& value) {
    return value.is_string() ? ParameterKind::kString : ParameterKind::kNoString;
  };
  if (const auto type = schema.find("type"); type != schema.end())
    return type->is_array() ? kind_of_all(*type, kind_of_type) : kind_of_type(*type);
  if (const auto value = schema.find("const"); value != schema.end()) return of_value(*value);
  if (const auto values = schema.find("enum"); values != schema.end() && values->is_array())
    return kind_of_all(*values, of_value);
  for (const char* name : {"anyOf", "oneOf"})
    if (const auto any = schema.find(name); any != schema.end() && any->is_array())
      return kind_of_all(*any, kind_of_schema);
  return ParameterKind::kMixed;
}

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool names(const Json& required, const std::string& name) {
  return required.is_array() && std::ranges::find(required, Json(name)) != required.end();
}

// The schema of a property as one that stands alone: with what its references name.
std::string own_schema(const Json& property, const Json& schema) {
  const std::string text = property.dump();
  if (!property.is_object() || !text.contains("\"$ref\"")) return text;
  Json whole = {{"allOf", Json::array({property})}};
  for (const char* name : {"$defs", "definitions"})
    if (const auto found = schema.find(name); found != schema.end()) whole[name] = *found;
  return whole.dump();
}

Result<Tool> read_tool(const Json& item, size_t index) {
  const auto wrong = [&](std::string_view what) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("tool {}: {}", index + 1, what),
                R"(a tool is {"type": "function", "function": {"name": ..., "parameters": ...}})");
  };
  if (!item.is_object()) return wrong("it is not a JSON object");
  Tool tool;
  tool.name = text_of(item, "name");
  if (tool.name.empty()) return wrong("it has no name");
  if (tool.name.size() > kNameBytesMax) return wrong("its name is too long");
  tool.description = text_of(item, "description");
  tool.schema = "{}";
  for (const char* key : {"parameters", "input_schema"}) {
    const auto schema = item.find(key);
    if (schema == item.end() || schema->is_null()) continue;
    if (!schema->is_object()) return wrong(fmt::format("its '{}' is not a JSON object", key));
    tool.schema = schema->dump();
    const auto properties = schema->find("properties");
    if (properties == schema->end() || !properties->is_object()) continue;
    const Json required = schema->value("required", Json());
    for (const auto& [name, property] : properties->items())
      tool.parameters.push_back(
          {name, kind_of_schema(property), names(required, name), own_schema(property, *schema)});
  }
  return tool;
}

}  // namespace

Result<ToolList> ToolList::parse(std::string_view json) {
  // Reads it once with bounded depth before the recursive library sees it.
  HEARTH_ASSIGN(const Value checked, template_value_from_json(json));
  Json list = Json::parse(json, nullptr, false);
  if (list.is_object() && list.contains("tools")) list = Json(list["tools"]);
  if (list.is_null()) return ToolList();
  if (!list.is_array())
    return fail(ErrorCode::kInvalidArgument, "the tools are not a JSON list",
                R"(write [{"type": "function", "function": {...}}, ...])");
  ToolList out;
  Json shown = Json::array();
  for (const Json& item : list) {
    const bool outer = item.is_object() && item.contains("function");
    HEARTH_ASSIGN(Tool tool, read_tool(outer ? item["function"] : item, out.tools_.size()));
    if (out.find(tool.name) != nullptr)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("two tools have the name '{}'", tool.name));
    out.tools_.push_back(std::move(tool));
    shown.push_back(outer ? item : Json{{"type", "function"}, {"function", item}});
  }
  if (out.tools_.empty()) return out;
  HEARTH_ASSIGN(out.value_, template_value_from_json(shown.dump()));
  return out;
}

const Tool* ToolList::find(std::string_view name) const {
  const auto found = std::ranges::find(tools_, name, &Tool::name);
  return found == tools_.end() ? nullptr : &*found;
}

ParameterKind ToolList::kind(std::string_view tool, std::string_view parameter) const {
  const Tool* const known = find(tool);
  if (known == nullptr) return ParameterKind::kUnknown;
  const auto found = std::ranges::find(known->parameters, parameter, &Tool::Parameter::name);
  return found == known->parameters.end() ? ParameterKind::kUnknown : found->kind;
}

}  // namespace hearth::text
