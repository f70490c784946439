// Strings: length, pattern, format.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sample/pattern.h"
#include "sample/schema_compiler.h"

namespace hearth::sample {
namespace {

// The formats of JSON Schema as patterns. RFC 3339, 4122, 5321 (dot-string
// addresses), 1123, 2673, 4291, 3986, 6901.
struct Format {
  std::string_view name;
  std::string_view pattern;
  std::string_view except = {};
};

#define HEARTH_DATE                                                                              \
  "(([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(" \
  "0[1-9]|1[0-9]|2[0-8])))|(([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])" \
  "00)-02-29))"
#define HEARTH_OFFSET "([zZ]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define HEARTH_TIME                                                         \
  "(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?" HEARTH_OFFSET \
  "|"                                                                       \
  "23:59:60(\\.[0-9]{1,9})?([zZ]|[+-]00:00))"
#define HEARTH_OCTET "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define HEARTH_IPV4 HEARTH_OCTET "(\\." HEARTH_OCTET "){3}"
#define HEARTH_H16 "[0-9a-fA-F]{1,4}"
#define HEARTH_LS32 "(" HEARTH_H16 ":" HEARTH_H16 "|" HEARTH_IPV4 ")"
#define HEARTH_IPV6                                                                                \
  "((" HEARTH_H16 ":){6}" HEARTH_LS32 "|::(" HEARTH_H16 ":){5}" HEARTH_LS32 "|(" HEARTH_H16        \
  ")?::(" HEARTH_H16 ":){4}" HEARTH_LS32 "|((" HEARTH_H16 ":){0,1}" HEARTH_H16 ")?::(" HEARTH_H16  \
  ":){3}" HEARTH_LS32 "|((" HEARTH_H16 ":){0,2}" HEARTH_H16 ")?::(" HEARTH_H16 ":){2}" HEARTH_LS32 \
  "|((" HEARTH_H16 ":){0,3}" HEARTH_H16 ")?::" HEARTH_H16 ":" HEARTH_LS32 "|((" HEARTH_H16         \
  ":){0,4}" HEARTH_H16 ")?::" HEARTH_LS32 "|((" HEARTH_H16 ":){0,5}" HEARTH_H16 ")?::" HEARTH_H16  \
  "|((" HEARTH_H16 ":){0,6}" HEARTH_H16 ")?::)"
#define HEARTH_LABEL "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
#define HEARTH_SHORT_LABEL "[a-zA-Z0-9]([a-zA-Z0-9-]{0,28}[a-zA-Z0-9])?"
#define HEARTH_HOST HEARTH_LABEL "(\\." HEARTH_LABEL ")*"
#define HEARTH_ATOM "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+"
#define HEARTH_PCHAR "([a-zA-Z0-9._~!$&'()*+,;=:@-]|%[0-9a-fA-F]{2})"
#define HEARTH_AUTHORITY                                               \
  "(([a-zA-Z0-9._~!$&'()*+,;=:-]|%[0-9a-fA-F]{2})*@)?(\\[" HEARTH_IPV6 \
  "\\]|([a-zA-Z0-9._~!$&'()*+,;=-]|%[0-9a-fA-F]{2})*)(:[0-9]*)?"
#define HEARTH_QUERY "(\\?(" HEARTH_PCHAR "|[/?])*)?(#(" HEARTH_PCHAR "|[/?])*)?"
#define HEARTH_URI                                                                       \
  "[a-zA-Z][a-zA-Z0-9+.-]*:(//" HEARTH_AUTHORITY "(/" HEARTH_PCHAR "*)*|/(" HEARTH_PCHAR \
  "+(/" HEARTH_PCHAR "*)*)?|" HEARTH_PCHAR "+(/" HEARTH_PCHAR "*)*|)" HEARTH_QUERY
#define HEARTH_SEGMENT_NC "([a-zA-Z0-9._~!$&'()*+,;=@-]|%[0-9a-fA-F]{2})+"
#define HEARTH_RELATIVE                                                             \
  "(//" HEARTH_AUTHORITY "(/" HEARTH_PCHAR "*)*|/(" HEARTH_PCHAR "+(/" HEARTH_PCHAR \
  "*)*)?|" HEARTH_SEGMENT_NC "(/" HEARTH_PCHAR "*)*|)" HEARTH_QUERY
#define HEARTH_POINTER "(/([^/~]|~[01])*)*"

constexpr Format kFormats[] = {
    {"date", "^" HEARTH_DATE "$"},
    {"time", "^" HEARTH_TIME "$"},
    {"date-time", "^" HEARTH_DATE "[tT]" HEARTH_TIME "$"},
    {"duration",
     "^P([0-9]{1,9}W|[0-9]{1,9}Y([0-9]{1,9}M([0-9]{1,9}D)?)?(T([0-9]{1,9}H([0-9]{1,9}M([0-9]{1,9}S)"
     "?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S))?|[0-9]{1,9}M([0-9]{1,9}D)?(T([0-9]{1,9}H([0-9]{1,"
     "9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S))?|[0-9]{1,9}D(T([0-9]{1,9}H([0-9]{"
     "1,9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S))?|T([0-9]{1,9}H([0-9]{1,9}M([0-"
     "9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S))$"},
    {"uuid", "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"},
    {"email", "^" HEARTH_ATOM "(\\." HEARTH_ATOM ")*@" HEARTH_HOST "$"},
    // At most 253 characters: three long labels, or eight of half the length. Not xn-- and its
    // like: what they stand for would have to be checked.
    {"hostname",
     "^(" HEARTH_LABEL "(\\." HEARTH_LABEL "){0,2}|" HEARTH_SHORT_LABEL "(\\." HEARTH_SHORT_LABEL
     "){0,7})$",
     "(^|\\.)..--"},
    {"ipv4", "^" HEARTH_IPV4 "$"},
    {"ipv6", "^" HEARTH_IPV6 "$"},
    {"uri", "^" HEARTH_URI "$"},
    {"uri-reference", "^(" HEARTH_URI "|" HEARTH_RELATIVE ")$"},
    {"json-pointer", "^" HEARTH_POINTER "$"},
    {"relative-json-pointer", "^(0|[1-9][0-9]{0,9})(#|" HEARTH_POINTER ")$"},
};

// Names of JSON Schema that are not regular, or need tables that are not here.
constexpr std::string_view kOtherFormats[] = {"idn-email",     "idn-hostname", "iri",
                                              "iri-reference", "uri-template", "regex"};

// What may stand between single quotes as it is.
TextDfa unescaped_in_python() {
  const CharSet plain = CharSet({{0, 0x1f}, {'\'', '\''}, {'"', '"'}, {'\\', '\\'}}).complement();
  std::vector<std::vector<TextDfa::Edge>> edges(1);
  for (const CharRange range : plain.ranges()) edges[0].push_back({range, 0});
  return TextDfa::of_edges(edges, {true});
}

}  // namespace

ExprId SchemaCompiler::any_string() {
  Grammar& g = grammar_;
  if (!options_.quote.empty())
    return g.sequence(
        {g.literal(options_.quote), g.text(without_quote_), g.literal(options_.quote)});
  return g.sequence(
      {g.literal("\""), g.repeat(g.rule(char_), 0, Grammar::kUnlimited), g.literal("\"")});
}

Result<ExprId> SchemaCompiler::quoted(TextDfa texts) {
  Grammar& g = grammar_;
  if (options_.quote.empty()) {
    const ExprId json =
        g.sequence({g.literal("\""), g.text(texts, TextEncoding::kJsonString), g.literal("\"")});
    if (options_.words != SchemaOptions::Words::kPython) return json;
    HEARTH_ASSIGN(texts, texts.intersect(unescaped_in_python()));
    return g.choice({json, g.sequence({g.literal("'"), g.text(std::move(texts)), g.literal("'")})});
  }
  HEARTH_ASSIGN(texts, texts.intersect(without_quote_));
  return g.sequence(
      {g.literal(options_.quote), g.text(std::move(texts)), g.literal(options_.quote)});
}

Result<ExprId> SchemaCompiler::property_name(const std::string& name) {
  const auto is_bare = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '-' || c == '.' || c == '$';
  };
  if (!options_.quote.empty()) {
    if (!name.empty() && std::ranges::all_of(name, is_bare)) return grammar_.literal(name);
    return fail(ErrorCode::kUnsupported,
                fmt::format("the name \"{}\" cannot be written without quotes", name));
  }
  const bool plain = std::ranges::all_of(name, [](char c) {
    return uint8_t(c) >= 0x20 && c != '"' && c != '\\' && uint8_t(c) != 0x7f;
  });
  if (plain) return grammar_.literal("\"" + name + "\"");
  return quoted(TextDfa::of_texts({name}));
}

