// Calls as every real template writes them, read by the grammar that holds them: right ones pass,
// wrong ones do not.
#include "app/reply_grammar.h"

#include <fmt/format.h>

#include "sample/constraint.h"
#include "text/reply/test_replies.h"

namespace hearth::app {
namespace {

constexpr const char* kTools = R"([{"type": "function", "function": {"name": "write_file",
 "description": "w", "parameters": {"type": "object", "properties": {
  "path": {"type": "string", "description": "p"}, "text": {"type": "string", "description": "t"},
  "n": {"type": "integer", "description": "n"}, "x": {"type": "number", "description": "x"},
  "deep": {"type": "object", "description": "d", "additionalProperties": true},
  "on": {"type": "boolean", "description": "o"}, "kind": {"enum": ["a", "b"], "description": "k"}},
  "required": ["path"], "additionalProperties": false}}}])";

constexpr const char* kRight[] = {
    R"({"path": "a b.txt", "text": "if x < 3 && y > 2:\n  print('<b>\"hi\"</b>', [1, {2}])\n# done", "n": -12})",
    R"({"path": "123", "text": "true", "x": 0.5, "on": false, "kind": "b"})",
    R"({"path": "Grüße 你好", "deep": {"a": {"b": ["c", 1.5, true]}, "e": "f"}})",
    R"({"path": ""})",
};
constexpr const char* kWrong[] = {R"({"path": "a", "n": "many"})", R"({"path": "a", "kind": "c"})",
                                  R"({"path": "a", "on": 3})", R"({"text": "no path"})",
                                  R"({"path": "a", "other": "x"})"};

std::shared_ptr<const sample::TokenTable> byte_tokens() {
  std::vector<std::string> bytes(257);
  for (size_t b = 1; b < 256; ++b) bytes[b] = std::string(1, char(b));
  return sample::TokenTable::create(std::move(bytes), {256});
}

ReplyGrammarInput input_for(const text::ReplyFormat& format, const text::ToolList& tools,
                            std::string_view tail) {
  ReplyGrammarInput input;
  input.tools = text::describe_tool_calls(format, tools);
  input.shape = text::describe_reply(format, tail);
  input.marked = input.closing = [](std::string_view text) { return std::string(text); };
  return input;
}

std::shared_ptr<const sample::Constraint> compiled(const ReplyGrammar& grammar) {
  auto constraint = sample::Constraint::compile(grammar.grammar, byte_tokens());
  EXPECT_TRUE(constraint.has_value()) << constraint.error().message;
  return constraint ? *constraint : nullptr;
}

class CallsOfTemplates : public testing::Test {
 protected:
  // What the grammar of a template says of a call that it writes: how many bytes fit, and of what.
  struct Reading {
    size_t n_fit = 0;
    std::string text;
    [[nodiscard]] bool fits() const { return n_fit == text.size(); }
  };

  Reading read(const text::ChatTemplate& chat_template, const text::ReplyFormat& format,
               const text::WrittenCall& call) {
    const text::ChatOptions options = {.bos_token = "<s>",
                                       .eos_token = "</s>",
                                       .tools = tools_.value(),
                                       .now = text::CivilTime{2026, 7, 26, 12, 0, 0}};
    std::string tail;
    Reading out{.text = text::written_call(chat_template, options, format, call, tail)};
    const ReplyGrammarInput input = input_for(format, tools_, tail);
    EXPECT_TRUE(holds_calls(input.tools));
    const auto grammar = reply_grammar(input, ReplyPlace::kBegin);
    EXPECT_TRUE(grammar.has_value()) << grammar.error().message;
    if (!grammar) return out;
    EXPECT_TRUE(grammar->notes.empty()) << grammar->notes[0];
    sample::ConstraintState state(compiled(*grammar));
    EXPECT_TRUE(input.shape.begun.empty() || state.accept_text(input.shape.begun));
    for (; out.n_fit < out.text.size(); ++out.n_fit)
      if (!state.accept_text(std::string_view(out.text).substr(out.n_fit, 1))) break;
    return out;
  }

  const text::ToolList tools_ = *text::ToolList::parse(kTools);
};

