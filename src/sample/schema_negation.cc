// What a schema refuses, as a schema (for not, if and oneOf), and whether two schemas exclude each
// other.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "sample/schema_compiler.h"

namespace hearth::sample {
namespace {

constexpr int kMaxDepth = 6;

constexpr std::array<std::string_view, 17> kAnnotations = {
    "title",           "description",     "default",   "examples",    "$comment",
    "deprecated",      "readOnly",        "writeOnly", "$schema",     "$id",
    "$anchor",         "$defs",           "id",        "definitions", "$vocabulary",
    "contentEncoding", "contentMediaType"};

struct Bounds {
  const char* keyword;
  const char* type;
  const char* opposite;
  int step;  // of counts; 0: a bound of numbers, kept
};
constexpr Bounds kBounds[] = {
    {"minimum", "number", "exclusiveMaximum", 0},
    {"maximum", "number", "exclusiveMinimum", 0},
    {"exclusiveMinimum", "number", "maximum", 0},
    {"exclusiveMaximum", "number", "minimum", 0},
    {"minLength", "string", "maxLength", -1},
    {"maxLength", "string", "minLength", 1},
    {"minItems", "array", "maxItems", -1},
    {"maxItems", "array", "minItems", 1},
    {"minProperties", "object", "maxProperties", -1},
    {"maxProperties", "object", "minProperties", 1},
};

// The types that a schema allows at most.
uint8_t types_at_most(const Json& schema) {
  const auto type = schema.find("type");
  uint8_t types = kAllTypes;
  if (type != schema.end()) {
    types = 0;
    for (const Json& name : type->is_array() ? *type : Json::array({*type}))
      if (name.is_string()) types |= json_type_named(name.get<std::string>());
  }
  uint8_t values = 0;
  if (const auto c = schema.find("const"); c != schema.end()) values |= json_type_of(*c);
  if (const auto e = schema.find("enum"); e != schema.end() && e->is_array())
    for (const Json& value : *e) values |= json_type_of(value);
  return values != 0 ? types & values : types;
}

bool requires_name(const Json& schema, const std::string& name) {
  const auto required = schema.find("required");
  return required != schema.end() && required->is_array() &&
         std::find(required->begin(), required->end(), Json(name)) != required->end();
}

bool forbids_name(const Json& schema, const std::string& name) {
  const auto properties = schema.find("properties");
  if (properties != schema.end() && properties->contains(name))
    return properties->at(name) == false;
  const auto others = schema.find("additionalProperties");
  return others != schema.end() && *others == false && !schema.contains("patternProperties");
}

}  // namespace

Result<const Json*> SchemaCompiler::followed(const Json* schema) const {
  for (int i = 0; i < 20; ++i) {
    if (!schema->is_object() || !schema->contains("$ref") || !schema->at("$ref").is_string()) break;
    if (schema->size() > 1 && !document_.ref_stands_alone()) break;
    HEARTH_ASSIGN(schema, document_.resolve(schema, schema->at("$ref").get<std::string>()));
  }
  return schema;
}

Result<SchemaCompiler::Negation> SchemaCompiler::negate(const Json* schema, int depth) {
  HEARTH_ASSIGN(const Json* target, followed(schema));
  if (target->is_boolean()) return Negation{document_.adopt(!target->get<bool>(), schema), true};
  if (!target->is_object() || depth > kMaxDepth)
    return Negation{document_.adopt(false, schema), false};
  Json ways = Json::array();
  bool exact = true;
  for (auto it = target->begin(); it != target->end(); ++it) {
    HEARTH_ASSIGN(const bool whole, negate_keyword(target, it.key(), depth, ways));
    exact &= whole;
  }
  if (ways.empty()) return Negation{document_.adopt(false, schema), exact};
  if (ways.size() == 1) return Negation{document_.adopt(ways[0], target), exact};
  return Negation{document_.adopt(Json{{"anyOf", ways}}, target), exact};
}

// Appends to `ways` the ways in which the keyword is violated; false if there are more.
Result<bool> SchemaCompiler::negate_keyword(const Json* schema, const std::string& key, int depth,
                                            Json& ways) {
  const Json& value = schema->at(key);
  for (const Bounds& b : kBounds) {
    if (key != b.keyword || !value.is_number()) continue;
    if (b.step == 0) {
      ways.push_back({{"type", b.type}, {b.opposite, value}});
    } else if (value.get<double>() + b.step >= 0) {
      ways.push_back({{"type", b.type}, {b.opposite, value.get<int64_t>() + b.step}});
    }
    return true;
  }
  if (key == "type") {
    const uint8_t rest = uint8_t(kAllTypes & ~types_at_most(Json{{"type", value}}));
    Json names = Json::array();
    for (const char* name : {"null", "boolean", "object", "array", "string"})
      if ((rest & json_type_named(name)) != 0) names.push_back(name);
    if ((rest & kIntegerType) != 0) names.push_back("number");
    if (!names.empty()) ways.push_back({{"type", names}});
    if ((rest & kFractionType) != 0 && (rest & kIntegerType) == 0)
      ways.push_back({{"type", "number"}, {"$notInteger", true}});
    return true;
  }
  if (key == "const" || key == "enum") {
    ways.push_back({{"$notValues", key == "const" ? Json::array({value}) : value}});
    return true;
  }
  if (key == "pattern") {
    ways.push_back({{"type", "string"}, {"$notPattern", value}});
    return true;
  }
  if (key == "required" && value.is_array()) {
    for (const Json& name : value)
      if (name.is_string())
        ways.push_back({{"type", "object"}, {"properties", {{name.get<std::string>(), false}}}});
    return true;
  }
  if (key == "not") {
    ways.push_back(value);
    return true;
  }
  return negate_parts(schema, key, depth, ways);
}

// Keywords that hold schemas.
Result<bool> SchemaCompiler::negate_parts(const Json* schema, const std::string& key, int depth,
                                          Json& ways) {
  const Json& value = schema->at(key);
  bool exact = true;
  const auto opposite = [&](const Json& part) -> Result<Json> {
    HEARTH_ASSIGN(const Negation negation, negate(&part, depth + 1));
    exact &= negation.exact;
    return *negation.schema;
  };
  if (key == "properties" && value.is_object()) {
    for (auto it = value.begin(); it != value.end(); ++it) {
      HEARTH_ASSIGN(const Json other, opposite(*it));
      if (other != false)
        ways.push_back({{"type", "object"},
                        {"required", Json::array({it.key()})},
                        {"properties", {{it.key(), other}}}});
    }
    return exact;
  }
  if (key == "allOf" || key == "anyOf" || key == "oneOf") {
    Json all = Json::array();
    for (const Json& part : value) {
      HEARTH_ASSIGN(Json other, opposite(part));
      all.push_back(std::move(other));
    }
    if (key == "allOf")
      for (const Json& other : all) ways.push_back(other);
    else
      ways.push_back({{"allOf", all}});
    return exact && key != "oneOf";
  }
  const bool plain_items = key == "items" && !value.is_array() && !schema->contains("prefixItems");
  const bool plain_contains =
      key == "contains" && !schema->contains("minContains") && !schema->contains("maxContains");
  if (plain_items || plain_contains) {
    HEARTH_ASSIGN(const Json other, opposite(value));
    if (other != false || plain_contains)
      ways.push_back({{"type", "array"}, {plain_items ? "contains" : "items", other}});
    return exact;
  }
  if (key == "$ref") {
    HEARTH_ASSIGN(const Json* target, document_.resolve(schema, value.get<std::string>()));
    HEARTH_ASSIGN(const Json other, opposite(*target));
    ways.push_back(other);
    return exact;
  }
  const bool says_nothing = value == true || (value.is_object() && value.empty());
  return says_nothing ||
         std::find(kAnnotations.begin(), kAnnotations.end(), key) != kAnnotations.end();
}

// False if they may both hold.
Result<bool> SchemaCompiler::are_disjoint(const Json* a, const Json* b, int depth) {
  HEARTH_ASSIGN(a, followed(a));
  HEARTH_ASSIGN(b, followed(b));
  if (*a == false || *b == false) return true;
  if (!a->is_object() || !b->is_object() || depth > kMaxDepth) return false;
  const uint8_t types = types_at_most(*a) & types_at_most(*b);
  if (types == 0) return true;
  for (const auto& [first, second] : {std::pair{a, b}, std::pair{b, a}}) {
    Json values = first->contains("const")  ? Json::array({first->at("const")})
                  : first->contains("enum") ? first->at("enum")
                                            : Json();
    if (!values.is_array()) continue;
    bool some = false;
    for (const Json& value : values) {
      HEARTH_ASSIGN(const bool valid, is_valid(value, second, 0));
      some |= valid;
    }
    if (!some) return true;
  }
  for (const auto& [first, second] : {std::pair{a, b}, std::pair{b, a}}) {
    const auto all = first->find("allOf");
    if (all == first->end() || !all->is_array()) continue;
    for (const Json& part : *all) {
      HEARTH_ASSIGN(const bool disjoint, are_disjoint(&part, second, depth + 1));
      if (disjoint) return true;
    }
  }
  if (types == kObjectType) return are_disjoint_objects(a, b, depth);
  return false;
}

Result<bool> SchemaCompiler::are_disjoint_objects(const Json* a, const Json* b, int depth) {
  for (const auto& [first, second] : {std::pair{a, b}, std::pair{b, a}}) {
    const auto required = first->find("required");
    if (required == first->end() || !required->is_array()) continue;
    for (const Json& entry : *required) {
      if (!entry.is_string()) continue;
      const auto name = entry.get<std::string>();
      if (forbids_name(*second, name)) return true;
    }
  }
  const auto in_a = a->find("properties");
  const auto in_b = b->find("properties");
  if (in_a == a->end() || in_b == b->end() || !in_a->is_object() || !in_b->is_object())
    return false;
  for (auto it = in_a->begin(); it != in_a->end(); ++it) {
    if (!in_b->contains(it.key())) continue;
    if (!requires_name(*a, it.key()) && !requires_name(*b, it.key())) continue;
    HEARTH_ASSIGN(const bool disjoint, are_disjoint(&*it, &in_b->at(it.key()), depth + 1));
    if (disjoint) return true;
  }
  return false;
}

}  // namespace hearth::sample
