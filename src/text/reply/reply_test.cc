// What models write, correct or not, in the formats of tool calls and of reasoning.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <random>

#include "text/reply/formats/list.h"
#include "text/reply/reasoning_form.h"
#include "text/reply/test_replies.h"
#include "text/reply/tool_grammar.h"

namespace hearth::text {
namespace {

using Json = nlohmann::json;
using Calls = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kTools = R"([
 {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
  "a": {"type": "integer"}, "s": {"type": "string"}, "m": {"type": ["string", "null"]},
  "l": {"type": "array"}}}}},
 {"name": "g", "parameters": {"type": "object", "properties": {}}},
 {"type": "function", "function": {"name": "ipython", "parameters": {}}}])";

ReplyOptions options_of(const reply::ToolFormat& format, std::string tail = {}) {
  ReplyFormat found;
  found.tools = &format;
  return {.format = std::move(found),
          .tools = *ToolList::parse(kTools),
          .prompt_tail = std::move(tail)};
}

Calls calls_of(const Reply& reply) {
  Calls calls;
  for (const ToolCall& call : reply.calls)
    calls.emplace_back(call.name, Json::parse(call.arguments, nullptr, false).dump());
  return calls;
}

const Calls kOneCall = {{"f", R"({"a":1})"}};
const Calls kTwoCalls = {{"f", R"({"a":1})"}, {"g", "{}"}};

struct Case {
  const reply::ToolFormat* format;
  const char* reply;
  Calls calls;
  const char* text = "";
};

