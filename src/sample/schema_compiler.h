// SchemaCompiler: the work behind add_schema(). A rule stands for a set of schemas that must all
// hold (allOf, $ref beside other keywords, a property named by several parts): it is brought into
// alternatives of plain schemas (schema_branches.cc), each of which is written type by type
// (schema_strings.cc, schema_arrays.cc, schema_objects.cc). Recursion is a rule that calls itself.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sample/grammar.h"
#include "sample/number_text.h"
#include "sample/schema.h"
#include "sample/schema_document.h"
#include "sample/text_dfa.h"

namespace hearth::sample {

using SchemaSet = std::vector<const Json*>;  // all of them hold; sorted, each once

// One bit per type; a number is an integer or has a fraction.
enum JsonType : uint8_t {
  kNullType = 1,
  kBooleanType = 2,
  kObjectType = 4,
  kArrayType = 8,
  kStringType = 16,
  kIntegerType = 32,
  kFractionType = 64,
  kAllTypes = 127,
};

class SchemaCompiler {
 public:
  SchemaCompiler(Grammar& grammar, SchemaDocument& document, const SchemaOptions& options);

  Result<RuleId> compile();
  // The texts of its strings, but those that match one of the patterns.
  Result<RuleId> compile_texts(const std::vector<std::string>& except);

 private:
  // Plain schemas that all hold: what remains of $ref, allOf, anyOf and their like.
  using Branch = std::vector<const Json*>;
  struct Pending {
    std::vector<const Json*> open;
    std::vector<const Json*> seen;
    Branch branch;
  };

  // schema_compiler.cc
  RuleId rule_of(SchemaSet set);
  Result<ExprId> write_set(const SchemaSet& set, bool is_root);
  Result<ExprId> write_branch(const Branch& branch, bool is_root);
  Result<uint8_t> types_of(const Branch& branch, bool is_root) const;
  Result<ExprId> write_values(const Branch& branch);
  Result<ExprId> write_value(const Json& value);
  ExprId write_word(const Json& value);
  Result<void> set_quote();
  Result<ExprId> write_number(const Branch& branch, uint8_t types);
  [[nodiscard]] bool is_standard() const {
    return options_.reading == SchemaOptions::Reading::kStandard;
  }
  [[nodiscard]] NumberStyle number_style() const;
  // True if the caller waives the keyword (then it is noted), else the refusal.
  Result<void> refuse(const Json* schema, std::string_view keyword, std::string_view why) const;
  [[nodiscard]] std::unexpected<Error> wrong(const Json* schema, std::string_view keyword,
                                             std::string_view what) const;
  [[nodiscard]] Error placed(Error error, const Json* schema, std::string_view keyword) const;
  Result<std::optional<int64_t>> count_of(const Json* schema, const char* keyword) const;
  Result<const Json*> schema_at(const Json* schema, const char* keyword) const;

  // schema_branches.cc
  using Choice = std::vector<SchemaSet>;  // one of these sets holds
  Result<std::vector<Branch>> branches_of(const SchemaSet& set);
  static Result<void> take_choices(const Pending& pending, const std::vector<Choice>& choices,
                                   std::vector<Pending>& work);
  Result<void> open_schema(const Json* schema, Pending& pending, std::vector<Choice>& choices);
  Result<void> open_not(const Json* schema, Pending& pending);
  Result<void> open_condition(const Json* schema, std::vector<Choice>& choices);
  void open_dependencies(const Json* schema, std::vector<Choice>& choices);
  Result<Choice> one_of(const Json* schema);
  // schema_negation.cc
  struct Negation {
    const Json* schema;
    bool exact;  // false: only some of what the schema refuses
  };
  Result<Negation> negate(const Json* schema, int depth);
  Result<bool> negate_keyword(const Json* schema, const std::string& key, int depth, Json& ways);
  Result<bool> negate_parts(const Json* schema, const std::string& key, int depth, Json& ways);
  Result<bool> are_disjoint(const Json* a, const Json* b, int depth);
  Result<bool> are_disjoint_objects(const Json* a, const Json* b, int depth);
  Result<const Json*> followed(const Json* schema) const;

  // schema_strings.cc
  Result<ExprId> write_string(const Branch& branch);
  // nullopt: no string is excluded but by length
  Result<std::optional<TextDfa>> text_limits(const Branch& branch);
  Result<std::optional<TextDfa>> format_dfa(const Json* schema);
  Result<TextDfa> pattern_dfa(const Json* schema, std::string_view keyword,
                              const std::string& pattern);
  ExprId any_string();
  // The strings of the set, with what stands around them.
  Result<ExprId> quoted(TextDfa texts);
  Result<ExprId> property_name(const std::string& name);

  // schema_arrays.cc
  struct ArrayPlan;
  Result<ExprId> write_array(const Branch& branch);
  Result<void> plan_items(const Json* schema, ArrayPlan& plan);
  ExprId write_rest(const ArrayPlan& plan, int64_t n, ExprId comma);
  ExprId write_containing(const ArrayPlan& plan, ExprId comma);

  // schema_objects.cc
  struct ObjectNames {
    struct Pattern {
      const Json* owner;
      TextDfa names;
      const Json* schema;
    };
    std::vector<Pattern> patterns;
    TextDfa allowed = TextDfa::all();  // propertyNames
  };
  struct ObjectPlan;
  Result<ExprId> write_object(const Branch& branch);
  Result<void> names_of(const Json* schema, ObjectNames& out);
  Result<void> plan_properties(const Branch& branch, ObjectPlan& plan);
  Result<void> plan_others(const Branch& branch, ObjectPlan& plan);
  Result<void> plan_counts(const Branch& branch, ObjectPlan& plan);
  Result<TextDfa> names_under(const Json* schema);
  Result<SchemaSet> schemas_of_name(const Branch& branch, const ObjectNames& names,
                                    const std::string& name);
  Result<ExprId> write_members(const ObjectPlan& plan);
  Result<ExprId> write_others(const ObjectPlan& plan, int64_t n_before);
  ExprId write_member(ExprId name, RuleId value);

  // schema_check.cc: whether a value of enum or const is valid under a schema.
  Result<bool> is_valid(const Json& value, const Json* schema, int depth);
  Result<bool> is_valid_type(const Json& value, const Json* schema) const;
  Result<bool> is_valid_string(const std::string& value, const Json* schema);
  Result<bool> is_valid_number(const Json& value, const Json* schema) const;
  Result<bool> is_valid_array(const Json& value, const Json* schema, int depth);
  Result<bool> is_valid_object(const Json& value, const Json* schema, int depth);
  Result<bool> is_valid_combination(const Json& value, const Json* schema, int depth);

  Grammar& grammar_;
  SchemaDocument& document_;
  SchemaOptions options_;
  std::map<SchemaSet, RuleId> rules_;
  std::deque<std::pair<RuleId, SchemaSet>> queue_;
  std::map<std::string, TextDfa> patterns_;
  std::map<const Json*, Choice> choices_;  // of schemas with oneOf
  RuleId space_ = 0;
  RuleId char_ = 0;
  TextDfa without_quote_ = TextDfa::all();  // where options_.quote is set
  size_t n_branches_ = 0;
};

// The bit of a name in `type`; number has two. 0: no such type.
uint8_t json_type_named(const std::string& name);
uint8_t json_type_of(const Json& value);

}  // namespace hearth::sample
