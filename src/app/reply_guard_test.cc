// Replies of a model that writes at random, held by a ReplyGuard: however it came about, what the
// person gets is valid.
#include "app/reply_guard.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "text/detokenizer.h"
#include "text/reply/formats/list.h"
#include "text/toy_vocabs.h"

namespace hearth::app {
namespace {

using Json = nlohmann::json;

constexpr const char* kTools = R"([
 {"name": "get_weather", "parameters": {"type": "object", "properties": {
   "city": {"type": "string", "maxLength": 5}, "days": {"type": "integer", "minimum": 1,
   "maximum": 9}, "unit": {"enum": ["C", "F"]}}, "required": ["city", "days"]}},
 {"name": "stop", "parameters": {"type": "object", "properties": {}}}])";

bool is_valid_call(const text::ToolCall& call) {
  const Json arguments = Json::parse(call.arguments, nullptr, false);
  if (!arguments.is_object()) return false;
  if (call.name == "stop") return arguments.empty();
  if (call.name != "get_weather") return false;
  for (const auto& [key, value] : arguments.items())
    if (key != "city" && key != "days" && key != "unit") return false;
  return arguments.contains("city") && arguments["city"].is_string() &&
         arguments.contains("days") && arguments["days"].is_number_integer() &&
         arguments["days"] >= 1 && arguments["days"] <= 9 &&
         (!arguments.contains("unit") || arguments["unit"] == "C" || arguments["unit"] == "F");
}

// A vocabulary of all bytes, words of formats among them as control tokens and as pieces that
// reach over the ends of those words, and a model that likes them.
class RandomModel {
 public:
  explicit RandomModel(std::vector<std::string> control, std::vector<std::string> pieces)
      : vocab_("llama") {
    vocab_.add("<unk>", text::TokenType::kUnknown);
    vocab_.add("<s>", text::TokenType::kControl);
    const int32_t eos = vocab_.add("</s>", text::TokenType::kControl);
    vocab_.data.special.eos = eos;
    vocab_.add_byte_tokens();
    first_word_ = int32_t(vocab_.data.tokens.size());
    for (const std::string& word : control) vocab_.add(word, text::TokenType::kControl);
    for (const std::string& piece : pieces) vocab_.add(piece, text::TokenType::kUserDefined);
    tokenizer_ = vocab_.tokenizer();
    n_vocab_ = vocab_.data.tokens.size();
    guard_.emplace(*tokenizer_, n_vocab_, text::end_tokens(nullptr, *tokenizer_));
  }

  struct Written {
    std::string text;
    text::Reply reply;
    bool ended = false;
  };

  Written write(const ReplyTask& task, uint64_t seed, int n_tokens_max) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    ChatRequest request;
    ChatCallbacks callbacks;
    ChatReply reply(request, callbacks,
                    text::ReplyParser({.format = *task.reply,
                                       .tools = task.tools ? *task.tools : text::ToolList(),
                                       .prompt_tail = std::string(task.prompt_tail)}));
    sample::SamplerParams params;
    params.seed = seed;
    auto sampler = *sample::SamplerChain::create(params, int(n_vocab_));
    text::StreamDecoder decoder(*tokenizer_,
                                {.render_special = true, .strip_leading_space = false});
    Written out;
    EXPECT_TRUE(guard_->begin(task, reply, sampler).has_value());
    std::vector<float> logits(n_vocab_);
    for (int i = 0; i < n_tokens_max; ++i) {
      for (size_t id = 0; id < n_vocab_; ++id)
        logits[id] = 2 * normal(random) + (int32_t(id) >= first_word_ ? 3.0f : 0.0f);
      for (const char c : {'"', '}', '>'}) logits[size_t(3 + c)] += 3;
      const int32_t id = sampler.sample(logits);
      EXPECT_NE(id, sample::kNoToken) << out.text;
      if (id == sample::kNoToken) break;
      if (tokenizer_->is_eog(id) || ReplyGuard::ends(id, sampler)) {
        out.ended = true;
        break;
      }
      sampler.accept(id);
      const std::string text = decoder.push(id);
      const auto taken = guard_->pass(text, reply, sampler);
      EXPECT_TRUE(taken.has_value());
      out.text += text.substr(0, taken->n_bytes);
      n_cut_ += taken->n_bytes < text.size();
    }
    const std::string rest = decoder.flush();
    reply.push(rest);
    reply.finish();
    out.text += rest;
    out.reply = reply.reply();
    return out;
  }

  [[nodiscard]] ReplyGuard& guard() { return *guard_; }
  [[nodiscard]] int n_cut() const { return n_cut_; }

 private:
  text::ToyVocab vocab_;
  int32_t first_word_ = 0;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  size_t n_vocab_ = 0;
  std::optional<ReplyGuard> guard_;
  int n_cut_ = 0;
};

std::shared_ptr<const OutputFormat> json_format() {
  auto format = read_output_format("json");
  EXPECT_TRUE(format.has_value());
  return *format;
}

struct Channels {
  const text::reply::ToolFormat* format;
  std::vector<std::string> control;
  const char* tail;
};