// As the models' documents and templates show them, and the small liberties that models take.
TEST(Reply, EveryFormatsOwnWords) {
  using namespace reply;
  const Case cases[] = {
      {&kHermes,
       "Sure.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>\n"
       "<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>",
       kTwoCalls, "Sure."},
      {&kHermes, "<tool_call>{\"arguments\": \"{\\\"a\\\": 1}\", \"name\": \"f\"}</tool_call>",
       kOneCall},
      {&kHermes, "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}", kOneCall},
      {&kHermes,
       "<tool_call>{\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": "
       "{\"a\": 1}}}</tool_call>",
       kOneCall},
      {&kHermes,
       "<tool_call>{'name': 'f'}</tool_call>",
       {},
       "<tool_call>{'name': 'f'}</tool_call>"},
      {&kLlama3, "{\"name\": \"f\", \"parameters\": {\"a\": 1}}", kOneCall},
      {&kLlama3,
       "{\"name\": \"f\", \"parameters\": {\"a\": 1}}; {\"name\": \"g\", \"parameters\": {}}",
       kTwoCalls},
      {&kLlama3, "<|python_tag|>{\"name\": \"f\", \"parameters\": {\"a\": 1}}", kOneCall},
      {&kLlama3,
       "<|python_tag|>brave_search.call(query=\"x y\")",
       {{"brave_search", R"({"query":"x y"})"}}},
      {&kLlama3, "<|python_tag|>print(\"hi\")\n", {{"ipython", R"({"code":"print(\"hi\")\n"})"}}},
      {&kLlama3, "{\"answer\": 42, \"more\": [1, 2]}", {}, "{\"answer\": 42, \"more\": [1, 2]}"},
      {&kLlama3, "{\"name\": \"Ann\", \"age\": 3}", {}, "{\"name\": \"Ann\", \"age\": 3}"},
      {&kMistralList,
       "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": 1}, \"id\": \"abc456789\"}, "
       "{\"name\": \"g\", \"arguments\": {}}]",
       kTwoCalls},
      {&kMistralArgs, "[TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]g[ARGS]{}", kTwoCalls},
      {&kMistralIds, "Now.[TOOL_CALLS]f[CALL_ID]abc456789[ARGS]{\"a\": 1}", kOneCall, "Now."},
      {&kCohere,
       "<|START_ACTION|>[\n  {\"tool_call_id\": \"0\", \"tool_name\": \"f\", \"parameters\": "
       "{\"a\": 1}}\n]<|END_ACTION|>",
       kOneCall},
      {&kGranite3, "<|tool_call|>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]", kOneCall},
      {&kPhi4Mini, "<|tool_call|>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]<|/tool_call|>",
       kOneCall},
      {&kNemotron, "<TOOLCALL>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]</TOOLCALL>", kOneCall},
      {&kQwen3Coder,
       "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n<parameter=s>\ntrue\n"
       "</parameter>\n<parameter=m>\nnull\n</parameter>\n</function>\n</tool_call>",
       {{"f", R"({"a":1,"m":null,"s":"true"})"}}},
      {&kQwen3Coder, "<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>",
       kOneCall},
      {&kQwen3Coder,
       "<tool_call>\n<function=f>\n<parameter=s>\nx</parameter> y\n\n</parameter>\n</function>"
       "\n</tool_call>",
       {{"f", R"({"s":"x</parameter> y\n"})"}}},
      {&kSeedOss,
       "<seed:tool_call>\n<function=f>\n<parameter=l>[1, 'b', None]</parameter>\n</function>\n"
       "</seed:tool_call>",
       {{"f", R"({"l":[1,"b",null]})"}}},
      {&kGlm,
       "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>\n"
       "<tool_call>g\n</tool_call>",
       kTwoCalls},
      {&kMinimaxM2,
       "<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"a\">1</parameter>\n"
       "</invoke>\n</minimax:tool_call>",
       kOneCall},
      {&kKimiK2,
       "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>"
       "{\"a\": 1}<|tool_call_end|><|tool_call_begin|>g:1<|tool_call_argument_begin|>{}"
       "<|tool_call_end|><|tool_calls_section_end|>",
       kTwoCalls},
      {&kDeepseekR1,
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": 1}"
       "\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       kOneCall},
      {&kDeepseekV31,
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": 1}<｜tool▁call▁end｜>"
       "<｜tool▁calls▁end｜>",
       kOneCall},
      {&kDeepseekV32,
       "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" "
       "string=\"false\">1</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
       kOneCall},
      {&kLlama4, "[f(a=1), g()]", kTwoCalls},
      {&kLlama4, "<|python_start|>[f(1)]<|python_end|>", kOneCall},
      {&kLlama4,
       "[f(s='it\\'s \\u00e9\\n', l=[(1, 2), {'k': True}])]",
       {{"f", "{\"l\":[[1,2],{\"k\":true}],\"s\":\"it's é\\n\"}"}}},
      {&kLlama4, "[1, 2] is a list", {}, "[1, 2] is a list"},
      {&kLfm2, "<|tool_call_start|>[f(a=1)]<|tool_call_end|>Done.", kOneCall, "Done."},
      {&kOlmo3, "<function_calls>\nf(a=1)\ng()\n</function_calls>", kTwoCalls},
      {&kGemma3, "```tool_code\nf(a=1)\n```", kOneCall},
      {&kGemma4, "<|tool_call>call:f{a:1}<tool_call|><|tool_call>call:g{}<tool_call|>", kTwoCalls},
      {&kFunctionary31, "<function=f>{\"a\": 1}</function>", kOneCall},
      {&kFirefunction, " functools[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]", kOneCall},
      {&kGeneric, "I call:\n```json\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n```", kOneCall,
       "I call:"},
      {&kGeneric, "```json\n{\"name\": \"Ann\"}\n```", {}, "```json\n{\"name\": \"Ann\"}\n```"},
      {&kGeneric, "{\"name\": \"f\", \"arguments\": {\"a\": 1}}", kOneCall},
  };
  for (const Case& c : cases) {
    const Reply reply = checked_reply(c.reply, options_of(*c.format));
    EXPECT_EQ(calls_of(reply), c.calls) << c.reply << "\n" << Json(reply.warnings).dump();
    EXPECT_EQ(reply.text, c.text) << c.reply;
  }
}

TEST(Reply, Channels) {
  using namespace reply;
  const std::string call =
      "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\": 1}";
  Reply reply = checked_reply("<|channel|>analysis<|message|>hm<|end|><|start|>assistant" + call,
                              options_of(kHarmony, "<|start|>assistant"));
  EXPECT_EQ(reply.reasoning, "hm");
  EXPECT_EQ(calls_of(reply), kOneCall);
  reply =
      checked_reply("<|channel|>final<|message|>Hi.", options_of(kHarmony, "<|start|>assistant"));
  EXPECT_EQ(reply.text, "Hi.");
  // Continued: the prompt ends within the answer.
  reply = checked_reply(" you<|return|>",
                        options_of(kHarmony, "<|start|>assistant<|channel|>final<|message|>To"));
  EXPECT_EQ(reply.text, " you");
  reply = checked_reply(">>>all\nLook:>>>f\n{\"a\": 1}", options_of(kFunctionary32));
  EXPECT_EQ(reply.text, "Look:");
  EXPECT_EQ(calls_of(reply), kOneCall);
  reply = checked_reply("all\nHi.", options_of(kFunctionary32, "x>>>"));
  EXPECT_EQ(reply.text, "Hi.");
  reply = checked_reply("<|think|>hm<|end|><|begin|>assistant<|content|>Hi.<|end|>",
                        options_of(kSolar, "<|begin|>assistant"));
  EXPECT_EQ(reply.reasoning + "/" + reply.text, "hm/Hi.");
  reply = checked_reply(
      "hm<|close|>think<|sep|><|open|>response<|sep|>Hi.<|close|>response<|sep|>",
      options_of(kKimiK3, "<|open|>message role=\"assistant\"<|sep|><|open|>think<|sep|>"));
  EXPECT_EQ(reply.reasoning + "/" + reply.text, "hm/Hi.");
  reply =
      checked_reply(" to=self<|message|>hm<|eom|><|start|>assistant to=user<|message|>Hi.<|eot|>",
                    options_of(kMuse, "<|start|>assistant"));
  EXPECT_EQ(reply.reasoning + "/" + reply.text, "hm/Hi.");
}

TEST(Reply, Reasoning) {
  for (const reply::ReasoningForm& form : reply::reasoning_forms()) {
    ReplyFormat format;
    format.reasoning = &form;
    const std::string open(form.open);
    const std::string close(form.close);
    ReplyOptions options{.format = format};
    Reply reply = checked_reply(open + "\nhm, <b>\n" + close + "\n\nHi. ", options);
    EXPECT_EQ(reply.reasoning, "hm, <b>") << form.name;
    EXPECT_EQ(reply.text, "Hi. ") << form.name;
    options.prompt_tail = "assistant\n" + open + "\n";
    reply = checked_reply("hm\n" + close + "\n\nHi.", options);
    EXPECT_EQ(reply.reasoning + "/" + reply.text, "hm/Hi.") << form.name;
    reply = checked_reply("hm, and no end", options);
    EXPECT_EQ(reply.reasoning + "/" + reply.text, "hm, and no end/") << form.name;
    options.prompt_tail = open + "\n\n" + close + "\n\n";
    reply = checked_reply("  Hi.", options);
    EXPECT_EQ(reply.reasoning + "/" + reply.text, "/  Hi.") << form.name;
    EXPECT_TRUE(reply.warnings.empty());
  }
  // In the answer the words are words.
  const Reply reply = checked_reply("The tag <think> opens. <tool_call> too.", {});
  EXPECT_EQ(reply.text, "The tag <think> opens. <tool_call> too.");
}

TEST(Reply, WordsAroundTheAnswerAreLeftOut) {
  ReplyFormat format;
  for (const reply::ReasoningForm& form : reply::reasoning_forms())
    if (form.name == "cohere") format.reasoning = &form;
  const Reply reply =
      checked_reply("<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>Hi.<|END_RESPONSE|>",
                    {.format = format});
  EXPECT_EQ(reply.reasoning + "/" + reply.text, "hm/Hi.");
}

TEST(Reply, AControlTokenEndsTheReasoningAWordDoesNot) {
  using namespace reply;
  Reply reply = checked_reply(
      "<think>I call <|tool_calls_section_begin|><|tool_call_begin|>functions.f:0"
      "<|tool_call_argument_begin|>{\"a\": 1}<|tool_call_end|>",
      options_of(kKimiK2));
  EXPECT_EQ(reply.reasoning, "I call");
  EXPECT_EQ(calls_of(reply), kOneCall);
  reply = checked_reply("<think>maybe <tool_call> or not</think>no", options_of(kHermes));
  EXPECT_EQ(reply.reasoning + "/" + reply.text, "maybe <tool_call> or not/no");
}

TEST(Reply, WhatIsNoCallIsTextWithAWarning) {
  const ReplyOptions options = options_of(reply::kHermes);
  Reply reply =
      checked_reply("a <tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": }} b", options);
  EXPECT_EQ(reply.text, "a <tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": }} b");
  EXPECT_TRUE(reply.calls.empty());
  EXPECT_EQ(reply.warnings.size(), 1u);
  // The good ones around it stay calls.
  const std::string good = "<tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>";
  reply = checked_reply(good + "<tool_call>{]</tool_call>" + good, options);
  EXPECT_EQ(reply.calls.size(), 2u);
  EXPECT_EQ(reply.text, "<tool_call>{]</tool_call>");
  // Cut off within the arguments.
  reply = checked_reply("<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"abc", options);
  EXPECT_TRUE(reply.calls.empty());
  EXPECT_EQ(reply.text, "<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"abc");
  // Without tools nothing is a call.
  reply = checked_reply(good, {.format = options.format});
  EXPECT_EQ(reply.text, good);
  EXPECT_TRUE(reply.warnings.empty());
}

TEST(Reply, ArgumentsComeAsTheyAreWritten) {
  ReplyParser parser(options_of(reply::kHermes));
  using Kind = ReplyEvent::Kind;
  std::vector<ReplyEvent> events =
      parser.push("<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"ab");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, Kind::kCallBegin);
  EXPECT_EQ(events[0].name, "f");
  EXPECT_EQ(events[0].id.size(), 9u);
  EXPECT_EQ(events[1].text, "{\"s\": \"ab");
  events = parser.push("c\"}");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].text, "c\"}");
  events = parser.push("}");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, Kind::kCallEnd);
  ReplyParser coder(options_of(reply::kQwen3Coder));
  events = coder.push("<tool_call>\n<function=f>\n<parameter=s>\nab");
  EXPECT_EQ(events.back().text, "{\"s\": \"ab");
}

