#include "sample/schema_compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sample/pattern.h"

namespace hearth::sample {
namespace {

constexpr size_t kMaxRules = 20'000;
constexpr size_t kMaxExprs = 2'000'000;

// Groups of keywords, and the type that one of them speaks of.
struct KeywordType {
  std::string_view keyword;
  uint8_t types;
};
constexpr KeywordType kKeywordTypes[] = {
    {"properties", kObjectType},
    {"required", kObjectType},
    {"additionalProperties", kObjectType},
    {"patternProperties", kObjectType},
    {"propertyNames", kObjectType},
    {"minProperties", kObjectType},
    {"maxProperties", kObjectType},
    {"unevaluatedProperties", kObjectType},
    {"items", kArrayType},
    {"prefixItems", kArrayType},
    {"additionalItems", kArrayType},
    {"minItems", kArrayType},
    {"maxItems", kArrayType},
    {"contains", kArrayType},
    {"uniqueItems", kArrayType},
    {"pattern", kStringType},
    {"minLength", kStringType},
    {"maxLength", kStringType},
    {"format", kStringType},
    {"minimum", kIntegerType | kFractionType},
    {"maximum", kIntegerType | kFractionType},
    {"exclusiveMinimum", kIntegerType | kFractionType},
    {"exclusiveMaximum", kIntegerType | kFractionType},
    {"multipleOf", kIntegerType | kFractionType},
};

}  // namespace

uint8_t json_type_named(const std::string& name) {
  if (name == "null") return kNullType;
  if (name == "boolean") return kBooleanType;
  if (name == "object") return kObjectType;
  if (name == "array") return kArrayType;
  if (name == "string") return kStringType;
  if (name == "integer") return kIntegerType;
  if (name == "number") return kIntegerType | kFractionType;
  return 0;
}

uint8_t json_type_of(const Json& value) {
  if (value.is_null()) return kNullType;
  if (value.is_boolean()) return kBooleanType;
  if (value.is_object()) return kObjectType;
  if (value.is_array()) return kArrayType;
  if (value.is_string()) return kStringType;
  if (value.is_number_float()) {
    const double d = value.get<double>();
    return std::floor(d) == d ? kIntegerType : kFractionType;
  }
  return kIntegerType;
}

SchemaCompiler::SchemaCompiler(Grammar& grammar, SchemaDocument& document,
                               const SchemaOptions& options)
    : grammar_(grammar), document_(document), options_(options) {
  Grammar& g = grammar_;
  space_ = g.add_rule("space");
  const ExprId indent = g.repeat(g.chars(CharSet({{' ', ' '}, {'\t', '\t'}})), 0, 20);
  g.define(space_, options_.quote.empty() ? g.choice({g.empty(), g.literal(" "),
                                                      g.sequence({g.literal("\n"), indent})})
                                          : g.empty());
  // One character of a string: as it is, or escaped; of surrogates, pairs only.
  char_ = g.add_rule("char");
  const CharSet hex({{'0', '9'}, {'a', 'f'}, {'A', 'F'}});
  const auto digits = [&](int n) { return g.repeat(g.chars(hex), n, n); };
  const ExprId d = g.chars(CharSet({{'d', 'd'}, {'D', 'D'}}));
  const ExprId plain_unit = g.choice(
      {g.sequence({g.chars(CharSet({{'0', '9'}, {'a', 'c'}, {'A', 'C'}, {'e', 'f'}, {'E', 'F'}})),
                   digits(3)}),
       g.sequence({d, g.chars(CharSet({{'0', '7'}})), digits(2)})});
  const ExprId high =
      g.sequence({d, g.chars(CharSet({{'8', '9'}, {'a', 'b'}, {'A', 'B'}})), digits(2),
                  g.literal("\\u"), d, g.chars(CharSet({{'c', 'f'}, {'C', 'F'}})), digits(2)});
  const CharSet letters({{'"', '"'},
                         {'\\', '\\'},
                         {'/', '/'},
                         {'b', 'b'},
                         {'f', 'f'},
                         {'n', 'n'},
                         {'r', 'r'},
                         {'t', 't'}});
  const ExprId escape = g.sequence(
      {g.literal("\\"),
       g.choice({g.chars(letters), g.sequence({g.literal("u"), g.choice({plain_unit, high})})})});
  const CharSet as_it_is = CharSet({{0, 0x1f}, {'"', '"'}, {'\\', '\\'}}).complement();
  g.define(char_, g.choice({g.chars(as_it_is), escape}));
}

Result<RuleId> SchemaCompiler::compile() {
  HEARTH_TRY(set_quote());
  const SchemaSet root = {&document_.root()};
  const RuleId root_rule = grammar_.add_rule("schema");
  // Apart from the map of rules: only at the top does an empty schema mean an object.
  HEARTH_ASSIGN(const ExprId body, write_set(root, /*is_root=*/true));
  grammar_.define(root_rule, body);
  while (!queue_.empty()) {
    const auto [rule, set] = std::move(queue_.front());
    queue_.pop_front();
    if (rules_.size() > kMaxRules || grammar_.n_exprs() > kMaxExprs)
      return fail(ErrorCode::kUnsupported, "the schema becomes too large a grammar",
                  "simplify its combinations of allOf, anyOf and oneOf");
    HEARTH_ASSIGN(const ExprId written, write_set(set, /*is_root=*/false));
    grammar_.define(rule, written);
  }
  return root_rule;
}

// What the quote excludes from strings.
Result<void> SchemaCompiler::set_quote() {
  std::string shown = options_.quote;
  std::erase(shown, '\xff');
  if (shown.empty()) return {};
  HEARTH_ASSIGN(const TextDfa with, compile_pattern(literal_pattern(shown)));
  HEARTH_ASSIGN(without_quote_, TextDfa::all().minus(with));
  return {};
}

Result<RuleId> SchemaCompiler::compile_texts(const std::vector<std::string>& except) {
  HEARTH_ASSIGN(TextDfa texts, names_under(&document_.root()));
  for (const std::string& pattern : except) {
    HEARTH_ASSIGN(const TextDfa matching, compile_pattern(pattern));
    HEARTH_ASSIGN(texts, texts.minus(matching));
  }
  const RuleId rule = grammar_.add_rule("texts");
  grammar_.define(rule, grammar_.text(texts.minimized()));
  return rule;
}

RuleId SchemaCompiler::rule_of(SchemaSet set) {
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
  const auto [it, fresh] = rules_.try_emplace(set, 0);
  if (fresh) {
    it->second = grammar_.add_rule(set.empty() ? "any" : document_.place(set[0]));
    queue_.emplace_back(it->second, std::move(set));
  }
  return it->second;
}

Result<ExprId> SchemaCompiler::write_set(const SchemaSet& set, bool is_root) {
  HEARTH_ASSIGN(const std::vector<Branch> branches, branches_of(set));
  std::vector<ExprId> parts;
  for (const Branch& branch : branches) {
    HEARTH_ASSIGN(const ExprId part, write_branch(branch, is_root));
    parts.push_back(part);
  }
  return grammar_.choice(std::move(parts));
}

Result<uint8_t> SchemaCompiler::types_of(const Branch& branch, bool is_root) const {
  uint8_t types = kAllTypes;
  uint8_t told = 0;
  bool declared = false;
  for (const Json* schema : branch) {
    for (const KeywordType& k : kKeywordTypes)
      if (schema->contains(std::string(k.keyword))) told |= k.types;
    const auto type = schema->find("type");
    if (type == schema->end()) continue;
    declared = true;
    uint8_t allowed = 0;
    const auto names = type->is_array() ? *type : Json::array({*type});
    for (const Json& name : names) {
      const uint8_t bit = name.is_string() ? json_type_named(name.get<std::string>()) : uint8_t(0);
      if (bit == 0) return wrong(schema, "type", "names no type of JSON");
      allowed |= bit;
    }
    if (schema->contains("$notInteger")) allowed &= uint8_t(~kIntegerType);
    types &= allowed;
  }
  if (declared || is_standard()) return types;
  if (told != 0) return told;
  return is_root && !options_.is_part ? uint8_t(kObjectType) : types;
}

Result<ExprId> SchemaCompiler::write_branch(const Branch& branch, bool is_root) {
  for (const Json* schema : branch)
    if (schema->contains("enum") || schema->contains("const")) return write_values(branch);
  HEARTH_ASSIGN(const uint8_t types, types_of(branch, is_root));
  std::vector<ExprId> parts;
  const auto add = [&](Result<ExprId> part) -> Result<void> {
    if (!part) return std::unexpected(part.error());
    parts.push_back(*part);
    return {};
  };
  std::vector<Json> excluded;
  for (const Json* schema : branch)
    if (const auto it = schema->find("$notValues"); it != schema->end())
      excluded.insert(excluded.end(), it->begin(), it->end());
  const auto literal = [&](const Json& value) {
    if (std::find(excluded.begin(), excluded.end(), value) == excluded.end())
      parts.push_back(write_word(value));
  };
  for (const Json& value : excluded)
    if ((json_type_of(value) & types & (kObjectType | kArrayType)) != 0)
      HEARTH_TRY(refuse(branch[0], "not", "objects and arrays cannot be excluded one by one"));
  if ((types & kObjectType) != 0) HEARTH_TRY(add(write_object(branch)));
  if ((types & kArrayType) != 0) HEARTH_TRY(add(write_array(branch)));
  if ((types & kStringType) != 0) HEARTH_TRY(add(write_string(branch)));
  if ((types & (kIntegerType | kFractionType)) != 0) HEARTH_TRY(add(write_number(branch, types)));
  if ((types & kBooleanType) != 0) {
    literal(true);
    literal(false);
  }
  if ((types & kNullType) != 0) literal(nullptr);
  return grammar_.choice(std::move(parts));
}

// enum and const: the values that everything else allows.
Result<ExprId> SchemaCompiler::write_values(const Branch& branch) {
  std::vector<Json> values;
  for (const Json* schema : branch) {
    if (const auto it = schema->find("const"); it != schema->end()) {
      values = {*it};
      break;
    }
    if (const auto it = schema->find("enum"); it != schema->end()) {
      if (!it->is_array()) return wrong(schema, "enum", "is not a list");
      values.assign(it->begin(), it->end());
    }
  }
  std::vector<std::string> texts;
  std::vector<ExprId> parts;
  for (const Json& value : values) {
    bool valid = true;
    for (const Json* schema : branch) {
      if (!valid) break;
      HEARTH_ASSIGN(valid, is_valid(value, schema, 0));
    }
    if (!valid) continue;
    if (value.is_string()) {
      texts.push_back(value.get<std::string>());
      continue;
    }
    HEARTH_ASSIGN(const ExprId part, write_value(value));
    parts.push_back(part);
  }
  if (!texts.empty()) {
    HEARTH_ASSIGN(const ExprId part, quoted(TextDfa::of_texts(texts)));
    parts.push_back(part);
  }
  return grammar_.choice(std::move(parts));
}

// true, false, null.
ExprId SchemaCompiler::write_word(const Json& value) {
  const ExprId json = grammar_.literal(value.dump());
  if (options_.words == SchemaOptions::Words::kJson) return json;
  const ExprId python = grammar_.literal(value.is_null() ? "None"
                                         : value == true ? "True"
                                                         : "False");
  return grammar_.choice({json, python});
}

// This very value. Recursion: as deep as the schema nests.
Result<ExprId> SchemaCompiler::write_value(const Json& value) {
  Grammar& g = grammar_;
  if (value.is_string()) return quoted(TextDfa::of_texts({value.get<std::string>()}));
  if (value.is_boolean() || value.is_null()) return write_word(value);
  if (value.is_structured()) {
    const bool is_object = value.is_object();
    std::vector<ExprId> parts = {g.literal(is_object ? "{" : "["), g.rule(space_)};
    bool first = true;
    for (auto it = value.begin(); it != value.end(); ++it) {
      if (!first) {
        parts.push_back(g.literal(","));
        parts.push_back(g.rule(space_));
      }
      first = false;
      if (is_object) {
        HEARTH_ASSIGN(const ExprId name, property_name(it.key()));
        parts.push_back(name);
        parts.push_back(g.literal(":"));
        parts.push_back(g.rule(space_));
      }
      HEARTH_ASSIGN(const ExprId part, write_value(*it));
      parts.push_back(part);
    }
    if (!first) parts.push_back(g.rule(space_));
    parts.push_back(g.literal(is_object ? "}" : "]"));
    return g.sequence(std::move(parts));
  }
  if (!value.is_number() || !is_standard()) return g.literal(value.dump());
  const auto decimal = Decimal::parse(value.dump());
  if (!decimal) return g.literal(value.dump());
  const auto dfa = bounded_texts(*decimal, Bound::kEqual);
  return dfa ? g.text(*dfa) : g.literal(value.dump());
}

NumberStyle SchemaCompiler::number_style() const {
  if (!is_standard()) return {};
  return {.integer_digits_max = 0, .fraction_digits_max = 0, .integers_with_point = true};
}

Result<ExprId> SchemaCompiler::write_number(const Branch& branch, uint8_t types) {
  struct Keyword {
    const char* name;
    Bound bound;
  };
  constexpr Keyword kBounds[] = {{"minimum", Bound::kAtLeast},
                                 {"exclusiveMinimum", Bound::kAbove},
                                 {"maximum", Bound::kAtMost},
                                 {"exclusiveMaximum", Bound::kBelow}};
  std::vector<std::pair<TextDfa, bool>> limits;  // to be within, or without
  const auto number = [&](const Json* schema, const char* key) -> Result<Decimal> {
    const Json& value = schema->at(key);
    if (!value.is_number()) return wrong(schema, key, "is not a number");
    auto out = Decimal::parse(value.dump());
    if (!out) return std::unexpected(placed(out.error(), schema, key));
    return out;
  };
  for (const Json* schema : branch) {
    for (const Keyword& k : kBounds) {
      if (!schema->contains(k.name)) continue;
      HEARTH_ASSIGN(const Decimal bound, number(schema, k.name));
      HEARTH_ASSIGN(TextDfa dfa, bounded_texts(bound, k.bound));
      limits.emplace_back(std::move(dfa), true);
    }
    if (schema->contains("multipleOf")) {
      HEARTH_ASSIGN(const Decimal divisor, number(schema, "multipleOf"));
      auto dfa = multiple_texts(divisor);
      if (dfa)
        limits.emplace_back(std::move(*dfa), true);
      else
        HEARTH_TRY(refuse(schema, "multipleOf", dfa.error().message));
    }
    const auto excluded = schema->find("$notValues");
    if (excluded == schema->end()) continue;
    for (const Json& value : *excluded) {
      if (!value.is_number()) continue;
      HEARTH_ASSIGN(const Decimal decimal, Decimal::parse(value.dump()));
      HEARTH_ASSIGN(TextDfa dfa, bounded_texts(decimal, Bound::kEqual));
      limits.emplace_back(std::move(dfa), false);
    }
  }
  const bool integers = (types & kIntegerType) != 0;
  const bool fractions = (types & kFractionType) != 0;
  TextDfa dfa = integer_texts(number_style());
  if (fractions && integers && limits.empty()) {
    HEARTH_ASSIGN(dfa, number_texts(number_style()));
  } else if (fractions) {
    dfa = decimal_texts(number_style());
    NumberStyle with_point = number_style();
    with_point.integers_with_point = true;
    if (!integers) {
      HEARTH_ASSIGN(dfa, dfa.minus(integer_texts(with_point)));
    }
  }
  for (const auto& [limit, within] : limits) {
    auto next = within ? dfa.intersect(limit) : dfa.minus(limit);
    if (!next) return std::unexpected(placed(next.error(), branch[0], "type"));
    dfa = std::move(*next);
  }
  return grammar_.text(std::move(dfa));
}

Result<void> SchemaCompiler::refuse(const Json* schema, std::string_view keyword,
                                    std::string_view why) const {
  const std::string place = document_.place(schema, keyword);
  const auto& waived = options_.unenforced;
  if (std::find(waived.begin(), waived.end(), keyword) == waived.end())
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} at {} cannot be enforced: {}", keyword, place, why),
                "take it out of the schema, and check the result yourself");
  if (options_.notes != nullptr)
    options_.notes->push_back(fmt::format("{} at {} is not enforced", keyword, place));
  return {};
}