const std::vector<Channels>& channels() {
  static const std::vector<Channels> all = {
      {&text::reply::kHarmony,
       {"<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>", "<|call|>",
        "<|constrain|>"},
       "<|start|>assistant"},
      {&text::reply::kSolar,
       {"<|begin|>", "<|think|>", "<|content|>", "<|end|>", "<|tool_calls|>", "<|calls|>",
        "<|tool_call:begin|>", "<|tool_call:name|>", "<|tool_call:args|>", "<|tool_call:end|>"},
       "<|begin|>assistant"},
      {&text::reply::kMuse,
       {"<|start|>", "<|message|>", "<|eom|>", "<|eot|>"},
       "<|start|>assistant"},
      {&text::reply::kKimiK3,
       {"<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"},
       "<|open|>message role=\"assistant\"<|sep|>"},
      {&text::reply::kFunctionary32, {}, "user>>>"},
  };
  return all;
}

TEST(ReplyGuard, OnChannelsTheAnswerAloneIsHeldToTheFormat) {
  const auto format = json_format();
  for (const Channels& c : channels()) {
    RandomModel model(c.control, {"\n{", "assistant", "l\n{", "l\n\n"});
    text::ReplyFormat reply;
    reply.tools = c.format;
    int n_ended = 0;
    int n_reasoned = 0;
    for (uint64_t seed = 0; seed < 40; ++seed) {
      const auto written =
          model.write({.format = format, .reply = &reply, .prompt_tail = c.tail}, seed, 600);
      n_reasoned += !written.reply.reasoning.empty();
      if (!written.ended || written.reply.text.empty()) continue;  // or ended while it reasoned
      ++n_ended;
      EXPECT_TRUE(Json::parse(written.reply.text, nullptr, false).is_object())
          << c.format->name << "\n"
          << written.text << "\n"
          << written.reply.text;
      EXPECT_TRUE(written.reply.calls.empty());
    }
    EXPECT_GT(n_ended, 10) << c.format->name;
    EXPECT_GT(n_reasoned, c.format->thinking_heads.empty() ? -1 : 3) << c.format->name;
  }
}

TEST(ReplyGuard, AModelMayOpenItsReasoningItself) {
  const auto format = json_format();
  // Pieces that go on behind the ends of the tags.
  RandomModel model(
      {}, {"<think>", "<think>\nhm", "</think>", "</think>\n\n", "</think>{", "</think>so"});
  text::ReplyFormat reply;
  reply.reasons = true;
  int n_reasoned = 0;
  int n_at_once = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const auto written = model.write({.format = format, .reply = &reply}, seed, 300);
    n_reasoned += !written.reply.reasoning.empty();
    n_at_once += written.reply.reasoning.empty();
    if (!written.ended || written.reply.text.empty()) continue;
    EXPECT_TRUE(Json::parse(written.reply.text, nullptr, false).is_object()) << written.text << "\n"
                                                                             << written.reply.text;
  }
  EXPECT_GT(n_reasoned, 10);
  EXPECT_GT(n_at_once, 3);
  EXPECT_GT(model.n_cut(), 3);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto written =
        model.write({.format = format, .reply = &reply, .thinks = false}, seed, 300);
    EXPECT_TRUE(written.reply.reasoning.empty()) << written.text;
  }
}

// In every format: what the model begins as a call becomes a valid one.
TEST(ReplyGuard, CallsAreValid) {
  const text::ToolList tools = *text::ToolList::parse(kTools);
  int n_calls = 0;
  for (const text::reply::ToolFormat* tool_format : text::reply::tool_formats()) {
    std::vector<std::string> pieces;
    std::vector<std::string> control;
    std::string tail;
    for (const Channels& c : channels())
      if (c.format == tool_format) {
        control = c.control;
        tail = c.tail;
      }
    text::ReplyFormat reply;
    reply.tools = tool_format;
    const text::ToolGrammar grammar = text::describe_tool_calls(reply, tools);
    ASSERT_TRUE(holds_calls(grammar)) << tool_format->name;
    for (const std::string& trigger : grammar.triggers) pieces.push_back(trigger);
    if (!grammar.triggers.empty()) {
      pieces.push_back(grammar.triggers[0] + "s");  // not how a call begins
      pieces.push_back(grammar.triggers[0] + "{\"");
    }
    for (const auto& call : grammar.calls)
      if (grammar.at_begin) pieces.push_back(grammar.section_open + call.before);
    RandomModel model(control, pieces);
    int n_here = 0;
    for (uint64_t seed = 0; seed < 12; ++seed) {
      const auto written =
          model.write({.tools = &tools, .reply = &reply, .prompt_tail = tail}, seed, 400);
      for (const text::ToolCall& call : written.reply.calls) {
        EXPECT_TRUE(is_valid_call(call)) << tool_format->name << "\n"
                                         << written.text << "\n"
                                         << call.name << " " << call.arguments;
        ++n_here;
      }
      // A call that was not finished is the only one that may not be read.
      size_t n_unread = 0;
      for (const std::string& warning : written.reply.warnings)
        n_unread += !warning.contains("header") && !warning.contains("tag could");
      EXPECT_LE(n_unread, written.ended ? 0u : 2u) << tool_format->name << "\n" << written.text;
    }
    EXPECT_GT(n_here, 0) << tool_format->name;
    n_calls += n_here;
    EXPECT_TRUE(model.guard().notes().empty()) << model.guard().notes()[0];
  }
  EXPECT_GT(n_calls, 300);
}

}  // namespace
}  // namespace hearth::app