TEST(Reply, ThinkingIsKnownWhileItLasts) {
  ReplyParser parser({.prompt_tail = "<think>\n"});
  EXPECT_TRUE(parser.thinking());
  (void)parser.push("hm");
  EXPECT_TRUE(parser.thinking());
  (void)parser.push("</think>");
  EXPECT_FALSE(parser.thinking());
  ReplyParser harmony(options_of(reply::kHarmony, "<|start|>assistant"));
  EXPECT_FALSE(harmony.thinking());
  (void)harmony.push("<|channel|>analysis<|message|>hm");
  EXPECT_TRUE(harmony.thinking());
  (void)harmony.push("<|end|><|start|>assistant<|channel|>final<|message|>");
  EXPECT_FALSE(harmony.thinking());
}

TEST(Reply, TheAnswerIsKnownWhileItLasts) {
  ReplyParser parser({.prompt_tail = "<think>\n"});
  EXPECT_FALSE(parser.answering());
  (void)parser.push("hm</think>");
  EXPECT_TRUE(parser.answering());
  struct Channel {
    const reply::ToolFormat* format;
    const char* tail;
    const char* before;  // up to the answer's first byte
    const char* end;
  };
  const Channel cases[] = {
      {&reply::kHarmony, "<|start|>assistant",
       "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>",
       "<|end|>"},
      {&reply::kSolar, "<|begin|>assistant", "<|think|>hm<|end|><|begin|>assistant<|content|>",
       "<|end|>"},
      {&reply::kMuse, "<|start|>assistant",
       " to=self<|message|>hm<|eom|><|start|>assistant to=user<|message|>", "<|eot|>"},
      {&reply::kKimiK3, "<|open|>message role=\"assistant\"<|sep|><|open|>think<|sep|>",
       "hm<|close|>think<|sep|><|open|>response<|sep|>", "<|close|>response<|sep|>"},
      {&reply::kFunctionary32, ">>>", "all\n", ">>>"},
  };
  for (const Channel& c : cases) {
    ReplyParser on_channels(options_of(*c.format, c.tail));
    const std::string before(c.before);
    for (size_t i = 0; i < before.size(); ++i) {
      EXPECT_FALSE(on_channels.answering()) << c.format->name << " " << i;
      (void)on_channels.push(before.substr(i, 1));
    }
    EXPECT_TRUE(on_channels.answering()) << c.format->name;
    (void)on_channels.push("{}");
    EXPECT_TRUE(on_channels.answering()) << c.format->name;
    (void)on_channels.push(c.end);
    EXPECT_FALSE(on_channels.answering()) << c.format->name;
    EXPECT_FALSE(on_channels.thinking()) << c.format->name;
  }
}