Result<TextDfa> SchemaCompiler::pattern_dfa(const Json* schema, std::string_view keyword,
                                            const std::string& pattern) {
  const auto known = patterns_.find(pattern);
  if (known != patterns_.end()) return known->second;
  auto dfa = compile_pattern(pattern);
  if (!dfa) return std::unexpected(placed(dfa.error(), schema, keyword));
  return patterns_.emplace(pattern, std::move(*dfa)).first->second;
}

// nullopt where the format tells nothing (a name that JSON Schema does not have: a note).
Result<std::optional<TextDfa>> SchemaCompiler::format_dfa(const Json* schema) {
  const auto it = schema->find("format");
  if (it == schema->end()) return std::optional<TextDfa>();
  if (!it->is_string()) return wrong(schema, "format", "is not a text");
  const auto name = it->get<std::string>();
  for (const Format& format : kFormats) {
    if (format.name != name) continue;
    HEARTH_ASSIGN(TextDfa dfa, pattern_dfa(schema, "format", std::string(format.pattern)));
    if (!format.except.empty()) {
      HEARTH_ASSIGN(const TextDfa except,
                    pattern_dfa(schema, "format", std::string(format.except)));
      HEARTH_ASSIGN(dfa, dfa.minus(except));
    }
    return std::optional<TextDfa>(std::move(dfa));
  }
  if (std::find(std::begin(kOtherFormats), std::end(kOtherFormats), name) !=
      std::end(kOtherFormats)) {
    HEARTH_TRY(refuse(schema, "format", fmt::format("{} is not regular", name)));
  } else if (options_.notes != nullptr) {
    options_.notes->push_back(
        fmt::format("format \"{}\" at {} is none of JSON Schema's, and so a mere annotation", name,
                    document_.place(schema, "format")));
  }
  return std::optional<TextDfa>();
}

