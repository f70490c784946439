// Whether a value (of enum or const) is valid under a schema: the plain definition of the keywords.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sample/char_set.h"
#include "sample/schema_compiler.h"

namespace hearth::sample {
namespace {

constexpr int kMaxDepth = 100;

size_t n_chars(const std::string& text) {
  size_t n = 0;
  for (size_t pos = 0; pos < text.size(); ++n)
    if (next_char(text, pos) == kNoChar) ++pos;
  return n;
}

}  // namespace

Result<bool> SchemaCompiler::is_valid(const Json& value, const Json* schema, int depth) {
  if (depth > kMaxDepth)
    return fail(ErrorCode::kUnsupported, "references in the schema lead in a circle");
  if (schema->is_boolean()) return schema->get<bool>();
  if (!schema->is_object()) return wrong(schema, "", "is no schema");
  if (const auto ref = schema->find("$ref"); ref != schema->end() && ref->is_string()) {
    HEARTH_ASSIGN(const Json* target, document_.resolve(schema, ref->get<std::string>()));
    HEARTH_ASSIGN(const bool valid, is_valid(value, target, depth + 1));
    if (!valid || document_.ref_stands_alone()) return valid;
  }
  HEARTH_ASSIGN(bool valid, is_valid_type(value, schema));
  if (!valid) return false;
  if (value.is_string()) {
    HEARTH_ASSIGN(valid, is_valid_string(value.get<std::string>(), schema));
  } else if (value.is_number()) {
    HEARTH_ASSIGN(valid, is_valid_number(value, schema));
  } else if (value.is_array()) {
    HEARTH_ASSIGN(valid, is_valid_array(value, schema, depth));
  } else if (value.is_object()) {
    HEARTH_ASSIGN(valid, is_valid_object(value, schema, depth));
  }
  if (!valid) return false;
  return is_valid_combination(value, schema, depth);
}

Result<bool> SchemaCompiler::is_valid_type(const Json& value, const Json* schema) const {
  const auto type = schema->find("type");
  if (type != schema->end()) {
    uint8_t types = 0;
    for (const Json& name : type->is_array() ? *type : Json::array({*type}))
      if (name.is_string()) types |= json_type_named(name.get<std::string>());
    if ((types & json_type_of(value)) == 0) return false;
  }
  if (schema->contains("$notInteger") && json_type_of(value) == kIntegerType) return false;
  if (const auto c = schema->find("const"); c != schema->end() && *c != value) return false;
  const auto within = [&](const char* keyword) {
    const auto list = schema->find(keyword);
    return list != schema->end() && std::find(list->begin(), list->end(), value) != list->end();
  };
  return !within("$notValues") && (!schema->contains("enum") || within("enum"));
}

Result<bool> SchemaCompiler::is_valid_string(const std::string& value, const Json* schema) {
  HEARTH_ASSIGN(const auto low, count_of(schema, "minLength"));
  HEARTH_ASSIGN(const auto high, count_of(schema, "maxLength"));
  const int64_t n = int64_t(n_chars(value));
  if ((low && n < *low) || (high && n > *high)) return false;
  HEARTH_ASSIGN(const std::optional<TextDfa> limits, text_limits({schema}));
  return !limits || limits->matches(value);
}

Result<bool> SchemaCompiler::is_valid_number(const Json& value, const Json* schema) const {
  HEARTH_ASSIGN(const Decimal decimal, Decimal::parse(value.dump()));
  const std::string text = decimal.text();
  const std::pair<const char*, Bound> bounds[] = {{"minimum", Bound::kAtLeast},
                                                  {"exclusiveMinimum", Bound::kAbove},
                                                  {"maximum", Bound::kAtMost},
                                                  {"exclusiveMaximum", Bound::kBelow}};
  for (const auto& [keyword, side] : bounds) {
    const auto it = schema->find(keyword);
    if (it == schema->end() || !it->is_number()) continue;
    HEARTH_ASSIGN(const Decimal bound, Decimal::parse(it->dump()));
    HEARTH_ASSIGN(const TextDfa dfa, bounded_texts(bound, side));
    if (!dfa.matches(text)) return false;
  }
  const auto divisor = schema->find("multipleOf");
  if (divisor == schema->end() || !divisor->is_number()) return true;
  HEARTH_ASSIGN(const Decimal parsed, Decimal::parse(divisor->dump()));
  HEARTH_ASSIGN(const TextDfa dfa, multiple_texts(parsed));
  return dfa.matches(text);
}

Result<bool> SchemaCompiler::is_valid_array(const Json& value, const Json* schema, int depth) {
  HEARTH_ASSIGN(const auto low, count_of(schema, "minItems"));
  HEARTH_ASSIGN(const auto high, count_of(schema, "maxItems"));
  const int64_t n = int64_t(value.size());
  if ((low && n < *low) || (high && n > *high)) return false;
  const auto items = schema->find("items");
  const bool old_list = items != schema->end() && items->is_array();
  const auto prefix = old_list ? items : schema->find("prefixItems");
  HEARTH_ASSIGN(const Json* rest, schema_at(schema, old_list ? "additionalItems" : "items"));
  for (size_t i = 0; i < value.size(); ++i) {
    const bool listed = prefix != schema->end() && prefix->is_array() && i < prefix->size();
    const Json* item = listed ? &(*prefix)[i] : rest;
    if (item == nullptr) continue;
    HEARTH_ASSIGN(const bool valid, is_valid(value[i], item, depth + 1));
    if (!valid) return false;
  }
  if (const auto unique = schema->find("uniqueItems"); unique != schema->end() && *unique == true) {
    for (size_t i = 0; i < value.size(); ++i)
      for (size_t k = 0; k < i; ++k)
        if (value[i] == value[k]) return false;
  }
  HEARTH_ASSIGN(const Json* wanted, schema_at(schema, "contains"));
  if (wanted == nullptr) return true;
  int64_t n_found = 0;
  for (const Json& item : value) {
    HEARTH_ASSIGN(const bool valid, is_valid(item, wanted, depth + 1));
    n_found += valid ? 1 : 0;
  }
  HEARTH_ASSIGN(const auto least, count_of(schema, "minContains"));
  HEARTH_ASSIGN(const auto most, count_of(schema, "maxContains"));
  return n_found >= least.value_or(1) && (!most || n_found <= *most);
}

Result<bool> SchemaCompiler::is_valid_object(const Json& value, const Json* schema, int depth) {
  HEARTH_ASSIGN(const auto low, count_of(schema, "minProperties"));
  HEARTH_ASSIGN(const auto high, count_of(schema, "maxProperties"));
  const int64_t n = int64_t(value.size());
  if ((low && n < *low) || (high && n > *high)) return false;
  if (const auto required = schema->find("required");
      required != schema->end() && required->is_array()) {
    for (const Json& name : *required)
      if (name.is_string() && !value.contains(name.get<std::string>())) return false;
  }
  ObjectNames names;
  HEARTH_TRY(names_of(schema, names));
  for (auto it = value.begin(); it != value.end(); ++it) {
    if (!names.allowed.matches(it.key())) return false;
    HEARTH_ASSIGN(const SchemaSet schemas, schemas_of_name({schema}, names, it.key()));
    for (const Json* part : schemas) {
      HEARTH_ASSIGN(const bool valid, is_valid(*it, part, depth + 1));
      if (!valid) return false;
    }
  }
  return true;
}

Result<bool> SchemaCompiler::is_valid_combination(const Json& value, const Json* schema,
                                                  int depth) {
  const auto count = [&](const char* keyword) -> Result<int64_t> {
    const auto list = schema->find(keyword);
    if (list == schema->end() || !list->is_array()) return int64_t{-1};
    int64_t n = 0;
    for (const Json& part : *list) {
      HEARTH_ASSIGN(const bool valid, is_valid(value, &part, depth + 1));
      n += valid ? 1 : 0;
    }
    return n;
  };
  HEARTH_ASSIGN(const int64_t all, count("allOf"));
  if (all >= 0 && all != int64_t(schema->at("allOf").size())) return false;
  HEARTH_ASSIGN(const int64_t any, count("anyOf"));
  if (any == 0) return false;
  HEARTH_ASSIGN(const int64_t one, count("oneOf"));
  if (one >= 0 && one != 1) return false;
  if (const auto it = schema->find("not"); it != schema->end()) {
    HEARTH_ASSIGN(const bool valid, is_valid(value, &*it, depth + 1));
    if (valid) return false;
  }
  for (const char* keyword : {"dependentRequired", "dependentSchemas", "dependencies"}) {
    const auto list = schema->find(keyword);
    if (list == schema->end() || !value.is_object() || !list->is_object()) continue;
    for (auto it = list->begin(); it != list->end(); ++it) {
      if (!value.contains(it.key())) continue;
      if (it->is_array()) {
        for (const Json& name : *it)
          if (name.is_string() && !value.contains(name.get<std::string>())) return false;
      } else {
        HEARTH_ASSIGN(const bool valid, is_valid(value, &*it, depth + 1));
        if (!valid) return false;
      }
    }
  }
  const auto condition = schema->find("if");
  if (condition == schema->end()) return true;
  HEARTH_ASSIGN(const bool holds, is_valid(value, &*condition, depth + 1));
  const auto then = schema->find(holds ? "then" : "else");
  return then == schema->end() ? Result<bool>(true) : is_valid(value, &*then, depth + 1);
}

}  // namespace hearth::sample
