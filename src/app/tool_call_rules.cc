#include "app/tool_call_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "sample/pattern.h"
#include "sample/schema.h"

namespace hearth::app {
namespace {

using sample::ExprId;
using sample::Grammar;
using sample::RuleId;
using Kind = text::ToolGrammar::Kind;

// Keywords of JSON Schema that a grammar may leave aside where it cannot express them.
const std::vector<std::string> kWaived = {"uniqueItems",      "format", "contains",
                                          "unevaluatedItems", "not",    "unevaluatedProperties",
                                          "multipleOf",       "if"};
// What speaks of several properties at once; calls that are no JSON have only single ones.
constexpr const char* kSpanning[] = {"allOf",
                                     "anyOf",
                                     "oneOf",
                                     "not",
                                     "if",
                                     "minProperties",
                                     "maxProperties",
                                     "dependentRequired",
                                     "dependentSchemas",
                                     "dependencies",
                                     "$ref"};
// Texts that are read as JSON where a parameter may be a string or something else.
constexpr const char* kReadsAsJson =
    "^\\s*([\\[{\"'0-9.+-]|(true|false|null|True|False|None|NaN|nan|Infinity|inf)\\s*$)";

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(" \n\r\t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \n\r\t") + 1 - begin);
}

// The place behind `wanted` in `text`, where both may differ in white space; npos: it is not there.
size_t behind(std::string_view text, std::string_view wanted) {
  for (size_t begin = 0; begin < text.size(); ++begin) {
    size_t at = begin;
    size_t i = 0;
    for (; i < wanted.size(); ++i) {
      if (is_space(wanted[i])) continue;
      while (at < text.size() && is_space(text[at]) && text[at] != wanted[i]) ++at;
      if (at == text.size() || text[at] != wanted[i]) break;
      ++at;
    }
    if (i == wanted.size()) {
      while (at < text.size() && is_space(wanted.back()) && is_space(text[at])) ++at;
      return at;
    }
  }
  return std::string_view::npos;
}

// Adds a schema's rules if that goes wholly; else the grammar stays as it is.
template <class Add>
Result<RuleId> attempt(Grammar& grammar, const Add& add) {
  Grammar copy = grammar;
  Result<RuleId> rule = add(copy);
  if (rule) grammar = std::move(copy);
  return rule;
}

}  // namespace

ExprId ToolCallRules::tag_words(std::string_view text, Touches touches) {
  Grammar& g = grammar_;
  if (tools_.kind != Kind::kTagged) return words(text);
  const size_t first = touches == Touches::kValueBefore ? 1 : 0;
  const size_t last =
      text.size() - std::min<size_t>(text.size(), touches == Touches::kValueBehind ? 1 : 0);
  std::vector<ExprId> parts;
  size_t begin = 0;
  for (size_t i = first; i < last; ++i) {
    if (text[i] != '\n') continue;
    parts.push_back(words(text.substr(begin, i - begin)));
    parts.push_back(g.optional(g.literal("\n")));
    begin = i + 1;
  }
  parts.push_back(words(text.substr(begin)));
  return g.sequence(std::move(parts));
}

// The words around JSON: where JSON allows white space, it may be there or not.
ExprId ToolCallRules::json_words(std::string_view text) {
  Grammar& g = grammar_;
  const ExprId indent = g.repeat(g.literal(" "), 0, 20);
  const ExprId space = g.choice({g.empty(), g.literal(" "), g.sequence({g.literal("\n"), indent})});
  std::vector<ExprId> parts;
  std::string plain;
  const auto flush = [&] {
    if (!plain.empty()) parts.push_back(words(std::exchange(plain, {})));
  };
  bool quoted = text.starts_with("\",");  // what stands before it is open
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    const bool sign = !quoted && (c == '{' || c == ',' || c == ':' || c == '}');
    if (sign && c == '}') {
      flush();
      parts.push_back(space);
    }
    plain += c;
    if (!sign || c == '}') continue;
    flush();
    parts.push_back(space);
    while (i + 1 < text.size() && is_space(text[i + 1])) ++i;
  }
  flush();
  return g.sequence(std::move(parts));
}

