// JSON Schema: what people rely on, what is refused and how it is said, and recursion.
#include "sample/schema.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sample/grammar_test_util.h"
#include "sample/rng.h"

namespace hearth::sample {
namespace {

std::shared_ptr<const Constraint> compile_schema(std::string_view schema,
                                                 const SchemaOptions& options = {}) {
  auto grammar = grammar_of_schema(schema, options);
  EXPECT_TRUE(grammar.has_value()) << (grammar ? "" : grammar.error().message);
  return grammar ? compile_ok(*grammar, byte_tokens()) : nullptr;
}

std::string refusal(std::string_view schema, const SchemaOptions& options = {}) {
  auto grammar = grammar_of_schema(schema, options);
  return grammar ? "" : grammar.error().message;
}

TEST(Schema, CasesOfPeers) {
  const auto path = grammar_data() / "gbnf-cases" / "grammar-integration.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no ../shared/data/grammar-schema here";
  size_t n = 0;
  for (const auto& entry : nlohmann::json::parse(read_text(path))) {
    if (entry["kind"] != "schema") continue;
    ++n;
    SCOPED_TRACE(entry["desc"].get<std::string>() + " " + entry["source"].get<std::string>());
    // One of the schemas says uniqueItems, which the program it comes from does not enforce either.
    const auto constraint =
        compile_schema(entry["source"].get<std::string>(), {.unenforced = {"uniqueItems"}});
    ASSERT_NE(constraint, nullptr);
    for (const auto& text : entry["accept"])
      EXPECT_TRUE(matches(constraint, text.get<std::string>())) << text;
    for (const auto& text : entry["reject"])
      EXPECT_FALSE(matches(constraint, text.get<std::string>())) << text;
  }
  EXPECT_GE(n, 30u);
}

TEST(Schema, AnyJsonTakesWhatIsWellFormed) {
  const auto any = compile_ok(grammar_of_any_json(), byte_tokens());
  EXPECT_TRUE(matches(any, R"({"a": [1, -2.5e10, true, null, {"b": "ü\n\u00e9\ud83d\ude00"}]})"));
  EXPECT_TRUE(matches(any, "{\n  \"a\": {},\n  \"b\": []\n}"));
  for (const char* wrong :
       {"[]", "1", "{\"a\":01}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "{\"a\":\"\n\"}",
        "{\"a\":\"\\ud83d\"}", "{\"a\":+1}", "{\"a\":.5}", "{\"a\":1.}", "{'a':1}"})
    EXPECT_FALSE(matches(any, wrong)) << wrong;
}

TEST(Schema, JsonTestSuite) {
  const auto folder = grammar_data() / "JSONTestSuite";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no ../shared/data/grammar-schema here";
  const auto any = compile_schema("true", {.reading = SchemaOptions::Reading::kStandard});
  size_t n_refused = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = file.path().filename();
    if (!name.starts_with("n_") || name.find("_100000") != std::string::npos) continue;
    EXPECT_FALSE(matches(any, read_text(file.path()))) << name;
    ++n_refused;
  }
  EXPECT_GT(n_refused, 150u);
}

TEST(Schema, RecursionThroughReferences) {
  const auto tree = compile_schema(R"({"$ref": "#/$defs/node", "$defs": {"node": {
      "type": "object", "properties": {"value": {"type": "integer"},
      "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
      "required": ["value"]}}})");
  EXPECT_TRUE(matches(tree, R"({"value": 1, "children": [{"value": 2, "children": []}]})"));
  EXPECT_FALSE(matches(tree, R"({"value": 1, "children": [{"children": []}]})"));
}

TEST(Schema, AllOfIsMerged) {
  const auto both = compile_schema(R"({"allOf": [
      {"properties": {"a": {"type": "integer", "minimum": 3}}, "required": ["a"]},
      {"properties": {"a": {"maximum": 5}, "b": {"enum": ["x", "y"]}}}]})");
  EXPECT_TRUE(matches(both, R"({"a": 4, "b": "x"})"));
  EXPECT_TRUE(matches(both, R"({"a": 5})"));
  EXPECT_FALSE(matches(both, R"({"a": 6})"));
  EXPECT_FALSE(matches(both, R"({"b": "x"})"));
}

TEST(Schema, OneOfHoldsExactlyOnce) {
  const auto one = compile_schema(
      R"({"oneOf": [{"type": "integer", "minimum": 2}, {"type": "integer", "maximum": 5}]})");
  EXPECT_TRUE(matches(one, "1"));
  EXPECT_TRUE(matches(one, "6"));
  EXPECT_FALSE(matches(one, "3"));
  const auto kinds = compile_schema(R"({"oneOf": [
      {"properties": {"kind": {"const": "a"}, "x": {"type": "string"}}, "required": ["kind"]},
      {"properties": {"kind": {"const": "b"}, "y": {"type": "null"}}, "required": ["kind"]}]})");
  EXPECT_TRUE(matches(kinds, R"({"kind":"b","y":null})"));
  EXPECT_FALSE(matches(kinds, R"({"kind":"a","y":null})"));
}

TEST(Schema, StringsByPatternLengthAndFormat) {
  const auto code = compile_schema(R"({"type": "string", "pattern": "^[A-Z]{2}", "maxLength": 4})");
  EXPECT_TRUE(matches(code, "\"ABé\\n\""));
  EXPECT_FALSE(matches(code, "\"ABCDE\""));
  EXPECT_FALSE(matches(code, "\"aBC\""));
  const auto date = compile_schema(R"({"type": "string", "format": "date"})");
  EXPECT_TRUE(matches(date, "\"2024-02-29\""));
  EXPECT_FALSE(matches(date, "\"2023-02-29\""));
  const auto long_text = compile_schema(R"({"type": "string", "maxLength": 2147483647})");
  EXPECT_TRUE(matches(long_text, "\"abc\""));
}