TEST(Reply, ACallOfAnUnknownToolIsACallWithAWarning) {
  const Reply reply = checked_reply("<tool_call>{\"name\": \"h\", \"arguments\": {}}</tool_call>",
                                    options_of(reply::kHermes));
  ASSERT_EQ(reply.calls.size(), 1u);
  EXPECT_EQ(reply.calls[0].name, "h");
  ASSERT_EQ(reply.warnings.size(), 1u);
  EXPECT_TRUE(reply.warnings[0].contains("'h'")) << reply.warnings[0];
}

std::string sample_call(const ToolGrammar& grammar, const ToolGrammar::Call& call) {
  using Kind = ToolGrammar::Kind;
  std::string text = call.before;
  if (!call.id_pattern.empty()) text += call.id_pattern == "[0-9]+" ? "0" : "abc456789";
  const std::string a = grammar.quote.empty() ? "\"a\"" : "a";
  const std::string s = grammar.quote.empty() ? "\"s\"" : "s";
  const std::string quote = grammar.quote.empty() ? "\"" : grammar.quote;
  text += call.before_arguments;
  const bool is_f = call.tool == "f";
  if (grammar.kind == Kind::kJson)
    text += is_f ? fmt::format("{{{}:1,{}:{}x y{}}}", a, s, quote, quote) : "{}";
  if (grammar.kind == Kind::kPython && is_f) text += "a=1, s=\"x y\"";
  for (const ToolGrammar::Parameter& parameter : call.parameters) {
    if (grammar.kind != Kind::kTagged) break;
    if (parameter.name == "a") text += parameter.before + "1" + parameter.after;
    if (parameter.name == "s") text += parameter.before_string + "x y" + parameter.after;
  }
  text += call.after;
  if (!call.after_id_pattern.empty()) text += "abc456789" + call.after_id;
  return text;
}