Result<std::optional<TextDfa>> SchemaCompiler::text_limits(const Branch& branch) {
  std::optional<TextDfa> out;
  const auto limit = [&](Result<TextDfa> next, const Json* schema,
                         const char* keyword) -> Result<void> {
    if (next && out) next = out->intersect(*next);
    if (!next) return std::unexpected(placed(next.error(), schema, keyword));
    out = std::move(*next);
    return {};
  };
  for (const Json* schema : branch) {
    for (const char* keyword : {"pattern", "$notPattern"}) {
      const auto it = schema->find(keyword);
      if (it == schema->end()) continue;
      if (!it->is_string()) return wrong(schema, keyword, "is not a text");
      auto dfa = pattern_dfa(schema, keyword, it->get<std::string>());
      if (!dfa) {
        if (dfa.error().code != ErrorCode::kUnsupported) return std::unexpected(dfa.error());
        HEARTH_TRY(refuse(schema, keyword, dfa.error().message));
        continue;
      }
      if (std::string_view(keyword) == "$notPattern") dfa = TextDfa::all().minus(*dfa);
      HEARTH_TRY(limit(std::move(dfa), schema, keyword));
    }
    HEARTH_ASSIGN(std::optional<TextDfa> format, format_dfa(schema));
    if (format) HEARTH_TRY(limit(std::move(*format), schema, "format"));
    const auto excluded = schema->find("$notValues");
    if (excluded == schema->end()) continue;
    std::vector<std::string> texts;
    for (const Json& value : *excluded)
      if (value.is_string()) texts.push_back(value.get<std::string>());
    HEARTH_TRY(limit(TextDfa::all().minus(TextDfa::of_texts(texts)), schema, "not"));
  }
  return out;
}

Result<ExprId> SchemaCompiler::write_string(const Branch& branch) {
  int64_t min = 0;
  std::optional<int64_t> max;
  const Json* bounded = nullptr;
  for (const Json* schema : branch) {
    HEARTH_ASSIGN(const auto low, count_of(schema, "minLength"));
    HEARTH_ASSIGN(const auto high, count_of(schema, "maxLength"));
    if (low) min = std::max(min, *low);
    if (high) max = std::min(max.value_or(*high), *high);
    if (low || high) bounded = schema;
  }
  if (min > Grammar::kMaxRepeat)
    return fail(ErrorCode::kUnsupported,
                fmt::format("minLength at {} is above {}", document_.place(bounded, "minLength"),
                            Grammar::kMaxRepeat));
  if (max && *max < min) return grammar_.never();
  HEARTH_ASSIGN(std::optional<TextDfa> limits, text_limits(branch));
  Grammar& g = grammar_;
  if (!limits && (!options_.quote.empty() || options_.words == SchemaOptions::Words::kPython))
    limits = without_quote_;
  if (!limits) {
    // A bound that no text of this size reaches is as good as the largest that can be counted.
    const int64_t most = max ? std::min(*max, Grammar::kMaxRepeat) : Grammar::kUnlimited;
    return g.sequence({g.literal("\""), g.repeat(g.rule(char_), min, most), g.literal("\"")});
  }
  if (bounded != nullptr) {
    auto length = TextDfa::of_length(min, max.value_or(-1));
    if (length) length = limits->intersect(*length);
    if (!length) return std::unexpected(placed(length.error(), bounded, "maxLength"));
    limits = std::move(*length);
  }
  return quoted(std::move(*limits));
}

}  // namespace hearth::sample