// The words that follow a trigger: white space before a sign may be there or not.
ExprId ToolCallRules::beginning(std::string_view text) {
  Grammar& g = grammar_;
  const std::string_view rest = text.substr(std::min(text.find_first_not_of(" \n"), text.size()));
  const std::string space(text.substr(0, text.size() - rest.size()));
  const bool free_space =
      !space.empty() || (!rest.empty() && std::string_view("{[<").contains(rest.front()));
  const size_t brace = rest.find("{\"");
  const ExprId begin = tag_words(rest.substr(0, brace), Touches::kNothing);
  std::vector<ExprId> parts = {begin};
  if (free_space)
    parts.insert(parts.begin(), g.choice({g.literal(space), g.empty(), g.literal(" ")}));
  if (brace != std::string_view::npos) parts.push_back(json_words(rest.substr(brace)));
  return g.sequence(std::move(parts));
}

Result<ExprId> ToolCallRules::pattern(const std::string& pattern) {
  HEARTH_ASSIGN(sample::TextDfa dfa, sample::compile_pattern("^(" + pattern + ")$"));
  return grammar_.text(std::move(dfa));
}

Result<ExprId> ToolCallRules::object(const Call& call) {
  sample::SchemaOptions options;
  if (!tools_.quote.empty()) options.quote = input_.marked(tools_.quote);
  Result<RuleId> rule =
      attempt(grammar_, [&](Grammar& g) { return sample::add_schema(g, call.schema, options); });
  if (rule) return grammar_.rule(*rule);
  std::vector<std::string> left_out;
  options.unenforced = kWaived;
  options.notes = &left_out;
  Result<RuleId> most =
      attempt(grammar_, [&](Grammar& g) { return sample::add_schema(g, call.schema, options); });
  if (most) {
    for (const std::string& note : left_out)
      notes_.push_back(fmt::format("arguments of the tool '{}': {}", call.tool, note));
    return grammar_.rule(*most);
  }
  notes_.push_back(fmt::format("arguments of the tool '{}' are not held to its schema: {}",
                               call.tool, rule.error().message));
  HEARTH_ASSIGN(const RuleId any,
                sample::add_schema(grammar_, R"({"type": "object", "additionalProperties": true})",
                                   {.quote = options.quote}));
  return grammar_.rule(any);
}

// A value as JSON, or as Python writes it.
ExprId ToolCallRules::json_value(const Call& call, const Parameter& parameter) {
  using Words = sample::SchemaOptions::Words;
  sample::SchemaOptions options{
      .is_part = true, .words = tools_.kind == Kind::kPython ? Words::kPython : Words::kEither};
  Result<RuleId> rule = attempt(
      grammar_, [&](Grammar& g) { return sample::add_schema(g, parameter.schema, options); });
  if (rule) return grammar_.rule(*rule);
  std::vector<std::string> left_out;
  options.unenforced = kWaived;
  options.notes = &left_out;
  Result<RuleId> most = attempt(
      grammar_, [&](Grammar& g) { return sample::add_schema(g, parameter.schema, options); });
  if (!most) {
    notes_.push_back(fmt::format("'{}' of the tool '{}' is not held to its schema: {}",
                                 parameter.name, call.tool, rule.error().message));
    most = sample::add_schema(grammar_, "true", options);
  }
  for (const std::string& note : left_out)
    notes_.push_back(fmt::format("'{}' of the tool '{}': {}", parameter.name, call.tool, note));
  return most ? grammar_.rule(*most) : grammar_.never();
}

// A string as it is, up to the words behind it. no_json: not what would be read as something else.
ExprId ToolCallRules::plain_text(const Call& call, const Parameter& parameter, bool no_json) {
  Grammar& g = grammar_;
  std::vector<std::string> except = {sample::literal_pattern(trimmed(parameter.after))};
  if (tools_.cdata) except.push_back(sample::literal_pattern("<![CDATA["));
  if (no_json) except.emplace_back(kReadsAsJson);
  const auto add = [&](const std::string& schema) {
    return attempt(g, [&](Grammar& copy) {
      return sample::add_text_schema(copy, schema, except, {.unenforced = kWaived});
    });
  };
  Result<RuleId> rule = add(parameter.schema);
  if (!rule) {
    notes_.push_back(fmt::format("'{}' of the tool '{}' is not held to its schema: {}",
                                 parameter.name, call.tool, rule.error().message));
    rule = add("{}");
  }
  ExprId text = rule ? g.rule(*rule) : g.never();
  if (!tools_.cdata) return text;
  const auto within = attempt(g, [&](Grammar& copy) {
    return sample::add_text_schema(copy, parameter.schema, {sample::literal_pattern("]]>")},
                                   {.unenforced = kWaived});
  });
  if (!within) return text;
  return g.choice({text, g.sequence({g.literal("<![CDATA["), g.rule(*within), g.literal("]]>")})});
}