// What a grammar would be made from gives text that is read as the calls that were meant.
TEST(ToolGrammar, ItsWordsMakeCalls) {
  const Calls wanted = {{"f", R"({"a":1,"s":"x y"})"}, {"g", "{}"}};
  int n = 0;
  for (const reply::ToolFormat* format : reply::tool_formats()) {
    const std::string tail(format->message_begin);
    const ReplyOptions options = options_of(*format, tail);
    const ToolGrammar grammar = describe_tool_calls(options.format, options.tools);
    if (grammar.kind == ToolGrammar::Kind::kNone) continue;
    ++n;
    ASSERT_GE(grammar.calls.size(), 3u);
    const size_t ways = grammar.calls.size() / 3;  // of calling one tool
    // gpt-oss and Gigachat write one call for each reply.
    const bool several = (format->parse_reply == nullptr || !grammar.section_close.empty()) &&
                         !format->name.starts_with("gigachat");
    std::string text = grammar.section_open + sample_call(grammar, grammar.calls[0]);
    if (several) text += grammar.separator + sample_call(grammar, grammar.calls[ways]);
    text += grammar.section_close;
    const Reply reply = checked_reply(text, options);
    EXPECT_EQ(calls_of(reply), several ? wanted : Calls{wanted[0]}) << format->name << "\n" << text;
    EXPECT_EQ(reply.text, "") << format->name;
    EXPECT_TRUE(reply.warnings.empty()) << format->name;
  }
  EXPECT_EQ(n, int(reply::tool_formats().size()));
}

