// Objects: properties in the order of the schema, then all others; their names as regular sets.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sample/schema_compiler.h"

namespace hearth::sample {
namespace {

constexpr size_t kMaxNameSets = 64;  // of patterns that overlap
constexpr size_t kMaxMemberRules = 20'000;

// Names of properties that can stand without quotes.
TextDfa bare_names() {
  const CharSet first({{'A', 'Z'}, {'a', 'z'}, {'_', '_'}});
  const CharSet later({{'-', '-'}, {'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
  std::vector<std::vector<TextDfa::Edge>> edges(2);
  for (const CharRange range : first.ranges()) edges[0].push_back({range, 1});
  for (const CharRange range : later.ranges()) edges[1].push_back({range, 1});
  return TextDfa::of_edges(edges, {false, true});
}

}  // namespace

struct SchemaCompiler::ObjectPlan {
  struct Property {
    std::string name;
    RuleId value;
    bool required;
  };
  struct Others {
    TextDfa names;
    RuleId value;
  };
  ObjectNames names;
  std::vector<Property> properties;
  std::vector<Others> others;
  int64_t min = 0;
  int64_t max = -1;
};

// The texts that are valid under a schema.
Result<TextDfa> SchemaCompiler::names_under(const Json* schema) {
  HEARTH_ASSIGN(const std::vector<Branch> branches, branches_of({schema}));
  TextDfa out = TextDfa::none();
  for (const Branch& branch : branches) {
    HEARTH_ASSIGN(std::optional<TextDfa> limits, text_limits(branch));
    TextDfa names = limits ? *limits : TextDfa::all();
    for (const Json* part : branch) {
      HEARTH_ASSIGN(const auto low, count_of(part, "minLength"));
      HEARTH_ASSIGN(const auto high, count_of(part, "maxLength"));
      HEARTH_ASSIGN(const TextDfa length, TextDfa::of_length(low.value_or(0), high.value_or(-1)));
      HEARTH_ASSIGN(names, names.intersect(length));
      HEARTH_ASSIGN(const uint8_t types, types_of({part}, false));
      if (part->contains("type") && (types & kStringType) == 0) names = TextDfa::none();
      std::vector<std::string> texts;
      const auto values = part->find("enum");
      if (values != part->end() && values->is_array())
        for (const Json& value : *values)
          if (value.is_string()) texts.push_back(value.get<std::string>());
      const auto value = part->find("const");
      if (value != part->end() && value->is_string()) texts.push_back(value->get<std::string>());
      if (values == part->end() && value == part->end()) continue;
      HEARTH_ASSIGN(names, names.intersect(TextDfa::of_texts(texts)));
    }
    HEARTH_ASSIGN(out, out.unite(names));
  }
  return out;
}

// Adds what one schema says of names.
Result<void> SchemaCompiler::names_of(const Json* schema, ObjectNames& out) {
  HEARTH_ASSIGN(const Json* names, schema_at(schema, "propertyNames"));
  if (names != nullptr) {
    auto dfa = names_under(names);
    if (dfa) dfa = out.allowed.intersect(*dfa);
    if (!dfa) return std::unexpected(placed(dfa.error(), schema, "propertyNames"));
    out.allowed = std::move(*dfa);
  }
  const auto patterns = schema->find("patternProperties");
  if (patterns == schema->end()) return {};
  if (!patterns->is_object()) return wrong(schema, "patternProperties", "is no object");
  for (auto it = patterns->begin(); it != patterns->end(); ++it) {
    HEARTH_ASSIGN(TextDfa dfa, pattern_dfa(schema, "patternProperties", it.key()));
    out.patterns.push_back({schema, std::move(dfa), &*it});
  }
  return {};
}

// What the parts of the branch say of one property.
Result<SchemaSet> SchemaCompiler::schemas_of_name(const Branch& branch, const ObjectNames& names,
                                                  const std::string& name) {
  SchemaSet out;
  for (const Json* schema : branch) {
    bool named = false;
    const auto properties = schema->find("properties");
    if (properties != schema->end()) {
      if (const auto it = properties->find(name); it != properties->end()) {
        out.push_back(&*it);
        named = true;
      }
    }
    for (const auto& pattern : names.patterns) {
      if (pattern.owner != schema || !pattern.names.matches(name)) continue;
      out.push_back(pattern.schema);
      named = true;
    }
    HEARTH_ASSIGN(const Json* others, schema_at(schema, "additionalProperties"));
    if (!named && others != nullptr) out.push_back(others);
  }
  return out;
}

Result<void> SchemaCompiler::plan_properties(const Branch& branch, ObjectPlan& plan) {
  std::map<std::string, size_t> places;
  const auto add = [&](const std::string& name, bool required) -> Result<void> {
    const auto [it, fresh] = places.try_emplace(name, plan.properties.size());
    if (fresh) {
      HEARTH_ASSIGN(SchemaSet schemas, schemas_of_name(branch, plan.names, name));
      RuleId value = 0;
      if (plan.names.allowed.matches(name)) {
        value = rule_of(std::move(schemas));
      } else {
        value = grammar_.add_rule(name);
        grammar_.define(value, grammar_.never());
      }
      plan.properties.push_back({name, value, false});
    }
    plan.properties[it->second].required |= required;
    return {};
  };
  for (const Json* schema : branch) {
    const auto properties = schema->find("properties");
    if (properties == schema->end()) continue;
    if (!properties->is_object()) return wrong(schema, "properties", "is no object");
    for (auto it = properties->begin(); it != properties->end(); ++it) {
      if (!it->is_object() && !it->is_boolean())
        return wrong(schema, "properties", fmt::format("has no schema for \"{}\"", it.key()));
      HEARTH_TRY(add(it.key(), false));
    }
  }
  for (const Json* schema : branch) {
    const auto required = schema->find("required");
    if (required == schema->end() || required->is_boolean()) continue;  // a boolean: draft 3
    if (!required->is_array()) return wrong(schema, "required", "is not a list");
    for (const Json& name : *required) {
      if (!name.is_string()) return wrong(schema, "required", "is not a list of names");
      HEARTH_TRY(add(name.get<std::string>(), true));
    }
  }
  return {};
}

// Names that are not listed, sorted by which patterns they match.
Result<void> SchemaCompiler::plan_others(const Branch& branch, ObjectPlan& plan) {
  struct Part {
    TextDfa names;
    SchemaSet schemas;
    std::vector<const Json*> owners;
  };
  std::vector<std::string> listed;
  for (const auto& property : plan.properties) listed.push_back(property.name);
  HEARTH_ASSIGN(TextDfa rest, plan.names.allowed.minus(TextDfa::of_texts(listed)));
  std::vector<Part> parts = {{std::move(rest), {}, {}}};
  for (const auto& pattern : plan.names.patterns) {
    std::vector<Part> split;
    for (const Part& part : parts) {
      HEARTH_ASSIGN(TextDfa with, part.names.intersect(pattern.names));
      HEARTH_ASSIGN(TextDfa without, part.names.minus(pattern.names));
      if (!with.is_empty()) {
        split.push_back({std::move(with), part.schemas, part.owners});
        split.back().schemas.push_back(pattern.schema);
        split.back().owners.push_back(pattern.owner);
      }
      if (!without.is_empty()) split.push_back({std::move(without), part.schemas, part.owners});
    }
    parts = std::move(split);
    if (parts.size() > kMaxNameSets)
      return fail(ErrorCode::kUnsupported,
                  fmt::format("patternProperties at {}: the patterns overlap in too many ways",
                              document_.place(pattern.owner, "patternProperties")));
  }
  bool closed = false;
  for (const Json* schema : branch)
    closed |= !document_.is_made(schema) &&
              (schema->contains("properties") || schema->contains("patternProperties"));
  for (Part& part : parts) {
    bool allowed = !part.schemas.empty() || is_standard() || !closed;
    for (const Json* schema : branch) {
      if (std::find(part.owners.begin(), part.owners.end(), schema) != part.owners.end()) continue;
      HEARTH_ASSIGN(const Json* others, schema_at(schema, "additionalProperties"));
      if (others == nullptr) continue;
      part.schemas.push_back(others);
      allowed = true;
    }
    const bool forbidden = std::any_of(part.schemas.begin(), part.schemas.end(),
                                       [](const Json* s) { return *s == false; });
    if (allowed && !forbidden)
      plan.others.push_back({std::move(part.names), rule_of(std::move(part.schemas))});
  }
  return {};
}

Result<void> SchemaCompiler::plan_counts(const Branch& branch, ObjectPlan& plan) {
  const Json* counting = nullptr;
  for (const Json* schema : branch) {
    if (schema->contains("unevaluatedProperties"))
      HEARTH_TRY(refuse(schema, "unevaluatedProperties", "what was evaluated is not tracked"));
    HEARTH_ASSIGN(const auto low, count_of(schema, "minProperties"));
    HEARTH_ASSIGN(const auto high, count_of(schema, "maxProperties"));
    if (low) plan.min = std::max(plan.min, *low);
    if (high) plan.max = plan.max < 0 ? *high : std::min(plan.max, *high);
    if (low || high) counting = schema;
  }
  const auto n_required = std::count_if(plan.properties.begin(), plan.properties.end(),
                                        [](const auto& p) { return p.required; });
  if (plan.min <= int64_t(n_required)) plan.min = 0;
  if (plan.others.empty() && plan.max >= int64_t(plan.properties.size())) plan.max = -1;
  const int64_t counted = std::max<int64_t>({plan.min, plan.max, 1});
  if (counted > Grammar::kMaxRepeat ||
      size_t(counted) * (plan.properties.size() + 1) > kMaxMemberRules)
    return fail(ErrorCode::kUnsupported,
                fmt::format("minProperties or maxProperties at {} is too large",
                            document_.place(counting)));
  return {};
}

ExprId SchemaCompiler::write_member(ExprId name, RuleId value) {
  return grammar_.sequence(
      {name, grammar_.literal(":"), grammar_.rule(space_), grammar_.rule(value)});
}

Result<ExprId> SchemaCompiler::write_others(const ObjectPlan& plan, int64_t n_before) {
  Grammar& g = grammar_;
  const int64_t low = std::max<int64_t>(plan.min - n_before, 0);
  const int64_t high = plan.max < 0 ? Grammar::kUnlimited : plan.max - n_before;
  if (plan.others.empty() || high == 0) return low == 0 ? g.empty() : g.never();
  if (high > 0 && low > high) return g.never();
  std::vector<ExprId> kinds;
  for (const auto& other : plan.others) {
    ExprId name = 0;
    if (!options_.quote.empty()) {
      HEARTH_ASSIGN(const TextDfa bare, other.names.intersect(bare_names()));
      name = g.text(bare);
    } else if (other.names.is_all()) {
      name = any_string();
    } else {
      HEARTH_ASSIGN(name, quoted(other.names));
    }
    kinds.push_back(write_member(name, other.value));
  }
  const ExprId one = g.choice(std::move(kinds));
  const ExprId more = g.sequence({g.literal(","), g.rule(space_), one});
  if (n_before > 0) return g.repeat(more, low, high);
  const ExprId some =
      g.sequence({one, g.repeat(more, std::max<int64_t>(low - 1, 0), high < 0 ? high : high - 1)});
  return low == 0 ? g.optional(some) : some;
}

// rules[i][c]: what may follow when properties before i are settled and c of them are written; c
// counts no further than it matters.
Result<ExprId> SchemaCompiler::write_members(const ObjectPlan& plan) {
  Grammar& g = grammar_;
  const size_t n = plan.properties.size();
  const int64_t last = std::max<int64_t>({plan.min, plan.max, 1});
  std::vector<std::vector<RuleId>> rules(n + 1);
  for (size_t i = 0; i <= n; ++i)
    for (int64_t c = 0; c <= std::min(last, int64_t(i)); ++c)
      rules[i].push_back(g.add_rule(fmt::format("members {}/{}", i, c)));
  for (size_t c = 0; c < rules[n].size(); ++c) {
    HEARTH_ASSIGN(const ExprId others, write_others(plan, int64_t(c)));
    g.define(rules[n][c], others);
  }
  for (size_t i = n; i-- > 0;) {
    const auto& property = plan.properties[i];
    HEARTH_ASSIGN(const ExprId text, property_name(property.name));
    const ExprId member = write_member(text, property.value);
    for (size_t c = 0; c < rules[i].size(); ++c) {
      std::vector<ExprId> ways;
      if (plan.max < 0 || int64_t(c) < plan.max) {
        const ExprId following = g.rule(rules[i + 1][std::min(c + 1, rules[i + 1].size() - 1)]);
        ways.push_back(c == 0 ? g.sequence({member, following})
                              : g.sequence({g.literal(","), g.rule(space_), member, following}));
      }
      if (!property.required) ways.push_back(g.rule(rules[i + 1][c]));
      g.define(rules[i][c], g.choice(std::move(ways)));
    }
  }
  return g.rule(rules[0][0]);
}

Result<ExprId> SchemaCompiler::write_object(const Branch& branch) {
  ObjectPlan plan;
  for (const Json* schema : branch) HEARTH_TRY(names_of(schema, plan.names));
  HEARTH_TRY(plan_properties(branch, plan));
  HEARTH_TRY(plan_others(branch, plan));
  HEARTH_TRY(plan_counts(branch, plan));
  if (plan.max >= 0 && plan.min > plan.max) return grammar_.never();
  Grammar& g = grammar_;
  HEARTH_ASSIGN(const ExprId members, write_members(plan));
  return g.sequence({g.literal("{"), g.rule(space_), members, g.rule(space_), g.literal("}")});
}

}  // namespace hearth::sample