ExprId ToolCallRules::parameter_value(const Call& call, const Parameter& parameter) {
  Grammar& g = grammar_;
  const bool typed = parameter.before != parameter.before_string;
  std::vector<ExprId> ways;
  if (parameter.kind != text::ParameterKind::kNoString)
    ways.push_back(g.sequence(
        {tag_words(parameter.before_string, Touches::kValueBehind),
         plain_text(call, parameter, !typed && parameter.kind != text::ParameterKind::kString)}));
  if (parameter.kind != text::ParameterKind::kString)
    ways.push_back(g.sequence(
        {tag_words(parameter.before, Touches::kValueBehind), json_value(call, parameter)}));
  return g.sequence({g.choice(std::move(ways)), tag_words(parameter.after, Touches::kValueBefore)});
}

void ToolCallRules::note_what_spans_parameters(const Call& call) {
  const auto schema = nlohmann::json::parse(call.schema, nullptr, false);
  if (!schema.is_object()) return;
  for (const char* keyword : kSpanning)
    if (schema.contains(keyword))
      notes_.push_back(
          fmt::format("arguments of the tool '{}': {} is not enforced", call.tool, keyword));
}

// Parameters in their order. Rules by place and by whether one has been written already.
Result<ExprId> ToolCallRules::parameters(const Call& call) {
  Grammar& g = grammar_;
  note_what_spans_parameters(call);
  const bool python = tools_.kind == Kind::kPython;
  const size_t n = call.parameters.size();
  RuleId after[2] = {g.add_rule("no parameters"), g.add_rule("no more parameters")};
  g.define(after[0], g.empty());
  g.define(after[1], g.empty());
  for (size_t i = n; i-- > 0;) {
    const Parameter& parameter = call.parameters[i];
    const ExprId written =
        python ? g.sequence({g.literal(parameter.name + "="), json_value(call, parameter)})
               : parameter_value(call, parameter);
    RuleId here[2];
    for (const size_t some : {0, 1}) {
      here[some] = g.add_rule(fmt::format("parameter {}", i));
      const ExprId comma = python && some == 1 ? g.literal(", ") : g.empty();
      std::vector<ExprId> ways = {g.sequence({comma, written, g.rule(after[1])})};
      if (!parameter.required) ways.push_back(g.rule(after[some]));
      g.define(here[some], g.choice(std::move(ways)));
    }
    std::copy(std::begin(here), std::end(here), std::begin(after));
  }
  return g.rule(after[0]);
}

Result<ExprId> ToolCallRules::arguments(const Call& call) {
  const auto known = arguments_.find(call.tool);
  if (known != arguments_.end()) return known->second;
  HEARTH_ASSIGN(const ExprId made, tools_.kind == Kind::kJson ? object(call) : parameters(call));
  return arguments_.emplace(call.tool, made).first->second;
}

Result<ExprId> ToolCallRules::call_rest(size_t index) {
  Grammar& g = grammar_;
  if (call_rests_.empty()) {
    for (const Call& call : tools_.calls) {
      const bool json = call.before.contains("{\"");
      std::vector<ExprId> parts;
      if (!call.id_pattern.empty()) {
        HEARTH_ASSIGN(const ExprId id, pattern(call.id_pattern));
        parts.push_back(id);
      }
      parts.push_back(json ? json_words(call.before_arguments) : words(call.before_arguments));
      HEARTH_ASSIGN(const ExprId written, arguments(call));
      parts.push_back(written);
      const ExprId after = json ? json_words(call.after) : closing_words(call.after);
      if (call.after_id_pattern.empty()) {
        parts.push_back(after);
      } else {
        HEARTH_ASSIGN(const ExprId id, pattern(call.after_id_pattern));
        parts.push_back(g.choice({g.sequence({after, id, words(call.after_id)}), json_words("}")}));
      }
      const RuleId rule = g.add_rule("call of " + call.tool);
      g.define(rule, g.sequence(std::move(parts)));
      call_rests_.push_back(g.rule(rule));
    }
  }
  return call_rests_[index];
}

