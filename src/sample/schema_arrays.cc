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

Result<ExprId> SchemaCompiler::write_array(const Branch& branch) {
  int64_t min = 0;
  std::optional<int64_t> max;
  size_t n_prefix = 0;
  SchemaSet rest;
  const Json* contains = nullptr;
  const Json* container = nullptr;
  for (const Json* schema : branch) {
    HEARTH_ASSIGN(const auto low, count_of(schema, "minItems"));
    HEARTH_ASSIGN(const auto high, count_of(schema, "maxItems"));
    if (low) min = std::max(min, *low);
    if (high) max = std::min(max.value_or(*high), *high);
    const Json* prefix = prefix_of(*schema);
    if (prefix != nullptr) n_prefix = std::max(n_prefix, prefix->size());
    HEARTH_ASSIGN(const Json* others, schema_at(schema, rest_keyword(*schema)));
    if (others != nullptr) rest.push_back(others);
    // A list of items that says nothing of more is taken to be the whole.
    if (prefix != nullptr && others == nullptr && !is_standard())
      max = std::min(max.value_or(int64_t(prefix->size())), int64_t(prefix->size()));
    if (schema->contains("unevaluatedItems"))
      HEARTH_TRY(refuse(schema, "unevaluatedItems", "what was evaluated is not tracked"));
    HEARTH_ASSIGN(const Json* wanted, schema_at(schema, "contains"));
    HEARTH_ASSIGN(const auto times, count_of(schema, "minContains"));
    if (wanted == nullptr || (times == 0 && !schema->contains("maxContains"))) continue;
    if (contains != nullptr || times.value_or(1) != 1 || schema->contains("maxContains")) {
      HEARTH_TRY(refuse(schema, "contains", "items that match cannot be counted"));
      continue;
    }
    contains = wanted;
    container = schema;
  }
  for (const Json* schema : branch) {
    const auto unique = schema->find("uniqueItems");
    if (unique != schema->end() && *unique == true && !(max && *max <= 1))
      HEARTH_TRY(refuse(schema, "uniqueItems", "a grammar does not remember former items"));
  }
  if (min > Grammar::kMaxRepeat || n_prefix > kMaxPrefix)
    return fail(ErrorCode::kUnsupported,
                fmt::format("the array at {} has too many items", document_.place(branch[0])));
  if (max && *max < min) return grammar_.never();
  Grammar& g = grammar_;
  const ExprId comma = g.sequence({g.literal(","), g.rule(space_)});
  const auto enclosed = [&](ExprId items) {
    return g.sequence({g.literal("["), g.rule(space_), items, g.literal("]")});
  };
  const ExprId end = g.rule(space_);
  if (contains != nullptr) {
    if (n_prefix > 0 || min > 1 || max)
      HEARTH_TRY(refuse(container, "contains", "together with bounds or prefixItems"));
    SchemaSet wanted = rest;
    wanted.push_back(contains);
    const ExprId item = g.rule(rule_of(rest));
    return enclosed(g.sequence(
        {g.repeat(g.sequence({item, comma}), 0, Grammar::kUnlimited), g.rule(rule_of(wanted)),
         g.repeat(g.sequence({comma, item}), 0, Grammar::kUnlimited), end}));
  }
  const int64_t most = max ? std::min(*max, Grammar::kMaxRepeat) : Grammar::kUnlimited;
  const int64_t n_first = std::min(int64_t(n_prefix), max ? *max : int64_t(n_prefix));
  // From the back: what may follow the items so far.
  ExprId tail = g.empty();
  const ExprId other = g.rule(rule_of(rest));
  if (most < 0 || most > n_first) {
    const int64_t low = std::max<int64_t>(min - n_first, 0);
    const int64_t high = most < 0 ? most : most - n_first;
    const ExprId more = g.sequence({comma, other});
    if (n_first > 0) {
      tail = g.repeat(more, low, high);
    } else {
      const ExprId some = g.sequence({other, g.repeat(more, std::max<int64_t>(low - 1, 0),
                                                      high < 0 ? high : high - 1)});
      tail = low == 0 ? g.optional(g.sequence({some, end})) : g.sequence({some, end});
    }
  }
  if (n_first == 0) return enclosed(tail);
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
    tail = i == 0 ? g.sequence({item, tail, end}) : g.sequence({comma, item, tail});
    if (i >= min) tail = g.optional(tail);
  }
  return enclosed(tail);
}

}  // namespace hearth::sample