// Random mixtures of the formats' own words: never a crash, and the same however it is cut.
TEST(Reply, NeverDependsOnHowTheTextIsCut) {
  constexpr const char* kPieces[] = {"<tool_call>",
                                     "</tool_call>",
                                     "\n",
                                     "{\"name\": \"f\", \"arguments\": ",
                                     "{\"a\": 1}",
                                     "}",
                                     "[",
                                     "]",
                                     "<think>",
                                     "</think>",
                                     "<function=f>",
                                     "<parameter=s>",
                                     "</parameter>",
                                     "</function>",
                                     "f(a=1)",
                                     ", ",
                                     "<|channel|>",
                                     "<|message|>",
                                     "<|end|>",
                                     "analysis",
                                     " to=functions.f",
                                     "<|start|>assistant",
                                     "[TOOL_CALLS]",
                                     "[ARGS]",
                                     "{",
                                     "\"",
                                     "'",
                                     "\\",
                                     "<|tool_call>call:f{",
                                     "<|\"|>",
                                     "<arg_key>a</arg_key>",
                                     "<arg_value>",
                                     "x",
                                     "</arg_value>",
                                     "<",
                                     "<|",
                                     "```json\n",
                                     "é",
                                     "1",
                                     "null",
                                     ">>>",
                                     "<|open|>",
                                     "<|sep|>",
                                     "<|close|>"};
  std::mt19937 random(1);
  for (const reply::ToolFormat* format : reply::tool_formats()) {
    const ReplyOptions options = options_of(*format, std::string(format->reply_begin));
    for (int round = 0; round < 150; ++round) {
      std::string text;
      if (!format->triggers.empty() && round % 2 == 0) text += format->triggers.front();
      for (int i = int(random() % 14); i >= 0; --i) text += kPieces[random() % std::size(kPieces)];
      const Reply reply = checked_reply(text, options);
      for (const ToolCall& call : reply.calls)
        EXPECT_TRUE(Json::parse(call.arguments, nullptr, false).is_object()) << text << "\n"
                                                                             << call.arguments;
    }
  }
}

// A megabyte costs what it should: linear, also byte by byte.
TEST(Reply, LongRepliesAreLinear) {
  const ReplyOptions options = options_of(reply::kHermes);
  const std::string text = "<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"" +
                           std::string(1 << 20, '<') + "\"}}</tool_call>";
  ReplyParser parser(options);
  ReplyCollector collector;
  for (const char c : text) collector.add(parser.push({&c, 1}));
  collector.add(parser.finish());
  ASSERT_EQ(collector.reply().calls.size(), 1u);
  EXPECT_GT(collector.reply().calls[0].arguments.size(), size_t{1} << 20);
  EXPECT_EQ(parse_reply(std::string(1 << 20, '['), options_of(reply::kLlama4)).calls.size(), 0u);
}

TEST(ThinkRequest, Words) {
  using Mode = ThinkRequest::Mode;
  EXPECT_EQ(ThinkRequest::parse("on")->mode, Mode::kOn);
  EXPECT_EQ(ThinkRequest::parse("off")->mode, Mode::kOff);
  EXPECT_EQ(ThinkRequest::parse("high")->level, "high");
  EXPECT_EQ(ThinkRequest::parse("300")->budget, 300);
  EXPECT_EQ(ThinkRequest::parse("0")->mode, Mode::kOff);
  for (const char* wrong : {"", "loud", "-1", "3x", "99999999999999999999"})
    EXPECT_FALSE(ThinkRequest::parse(wrong).has_value()) << wrong;
}

TEST(ToolList, ReadsAllFormsAndRefusesOthers) {
  const auto tools = ToolList::parse(kTools);
  ASSERT_TRUE(tools.has_value()) << tools.error().message;
  EXPECT_EQ(tools->tools().size(), 3u);
  EXPECT_EQ(tools->kind("f", "s"), ParameterKind::kString);
  EXPECT_EQ(tools->kind("f", "a"), ParameterKind::kNoString);
  EXPECT_EQ(tools->kind("f", "m"), ParameterKind::kMixed);
  EXPECT_EQ(tools->kind("f", "?"), ParameterKind::kUnknown);
  EXPECT_TRUE(ToolList::parse("[]")->empty());
  EXPECT_TRUE(ToolList::parse("[]")->value().is_none());
  for (const char* wrong :
       {"", "{}", "3", "[3]", "[{}]", "[{\"name\": \"\"}]",
        "[{\"name\": \"f\", \"parameters\": 3}]", "[{\"name\": \"f\"}, {\"name\": \"f\"}]"})
    EXPECT_FALSE(ToolList::parse(wrong).has_value()) << wrong;
}

}  // namespace
}  // namespace hearth::text