std::unexpected<Error> SchemaCompiler::wrong(const Json* schema, std::string_view keyword,
                                             std::string_view what) const {
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} at {} {}", keyword, document_.place(schema, keyword), what));
}

Error SchemaCompiler::placed(Error error, const Json* schema, std::string_view keyword) const {
  error.message =
      fmt::format("{} at {}: {}", keyword, document_.place(schema, keyword), error.message);
  return error;
}

Result<std::optional<int64_t>> SchemaCompiler::count_of(const Json* schema,
                                                        const char* keyword) const {
  const auto it = schema->find(keyword);
  if (it == schema->end()) return std::optional<int64_t>();
  const double value = it->is_number() ? it->get<double>() : -1.0;
  if (value < 0 || std::floor(value) != value)
    return wrong(schema, keyword, "is not a whole number from 0 on");
  // Beyond what any context holds; far below where numbers overflow.
  return std::optional<int64_t>(int64_t(std::min(value, 1e12)));
}

// The schema that stands at a keyword; nullptr if the keyword is not there.
Result<const Json*> SchemaCompiler::schema_at(const Json* schema, const char* keyword) const {
  const auto it = schema->find(keyword);
  if (it == schema->end()) return static_cast<const Json*>(nullptr);
  if (!it->is_object() && !it->is_boolean()) return wrong(schema, keyword, "is no schema");
  return &*it;
}

Result<RuleId> add_schema(Grammar& grammar, std::string_view schema, const SchemaOptions& options) {
  HEARTH_ASSIGN(const std::unique_ptr<SchemaDocument> document, SchemaDocument::parse(schema));
  return SchemaCompiler(grammar, *document, options).compile();
}

Result<RuleId> add_text_schema(Grammar& grammar, std::string_view schema,
                               const std::vector<std::string>& except,
                               const SchemaOptions& options) {
  HEARTH_ASSIGN(const std::unique_ptr<SchemaDocument> document, SchemaDocument::parse(schema));
  return SchemaCompiler(grammar, *document, options).compile_texts(except);
}

Result<Grammar> grammar_of_schema(std::string_view schema, const SchemaOptions& options) {
  Grammar grammar;
  HEARTH_ASSIGN(const RuleId root, add_schema(grammar, schema, options));
  grammar.set_root(root);
  return grammar;
}

Grammar grammar_of_any_json() {
  auto grammar = grammar_of_schema(R"({"type": "object", "additionalProperties": true})");
  HEARTH_CHECK(grammar.has_value());
  return std::move(*grammar);
}

}  // namespace hearth::sample
