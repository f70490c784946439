// Sets of schemas -> alternatives of plain schemas: $ref, allOf, anyOf, oneOf, not, if,
// dependencies.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "sample/schema_compiler.h"

namespace hearth::sample {
namespace {

constexpr size_t kMaxBranches = 500;  // of one set of schemas
constexpr size_t kMaxBranchesInAll = 50'000;

// Keywords that a plain schema may hold; a schema with none of them says nothing.
constexpr std::array<std::string_view, 31> kPlain = {
    "type",          "enum",        "const",           "properties",
    "required",      "items",       "prefixItems",     "additionalProperties",
    "minLength",     "maxLength",   "pattern",         "patternProperties",
    "format",        "minimum",     "maximum",         "exclusiveMinimum",
    "multipleOf",    "minItems",    "maxItems",        "exclusiveMaximum",
    "minProperties", "uniqueItems", "contains",        "maxProperties",
    "propertyNames", "minContains", "$notValues",      "additionalItems",
    "$notPattern",   "$notInteger", "unevaluatedItems"};

bool says_something(const Json& schema) {
  return schema.contains("unevaluatedProperties") || schema.contains("maxContains") ||
         std::any_of(kPlain.begin(), kPlain.end(),
                     [&](std::string_view k) { return schema.contains(std::string(k)); });
}

std::unexpected<Error> too_many(const std::string& place) {
  return fail(ErrorCode::kUnsupported,
              fmt::format("the schema at {} has too many alternatives", place),
              "nest fewer anyOf, oneOf and if in each other");
}

}  // namespace

Result<std::vector<SchemaCompiler::Branch>> SchemaCompiler::branches_of(const SchemaSet& set) {
  std::vector<Pending> work = {{.open = {set.rbegin(), set.rend()}, .seen = {}, .branch = {}}};
  std::vector<Branch> out;
  while (!work.empty()) {
    Pending pending = std::move(work.back());
    work.pop_back();
    bool possible = true;
    std::vector<Choice> choices;
    while (possible && choices.empty() && !pending.open.empty()) {
      const Json* schema = pending.open.back();
      pending.open.pop_back();
      if (schema->is_boolean()) {
        possible = schema->get<bool>();
        continue;
      }
      if (!schema->is_object())
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("at {} a schema was expected", document_.place(schema)));
      if (std::find(pending.seen.begin(), pending.seen.end(), schema) != pending.seen.end())
        continue;
      pending.seen.push_back(schema);
      HEARTH_TRY(open_schema(schema, pending, choices));
    }
    if (!possible) continue;
    if (choices.empty())
      out.push_back(std::move(pending.branch));
    else
      HEARTH_TRY(take_choices(pending, choices, work));
    if (work.size() + out.size() > kMaxBranches || ++n_branches_ > kMaxBranchesInAll)
      return too_many(set.empty() ? "#" : document_.place(set[0]));
  }
  return out;
}

// The branch goes on once for every combination of alternatives; the first ones are taken up first.
Result<void> SchemaCompiler::take_choices(const Pending& pending,
                                          const std::vector<Choice>& choices,
                                          std::vector<Pending>& work) {
  std::vector<Pending> ways = {pending};
  for (const Choice& choice : choices) {
    if (ways.size() * choice.size() > kMaxBranches) return too_many("#");
    std::vector<Pending> next;
    for (const Pending& way : ways) {
      for (const SchemaSet& alternative : choice) {
        next.push_back(way);
        next.back().open.insert(next.back().open.end(), alternative.rbegin(), alternative.rend());
      }
    }
    ways = std::move(next);
  }
  work.insert(work.end(), ways.rbegin(), ways.rend());
  return {};
}