TEST_F(CallsOfTemplates, RightOnesFitWrongOnesDoNot) {
  using namespace text;
  SKIP_WITHOUT_TEMPLATES();
  int n_right = 0;
  int n_wrong = 0;
  for (const std::string& name : template_names()) {
    const ChatTemplate chat_template = named_template(name);
    const ReplyFormat format = detect_reply_format(chat_template);
    if (!format.template_shows_calls) continue;
    const std::string_view tools = format.tool_format_name();
    for (const char* arguments : kRight) {
      // Quotes without escapes in the template; values of many levels as tags.
      if (tools == "lfm2" && arguments == kRight[0]) continue;
      if (tools == "minimax-m3" && arguments == kRight[2]) continue;
      // Values of many levels as Python writes them, in single quotes.
      // Lines that begin with more than 20 spaces.
      if (tools == "command-r" && arguments == kRight[2]) continue;
      const bool python = tools == "seed-oss" || tools == "minicpm5";
      if (python && arguments == kRight[2]) continue;
      const Reading reading = read(chat_template, format, {.arguments = arguments});
      EXPECT_TRUE(reading.fits()) << name << " (" << tools << ")\n"
                                  << reading.text.substr(0, reading.n_fit) << " >>>>> "
                                  << reading.text.substr(reading.n_fit);
      ++n_right;
    }
    for (const char* arguments : kWrong) {
      const Reading reading = read(chat_template, format, {.arguments = arguments});
      EXPECT_FALSE(reading.fits()) << name << " (" << tools << ")\n" << reading.text;
      ++n_wrong;
    }
    // Where it takes the name to tell a call from text, an unknown one makes text.
    if (describe_tool_calls(format, tools_).at_begin || tools == "functionary-3.2") continue;
    EXPECT_FALSE(
        read(chat_template, format, {.name = "write_files", .arguments = kRight[3]}).fits())
        << name;
  }
  EXPECT_GT(n_right, 200);
  EXPECT_GT(n_wrong, 200);
}

TEST(ReplyGrammar, WhatASchemaCannotSayIsNoted) {
  using namespace text;
  const ToolList tools = *ToolList::parse(R"([
   {"name": "f", "parameters": {"type": "object", "properties": {"l": {"type": "array",
     "uniqueItems": true, "items": {"type": "integer"}}}, "required": ["l"]}},
   {"name": "g", "parameters": {"type": "object", "properties": {"s": {"type": "string",
     "pattern": "(?=a)b"}}}}])");
  const ReplyGrammarInput input = input_for({}, tools, "");
  EXPECT_FALSE(holds_calls(ToolGrammar()));
  ReplyGrammarInput hermes = input;
  hermes.tools.at_begin = false;
  hermes.tools.triggers = {"<tool_call>"};
  hermes.tools.section_open = "<tool_call>\n";
  const auto grammar = reply_grammar(hermes, ReplyPlace::kBegin);
  ASSERT_TRUE(grammar.has_value()) << grammar.error().message;
  ASSERT_EQ(grammar->notes.size(), 2u);
  EXPECT_TRUE(grammar->notes[0].contains("'f'") && grammar->notes[0].contains("uniqueItems"));
  EXPECT_TRUE(grammar->notes[1].contains("'g'") && grammar->notes[1].contains("pattern"));
  const auto constraint = compiled(*grammar);
  const auto fits = [&](std::string_view call) {
    return sample::ConstraintState(constraint)
        .accept_text("Well. <tool_call>\n" + std::string(call));
  };
  EXPECT_TRUE(fits(R"({"name": "f", "arguments": {"l": [1, 1]}})"));
  EXPECT_FALSE(fits(R"({"name": "f", "arguments": {"l": ["a"]}})"));
  EXPECT_TRUE(fits(R"({"name": "g", "arguments": {"whatever": 1}})"));
  EXPECT_FALSE(fits(R"({"name": "g", "arguments": [1]})"));
}

TEST(ReplyGrammar, AnAnswerOfTheFormatOrCallsOrReasoningFirst) {
  using namespace text;
  const ToolList tools = *ToolList::parse(R"([{"name": "f", "parameters": {}}])");
  const auto answer = sample::parse_gbnf("root ::= \"yes\" | \"no\"");
  ASSERT_TRUE(answer.has_value());
  ReplyGrammarInput input = input_for({}, tools, "");
  input.answer = &*answer;
  input.shape.thinking_open = "<think>";
  const auto at = [&](ReplyPlace place) {
    const auto grammar = reply_grammar(input, place);
    EXPECT_TRUE(grammar.has_value());
    return compiled(*grammar);
  };
  const auto fits = [](const auto& constraint, std::string_view text, bool whole = true) {
    sample::ConstraintState state(constraint);
    return state.accept_text(text) && (!whole || state.may_end());
  };
  const auto begin = at(ReplyPlace::kBegin);
  EXPECT_TRUE(fits(begin, "yes"));
  EXPECT_TRUE(fits(begin, "<think>", false));
  EXPECT_FALSE(fits(begin, "well", false));
  EXPECT_FALSE(fits(begin, "\n", false));
  const auto behind = at(ReplyPlace::kAfterThinking);
  EXPECT_TRUE(fits(behind, "\n\nno"));
  EXPECT_FALSE(fits(behind, "<think>", false));
  EXPECT_FALSE(fits(behind, "\n\n\n\n", false));
  EXPECT_TRUE(fits(behind, "```json\n{\"name\": \"f\", \"arguments\": {}}\n```"));
}

}  // namespace
}  // namespace hearth::app