TEST(Schema, SaysWhatItCannotEnforceAndWhere) {
  const auto refused = [](std::string_view schema, std::string_view part) {
    const std::string message = refusal(schema);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  refused(R"({"properties": {"a": {"type": "array", "uniqueItems": true}}})",
          "uniqueItems at #/properties/a/uniqueItems");
  refused(R"x({"type": "string", "pattern": "^(?=a)"})x", "pattern at #/pattern");
  refused(R"({"type": "string", "pattern": "(a)\\1"})", "back-reference");
  refused(R"({"type": "string", "pattern": "["})", "pattern at #/pattern");
  refused(R"({"properties": {"a/b": {"$ref": "other.json"}}})", "#/properties/a~1b/$ref");
  refused(R"({"$ref": "#/$defs/none"})", "nothing at this place");
  refused(R"({"type": "strin"})", "type at #/type");
  refused(R"({"type": "object", "unevaluatedProperties": false})", "unevaluatedProperties");
  refused(R"({"type": "string", "format": "iri"})", "format at #/format");
  refused(R"({"not": {"additionalProperties": {"type": "string"}}})", "not at #/not");
  refused("[1]", "a schema is an object");
  refused("{", "not JSON");
  refused(std::string(10'000, '['), "nested too deeply");
  std::vector<std::string> notes;
  EXPECT_EQ(refusal(R"({"type": "array", "uniqueItems": true, "items": {"format": "color"}})",
                    {.unenforced = {"uniqueItems"}, .notes = &notes}),
            "");
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_NE(notes[0].find("uniqueItems at #/uniqueItems"), std::string::npos);
  EXPECT_NE(notes[1].find("\"color\" at #/items/format"), std::string::npos);
}

TEST(Schema, ContradictionsMatchNothing) {
  const auto compiles = [](std::string_view schema) {
    auto grammar = grammar_of_schema(schema);
    return grammar.has_value() && Constraint::compile(*grammar, byte_tokens()).has_value();
  };
  EXPECT_FALSE(compiles("false"));
  EXPECT_FALSE(compiles(R"({"type": "integer", "minimum": 5, "maximum": 4})"));
  EXPECT_FALSE(compiles(R"({"enum": ["a"], "type": "integer"})"));
  EXPECT_FALSE(compiles(R"({"required": ["a"], "properties": {"a": false}})"));
  EXPECT_TRUE(compiles(R"({"properties": {"a": false}})"));
}

TEST(Schema, HostileSchemasEndSoon) {
  std::string nested = "{}";
  for (int i = 0; i < 12; ++i)
    nested =
        R"({"anyOf": [)" + nested + "," + nested + R"(], "minimum": )" + std::to_string(i) + "}";
  for (const std::string& schema :
       {nested, std::string(R"({"$ref": "#"})"), std::string(R"({"allOf": [{"$ref": "#"}]})"),
        std::string(R"({"not": {"$ref": "#"}})"),
        std::string(R"({"oneOf": [{"$ref": "#"}, {"$ref": "#"}]})"),
        std::string(R"x({"type": "string", "pattern": "(((((a{99}){99}){99}){99}){99})"})x"),
        std::string(R"({"type": "string", "pattern": "(a|b)*a(a|b){40}"})"),
        std::string(R"({"minItems": 99999, "maxItems": 100000, "items": {"minItems": 99999}})"),
        std::string(R"({"type": "number", "multipleOf": 0.0000123457})")}) {
    auto grammar = grammar_of_schema(schema);
    if (grammar) (void)Constraint::compile(*grammar, byte_tokens());
  }
  SUCCEED();
}

// What a constrained random walk writes, over tokens of several bytes, is always valid JSON.
TEST(Schema, RandomTextParses) {
  Rng rng(7);
  std::vector<std::string> bytes;
  for (int b = 1; b < 256; ++b) bytes.emplace_back(1, char(b));
  for (const char* text : {"{\"", "\":", "\",\"", "\"}", "}]", " [", "true", "null", "12", ", ",
                           "name", "é", "\\\"", "\\u", "00e9", "\n  "})
    bytes.emplace_back(text);
  bytes.emplace_back();
  const int32_t end = int32_t(bytes.size()) - 1;
  const auto tokens = TokenTable::create(bytes, {end});
  auto grammar = grammar_of_schema(R"({"properties": {"name": {"type": "string", "maxLength": 9},
      "n": {"type": "number", "maximum": 20}, "list": {"items": {"anyOf": [{"type": "boolean"},
      {"enum": ["a", 1, null]}]}, "maxItems": 4}}, "required": ["name", "list"]})");
  ASSERT_TRUE(grammar.has_value());
  const auto constraint = compile_ok(*grammar, tokens);
  for (int round = 0; round < 200; ++round) {
    ConstraintState state(constraint);
    std::string text;
    for (int step = 0; step < 5000 && !state.is_done(); ++step) {
      if (step % 10 == 0 && round % 20 == 0) expect_mask_is_exact(state);
      std::vector<int32_t> allowed;
      state.mask().for_each([&](int32_t id) { allowed.push_back(id); });
      ASSERT_FALSE(allowed.empty()) << text;
      const int32_t id = allowed[size_t(rng.uniform() * double(allowed.size()))];
      ASSERT_TRUE(state.accept(id));
      if (id != end) text += bytes[size_t(id)];
    }
    ASSERT_TRUE(state.is_done()) << text;
    const auto value = nlohmann::json::parse(text, nullptr, false);
    ASSERT_FALSE(value.is_discarded()) << text;
    EXPECT_TRUE(value.contains("name") && value["list"].is_array()) << text;
  }
}

}  // namespace
}  // namespace hearth::sample