// Adds to the pending branch what the schema says, and to `choices` what it leaves open.
Result<void> SchemaCompiler::open_schema(const Json* schema, Pending& pending,
                                         std::vector<Choice>& choices) {
  for (const char* dynamic : {"$dynamicRef", "$recursiveRef"})
    if (schema->contains(dynamic))
      HEARTH_TRY(refuse(schema, dynamic, "it depends on the way by which it is reached"));
  if (const auto ref = schema->find("$ref"); ref != schema->end() && ref->is_string()) {
    HEARTH_ASSIGN(const Json* target, document_.resolve(schema, ref->get<std::string>()));
    pending.open.push_back(target);
    if (document_.ref_stands_alone()) return {};
  }
  if (says_something(*schema)) pending.branch.push_back(schema);
  if (const auto all = schema->find("allOf"); all != schema->end()) {
    if (!all->is_array()) return wrong(schema, "allOf", "is not a list");
    for (auto it = all->rbegin(); it != all->rend(); ++it) pending.open.push_back(&*it);
  }
  HEARTH_TRY(open_not(schema, pending));
  HEARTH_TRY(open_condition(schema, choices));
  open_dependencies(schema, choices);
  if (const auto any = schema->find("anyOf"); any != schema->end()) {
    if (!any->is_array()) return wrong(schema, "anyOf", "is not a list");
    Choice choice;
    for (const Json& part : *any) choice.push_back({&part});
    choices.push_back(std::move(choice));
  }
  if (!schema->contains("oneOf")) return {};
  HEARTH_ASSIGN(Choice choice, one_of(schema));
  choices.push_back(std::move(choice));
  return {};
}

Result<void> SchemaCompiler::open_not(const Json* schema, Pending& pending) {
  HEARTH_ASSIGN(const Json* refused, schema_at(schema, "not"));
  if (refused == nullptr) return {};
  HEARTH_ASSIGN(const Negation negation, negate(refused, 0));
  if (!negation.exact) return refuse(schema, "not", "its opposite cannot be written as a schema");
  pending.open.push_back(negation.schema);
  return {};
}

// if A then B else C: (A and B) or (not A and C).
Result<void> SchemaCompiler::open_condition(const Json* schema, std::vector<Choice>& choices) {
  HEARTH_ASSIGN(const Json* condition, schema_at(schema, "if"));
  if (condition == nullptr || (!schema->contains("then") && !schema->contains("else"))) return {};
  HEARTH_ASSIGN(const Json* then, schema_at(schema, "then"));
  HEARTH_ASSIGN(const Json* otherwise, schema_at(schema, "else"));
  HEARTH_ASSIGN(const Negation negation, negate(condition, 0));
  if (!negation.exact) return refuse(schema, "if", "its opposite cannot be written as a schema");
  Choice choice = {{condition}, {negation.schema}};
  if (then != nullptr) choice[0].push_back(then);
  if (otherwise != nullptr) choice[1].push_back(otherwise);
  choices.push_back(std::move(choice));
  return {};
}

// A property that demands others, or another schema: either it is absent, or that holds.
void SchemaCompiler::open_dependencies(const Json* schema, std::vector<Choice>& choices) {
  for (const char* keyword : {"dependentRequired", "dependentSchemas", "dependencies"}) {
    const auto dependencies = schema->find(keyword);
    if (dependencies == schema->end() || !dependencies->is_object()) continue;
    for (auto it = dependencies->begin(); it != dependencies->end(); ++it) {
      const Json absent = {{"properties", {{it.key(), false}}}};
      const Json present = {{"type", "object"}, {"required", Json::array({it.key()})}};
      SchemaSet demanded = {document_.adopt(present, schema)};
      if (it->is_array())
        demanded.push_back(document_.adopt(Json{{"required", *it}}, schema));
      else
        demanded.push_back(&*it);
      choices.push_back({{document_.adopt(absent, schema)}, std::move(demanded)});
    }
  }
}

// The alternatives as they are where no two can hold at once, else each without the others.
Result<SchemaCompiler::Choice> SchemaCompiler::one_of(const Json* schema) {
  if (const auto it = choices_.find(schema); it != choices_.end()) return it->second;
  const Json& list = schema->at("oneOf");
  if (!list.is_array()) return wrong(schema, "oneOf", "is not a list");
  Choice choice;
  for (size_t i = 0; i < list.size(); ++i) {
    SchemaSet all = {&list[i]};
    for (size_t k = 0; k < list.size(); ++k) {
      if (k == i) continue;
      HEARTH_ASSIGN(const bool disjoint, are_disjoint(&list[i], &list[k], 0));
      if (disjoint) continue;
      HEARTH_ASSIGN(const Negation negation, negate(&list[k], 0));
      all.push_back(negation.schema);
    }
    choice.push_back(std::move(all));
  }
  choices_.emplace(schema, choice);
  return choice;
}

}  // namespace hearth::sample
