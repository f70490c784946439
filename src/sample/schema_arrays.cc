// Arrays: items, prefixItems, counts, contains.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sample/schema_compiler.h"

namespace hearth::sample {
namespace {

constexpr size_t kMaxPrefix = 300;

// The schemas of the first items, one by one: prefixItems, or the older list in items.
const Json* prefix_of(const Json& schema) {
  for (const char* key : {"prefixItems", "items"})
    if (const auto it = schema.find(key); it != schema.end() && it->is_array()) return &*it;
  return nullptr;
}

const char* rest_keyword(const Json& schema) {
  const auto items = schema.find("items");
  return items != schema.end() && items->is_array() ? "additionalItems" : "items";
}

}  // namespace

struct SchemaCompiler::ArrayPlan {
  int64_t min = 0;
  std::optional<int64_t> max;
  size_t n_prefix = 0;
  SchemaSet rest;  // of the items behind the prefix
  const Json* contains = nullptr;
  const Json* container = nullptr;  // the schema that says `contains`
};

Result<void> SchemaCompiler::plan_items(const Json* schema, ArrayPlan& plan) {
  HEARTH_ASSIGN(const auto low, count_of(schema, "minItems"));
  HEARTH_ASSIGN(const auto high, count_of(schema, "maxItems"));
  if (low) plan.min = std::max(plan.min, *low);
  if (high) plan.max = std::min(plan.max.value_or(*high), *high);
  const Json* prefix = prefix_of(*schema);
  if (prefix != nullptr) plan.n_prefix = std::max(plan.n_prefix, prefix->size());
  HEARTH_ASSIGN(const Json* others, schema_at(schema, rest_keyword(*schema)));
  if (others != nullptr) plan.rest.push_back(others);
  // A list of items that says nothing of more is taken to be the whole.
  if (prefix != nullptr && others == nullptr && !is_standard()) {
    const int64_t n = int64_t(prefix->size());
    plan.max = std::min(plan.max.value_or(n), n);
  }
  if (schema->contains("unevaluatedItems"))
    HEARTH_TRY(refuse(schema, "unevaluatedItems", "what was evaluated is not tracked"));
  HEARTH_ASSIGN(const Json* wanted, schema_at(schema, "contains"));
  HEARTH_ASSIGN(const auto times, count_of(schema, "minContains"));
  if (wanted == nullptr || (times == 0 && !schema->contains("maxContains"))) return {};
  if (plan.contains != nullptr || times.value_or(1) != 1 || schema->contains("maxContains"))
    return refuse(schema, "contains", "items that match cannot be counted");
  plan.contains = wanted;
  plan.container = schema;
  return {};
}

// The items from number n on; n of them stand before. With the white space before ].
ExprId SchemaCompiler::write_rest(const ArrayPlan& plan, int64_t n, ExprId comma) {
  Grammar& g = grammar_;
  const int64_t most = plan.max ? std::min(*plan.max, Grammar::kMaxRepeat) : Grammar::kUnlimited;
  if (most >= 0 && most <= n) return g.empty();
  const int64_t low = std::max<int64_t>(plan.min - n, 0);
  const int64_t high = most < 0 ? most : most - n;
  const ExprId item = g.rule(rule_of(plan.rest));
  const ExprId more = g.sequence({comma, item});
  if (n > 0) return g.repeat(more, low, high);
  const ExprId some =
      g.sequence({item, g.repeat(more, std::max<int64_t>(low - 1, 0), high < 0 ? high : high - 1),
                  g.rule(space_)});
  return low == 0 ? g.optional(some) : some;
}

// Any items, one that matches, any items.
ExprId SchemaCompiler::write_containing(const ArrayPlan& plan, ExprId comma) {
  Grammar& g = grammar_;
  SchemaSet wanted = plan.rest;
  wanted.push_back(plan.contains);
  const ExprId item = g.rule(rule_of(plan.rest));
  return g.sequence({g.repeat(g.sequence({item, comma}), 0, Grammar::kUnlimited),
                     g.rule(rule_of(wanted)),
                     g.repeat(g.sequence({comma, item}), 0, Grammar::kUnlimited), g.rule(space_)});
}

Result<ExprId> SchemaCompiler::write_array(const Branch& branch) {
  ArrayPlan plan;
  for (const Json* schema : branch) HEARTH_TRY(plan_items(schema, plan));
  for (const Json* schema : branch) {
    const auto unique = schema->find("uniqueItems");
    if (unique != schema->end() && *unique == true && !(plan.max && *plan.max <= 1))
      HEARTH_TRY(refuse(schema, "uniqueItems", "a grammar does not remember former items"));
  }
  if (plan.min > Grammar::kMaxRepeat || plan.n_prefix > kMaxPrefix)
    return fail(ErrorCode::kUnsupported,
                fmt::format("the array at {} has too many items", document_.place(branch[0])));
  if (plan.max && *plan.max < plan.min) return grammar_.never();
  Grammar& g = grammar_;
  const ExprId comma = g.sequence({g.literal(","), g.rule(space_)});
  const auto enclosed = [&](ExprId items) {
    return g.sequence({g.literal("["), g.rule(space_), items, g.literal("]")});
  };
  if (plan.contains != nullptr) {
    if (plan.n_prefix > 0 || plan.min > 1 || plan.max)
      HEARTH_TRY(refuse(plan.container, "contains", "together with bounds or prefixItems"));
    return enclosed(write_containing(plan, comma));
  }
  const int64_t n_prefix = int64_t(plan.n_prefix);
  const int64_t n_first = plan.max ? std::min(n_prefix, *plan.max) : n_prefix;
  // From the back: what may follow the items so far.
  ExprId tail = write_rest(plan, n_first, comma);
  for (int64_t i = n_first - 1; i >= 0; --i) {
    SchemaSet schemas;
    for (const Json* schema : branch) {
      const Json* prefix = prefix_of(*schema);
      HEARTH_ASSIGN(const Json* others, schema_at(schema, rest_keyword(*schema)));
      if (prefix != nullptr && size_t(i) < prefix->size())
        schemas.push_back(&(*prefix)[size_t(i)]);
      else if (others != nullptr)
        schemas.push_back(others);
    }
    const ExprId item = g.rule(rule_of(std::move(schemas)));
    tail = i == 0 ? g.sequence({item, tail, g.rule(space_)}) : g.sequence({comma, item, tail});
    if (i >= plan.min) tail = g.optional(tail);
  }
  return enclosed(tail);
}

}  // namespace hearth::sample