// Behind the first call of a section, to its end.
Result<ExprId> ToolCallRules::more_calls() {
  Grammar& g = grammar_;
  const ExprId close = closing_words(tools_.section_close);
  if (tools_.section_open.empty() && tools_.separator.empty() && tools_.section_close.empty())
    return close;
  std::vector<ExprId> calls;
  for (size_t i = 0; i < tools_.calls.size(); ++i) {
    const std::string_view before = tools_.calls[i].before;
    HEARTH_ASSIGN(const ExprId rest, call_rest(i));
    const size_t brace = std::min(before.find("{\""), before.size());
    calls.push_back(g.sequence({tag_words(before.substr(0, brace), Touches::kNothing),
                                json_words(before.substr(brace)), rest}));
  }
  const ExprId another =
      g.sequence({tag_words(tools_.separator, Touches::kNothing), g.choice(std::move(calls))});
  return g.sequence({g.repeat(another, 0, Grammar::kUnlimited), close});
}

Result<ExprId> ToolCallRules::section(std::string_view left_out) {
  Grammar& g = grammar_;
  std::vector<ExprId> ways;
  HEARTH_ASSIGN(const ExprId more, more_calls());
  for (size_t i = 0; i < tools_.calls.size(); ++i) {
    std::string head = tools_.section_open + tools_.calls[i].before;
    if (!left_out.empty() && head.starts_with(left_out)) head.erase(0, left_out.size());
    HEARTH_ASSIGN(const ExprId rest, call_rest(i));
    ways.push_back(g.sequence({beginning(head), rest, more}));
  }
  return g.choice(std::move(ways));
}

// What follows a trigger. One that is not part of the section stands for the first trigger.
Result<ExprId> ToolCallRules::section_behind(std::string_view trigger) {
  Grammar& g = grammar_;
  std::vector<ExprId> ways;
  HEARTH_ASSIGN(const ExprId more, more_calls());
  const auto place = [&](std::string_view head, int way) {
    if (way > 0) return behind(head, way == 1 ? trigger : std::string_view(tools_.triggers[0]));
    const size_t at = head.find(trigger);
    return at == std::string_view::npos ? at : at + trigger.size();
  };
  for (int way = 0; way < 3 && ways.empty(); ++way) {
    for (size_t i = 0; i < tools_.calls.size(); ++i) {
      const std::string head = tools_.section_open + tools_.calls[i].before;
      const size_t at = place(head, way);
      if (at == std::string::npos) continue;
      HEARTH_ASSIGN(const ExprId rest, call_rest(i));
      ways.push_back(g.sequence({beginning(std::string_view(head).substr(at)), rest, more}));
    }
  }
  return g.choice(std::move(ways));
}

Result<RuleId> ToolCallRules::free_text(bool spaces) {
  Grammar& g = grammar_;
  const RuleId free = g.add_rule("free text");
  if (tools_.at_begin) {
    g.define(free, g.free_text({}));
    // The section's words up to the arguments tell that it is one.
    std::vector<Grammar::Marker> begins;
    HEARTH_ASSIGN(const ExprId more, more_calls());
    for (size_t i = 0; i < tools_.calls.size(); ++i) {
      HEARTH_ASSIGN(const ExprId rest, call_rest(i));
      const ExprId part = g.sequence({rest, more, g.rule(free)});
      const std::string head = tools_.section_open + tools_.calls[i].before;
      for (const std::string_view space : {"", "\n", "\n\n"})
        if (spaces || space.empty())
          begins.push_back({std::string(space) + input_.marked(head), part});
    }
    const RuleId begin = g.add_rule("begin");
    g.define(begin, g.other_than(std::move(begins)));
    return begin;
  }
  std::vector<Grammar::Marker> markers;
  for (const std::string& trigger : tools_.triggers) {
    HEARTH_ASSIGN(const ExprId behind_it, section_behind(trigger));
    const RuleId section = g.add_rule("calls");
    g.define(section, g.sequence({behind_it, g.rule(free)}));
    // Spelled out by other tokens it is read as a call too.
    markers.push_back({trigger, g.rule(section)});
    if (std::string marked = input_.marked(trigger); marked != trigger)
      markers.push_back({std::move(marked), g.rule(section)});
  }
  g.define(free, g.free_text(std::move(markers)));
  return free;
}

}  // namespace hearth::app
