// The chat loop against a backend without a model and a console that replays what a person enters.
#include "app/chat_repl.h"

#include <gtest/gtest.h>

#include <deque>

#include "app/chat_parameters.h"
#include "app/chat_report.h"
#include "app/fake_chat_backend.h"

namespace hearth::app {
namespace {

class ScriptConsole : public ChatConsole {
 public:
  std::deque<Entry> entries;
  std::string answers;
  std::string said;
  std::string warned;
  int stop_after = -1;  // pieces of an answer after which Ctrl-C is pressed; -1: never
  bool interrupted = false;

  Entry read() override {
    if (entries.empty()) return {};
    Entry entry = entries.front();
    entries.pop_front();
    return entry;
  }
  void reasoning(std::string_view text) override { warned += text; }
  void answer(std::string_view text) override {
    answers += text;
    if (stop_after >= 0 && stop_after-- == 0) interrupted = true;
  }
  void say(std::string_view text) override { said += text; }
  void warn(std::string_view text) override { warned += text; }
  void progress(std::string_view, uint64_t, uint64_t) override {}
  [[nodiscard]] bool must_stop() const override { return interrupted; }
  void clear_interrupt() override { interrupted = false; }
};

class ChatReplTest : public testing::Test {
 protected:
  ChatReplTest() { EXPECT_TRUE(session_.load("model.gguf", {}, console_progress(console_, ""))); }

  // Enters one text and returns all that was written.
  std::string enter(std::string_view text) {
    console_.answers.clear();
    console_.said.clear();
    console_.warned.clear();
    EXPECT_TRUE(repl_.handle(text));
    return console_.answers + console_.said + console_.warned;
  }
  [[nodiscard]] std::vector<std::string> contents() const {
    std::vector<std::string> texts;
    for (const ChatMessage& message : session_.messages()) texts.push_back(message.content);
    return texts;
  }

  using Texts = std::vector<std::string>;
  FakeChatBackend backend_;
  ScriptConsole console_;
  LineHistory history_;
  ChatSession session_{backend_};
  ChatRepl repl_{session_, console_, history_};
};

TEST_F(ChatReplTest, TheSecondTurnReadsOnlyItsOwnTokens) {
  enter("hello there");
  EXPECT_EQ(console_.answers, "Echo: hello there");
  repl_.set_verbose();
  const std::string out = enter("again");
  EXPECT_EQ(contents(), (Texts{"hello there", "Echo: hello there", "again", "Echo: again"}));
  EXPECT_TRUE(out.contains("1 tokens (and 5 from the cache)")) << out;
}

TEST_F(ChatReplTest, AStoppedAnswerStaysAsFarAsItCame) {
  console_.stop_after = 2;
  EXPECT_TRUE(enter("count").contains("(stopped)"));
  EXPECT_EQ(contents(), (Texts{"count", "1 2 3"}));
  enter("more");
  EXPECT_EQ(contents(), (Texts{"count", "1 2 3", "more", "Echo: more"}));
  ASSERT_EQ(backend_.messages.size(), 3u);
  EXPECT_EQ(backend_.messages[1].role, ChatRole::kAssistant);
}

TEST_F(ChatReplTest, AQuestionWithoutAWordOfAnswerIsForgotten) {
  const auto stats = session_.ask("first", {.on_prompt = [](uint64_t, uint64_t) { return false; }});
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->stop, StopReason::kCancelled);
  EXPECT_TRUE(contents().empty());
}

TEST_F(ChatReplTest, AFullContextIsSaidWithBothCounts) {
  enter("/set parameter num_ctx 6");
  const std::string full = enter("one two three four five six seven");
  EXPECT_TRUE(full.contains("7 tokens")) << full;
  EXPECT_TRUE(full.contains("holds 6")) << full;
  EXPECT_TRUE(full.contains("/clear")) << full;
  EXPECT_TRUE(contents().empty());
  const std::string cut = enter("one two three four");
  EXPECT_EQ(console_.answers, "Echo: one");
  EXPECT_TRUE(cut.contains("The context is full (6 of 6 tokens)")) << cut;
}

TEST_F(ChatReplTest, ANearlyFullContextIsSaid) {
  enter("/set parameter num_ctx 10");
  EXPECT_FALSE(enter("a b").contains("context:"));
  EXPECT_TRUE(enter("c").contains("(context: 8 of 10 tokens used"));
}

TEST_F(ChatReplTest, CommandsThatLeave) {
  for (const char* command : {"/bye", "/exit", "  /bye  "}) {
    ChatRepl fresh(session_, console_, history_);
    EXPECT_FALSE(fresh.handle(command)) << command;
  }
}

TEST_F(ChatReplTest, UnknownCommandsNameTheNearest) {
  EXPECT_TRUE(enter("/claer").contains("did you mean /clear?"));
  EXPECT_TRUE(enter("/set sytem x").contains("did you mean /set system?"));
  EXPECT_TRUE(enter("/show inf").contains("did you mean /show info?"));
  EXPECT_TRUE(enter("/set parameter temprature 1").contains("did you mean 'temperature'?"));
  EXPECT_FALSE(enter("/qqqqqqqq").contains("did you mean"));
  EXPECT_TRUE(contents().empty());
}

TEST_F(ChatReplTest, APathIsAMessage) {
  enter("/home/me/notes.txt says what?");
  EXPECT_EQ(contents().size(), 2u);
}

TEST_F(ChatReplTest, HelpNamesEveryCommandItRuns) {
  const std::string help = enter("/?");
  EXPECT_EQ(help, enter("/help"));
  for (const char* name : {"/set", "/show", "/clear", "/load", "/save", "/list", "/bye", "/exit"})
    EXPECT_TRUE(help.contains(name)) << name;
  EXPECT_TRUE(enter("/? set").contains("/set parameter NAME VALUE"));
  EXPECT_TRUE(enter("/? show").contains("/show modelfile"));
  EXPECT_TRUE(enter("/? shortcuts").contains("Ctrl-R"));
}

TEST_F(ChatReplTest, ParametersReachTheBackend) {
  for (const char* line :
       {"temperature 0.25", "top_k 7", "top_p 0.5", "min_p 0.1", "seed 42", "num_predict 3",
        "repeat_penalty 1.5", "repeat_last_n -1", "stop \"a b\" c"})
    enter(std::string("/set parameter ") + line);
  enter("one two three four");
  EXPECT_FLOAT_EQ(backend_.request.sampling.temperature, 0.25f);
  EXPECT_EQ(backend_.request.sampling.top_k, 7);
  EXPECT_FLOAT_EQ(backend_.request.sampling.top_p, 0.5f);
  EXPECT_FLOAT_EQ(backend_.request.sampling.min_p, 0.1f);
  EXPECT_EQ(backend_.request.sampling.seed, 42u);
  EXPECT_EQ(backend_.request.predict_max, 3);
  EXPECT_EQ(backend_.request.sampling.penalty_last_n, -1);
  EXPECT_EQ(backend_.stop_texts, (Texts{"a b", "c"}));
  EXPECT_EQ(console_.answers, "Echo: one two");
}

TEST_F(ChatReplTest, BadValuesChangeNothing) {
  for (const char* line :
       {"temperature hot", "temperature -1", "temperature nan", "top_p 1.5", "top_k 1e9", "seed -1",
        "num_predict -2", "num_ctx many", "mirostat 3", "temperature 1 2"}) {
    const std::string out = enter(std::string("/set parameter ") + line);
    EXPECT_FALSE(console_.warned.empty()) << line << ": " << out;
  }
  enter("hi");
  EXPECT_EQ(backend_.request.sampling.temperature, sample::SamplerParams().temperature);
  EXPECT_EQ(backend_.n_loads, 1);
}

TEST_F(ChatReplTest, EveryParameterShowsAndSets) {
  const std::string shown = enter("/show parameters");
  const std::string listed = enter("/set parameter");
  for (const ChatParameter& parameter : chat_parameters()) {
    EXPECT_TRUE(shown.contains(parameter.name)) << parameter.name;
    EXPECT_TRUE(listed.contains(parameter.name)) << parameter.name;
    const std::string value = parameter.name == "samplers"     ? "top_k;min_p"
                              : parameter.name == "logit_bias" ? "1+1"
                                                               : "1";
    enter(std::string("/set parameter ") + std::string(parameter.name) + " " + value);
    EXPECT_TRUE(console_.warned.empty()) << parameter.name << console_.warned;
    EXPECT_TRUE(console_.said.contains(value)) << parameter.name << console_.said;
  }
}

TEST_F(ChatReplTest, ParametersAnswerToTheNamesOfTheOptionsToo) {
  enter("/set parameter mirostat_lr 0.25");
  EXPECT_EQ(backend_.n_loads, 1);
  EXPECT_TRUE(enter("/set parameter --top-k 9").contains("top_k = 9"));
  EXPECT_TRUE(enter("/set parameter temp 0.5").contains("temperature = 0.5"));
  EXPECT_TRUE(enter("/set parameter mirostat-ent 2").contains("mirostat_tau = 2"));
  EXPECT_TRUE(enter("/set parameter - 2").contains("there is no parameter '-'"));
  EXPECT_FLOAT_EQ(session_.settings().sampling.mirostat_eta, 0.25f);
}

TEST_F(ChatReplTest, ListsMayHoldQuotesAndLineBreaks) {
  const std::string said = enter(R"(/set parameter stop "a \"b\"" \n "c d")");
  EXPECT_EQ(said, "stop = \"a \\\"b\\\"\" \"\\n\" \"c d\"\n");
  EXPECT_EQ(session_.settings().stop_texts, (Texts{"a \"b\"", "\n", "c d"}));
  enter("/set parameter stop \"\"");
  EXPECT_TRUE(session_.settings().stop_texts.empty());
  enter("/set parameter dry_sequence_breakers none");
  EXPECT_TRUE(session_.settings().dry_breakers.empty());
}

TEST_F(ChatReplTest, WhereValuesComeFromIsShown) {
  ASSERT_TRUE(session_.load("odd.gguf", {}, [](uint64_t, uint64_t) { return true; }));
  EXPECT_TRUE(warnings_text(session_).contains("warning: the file is \\x1b odd\n"));
  enter("/set parameter top_k 5");
  const std::string shown = enter("/show parameters");
  EXPECT_TRUE(shown.contains("top_k                 5           (yours)\n")) << shown;
  EXPECT_TRUE(shown.contains("0.6         (recommended by the model's file)\n")) << shown;
  EXPECT_TRUE(shown.contains("0.95        (default)\n")) << shown;
  enter("/set parameter dry_base 2");
  const std::string modelfile = enter("/show modelfile");
  EXPECT_TRUE(modelfile.contains("\n# PARAMETER dry_base 2\n")) << modelfile;
  EXPECT_TRUE(modelfile.contains("\nPARAMETER top_k 5\n")) << modelfile;
  EXPECT_FALSE(modelfile.contains("temperature")) << modelfile;
  // Another model: what the last one recommended goes, what the person set stays.
  ASSERT_TRUE(session_.load("model.gguf", {}, [](uint64_t, uint64_t) { return true; }));
  EXPECT_EQ(session_.settings().sampling.temperature, sample::SamplerParams().temperature);
  EXPECT_EQ(session_.settings().sampling.order, sample::kDefaultOrder);
  EXPECT_EQ(session_.settings().sampling.top_k, 5);
  EXPECT_EQ(warnings_text(session_), "");
}

TEST_F(ChatReplTest, WithoutASeedEveryAnswerHasAnother) {
  enter("a");
  const uint64_t first = backend_.request.sampling.seed;
  enter("b");
  EXPECT_NE(backend_.request.sampling.seed, first);
  EXPECT_EQ(session_.last_seed(), backend_.request.sampling.seed);
}

TEST_F(ChatReplTest, MoreContextKeepsTheConversation) {
  enter("hello");
  EXPECT_TRUE(enter("/set parameter num_ctx 77").contains("Context: 77 tokens (as asked)"));
  EXPECT_EQ(backend_.load_options.ctx, 77u);
  EXPECT_EQ(contents().size(), 2u);
}

TEST_F(ChatReplTest, TheSystemMessageComesFirst) {
  enter("/set system \"\"\"Be\nbrief.\"\"\"");
  enter("hello");
  ASSERT_EQ(backend_.messages.size(), 2u);
  EXPECT_EQ(backend_.messages[0].role, ChatRole::kSystem);
  EXPECT_EQ(backend_.messages[0].content, "Be\nbrief.");
  EXPECT_EQ(enter("/show system"), "Be\nbrief.\n");
  enter("/set system \"\"");
  enter("hello");
  EXPECT_EQ(backend_.messages[0].role, ChatRole::kUser);
}

TEST_F(ChatReplTest, ClearForgetsTheConversationOnly) {
  enter("/set system Be brief.");
  enter("hello");
  enter("/clear");
  EXPECT_TRUE(contents().empty());
  EXPECT_EQ(session_.settings().system, "Be brief.");
  EXPECT_EQ(session_.context_used(), 0u);
}

TEST_F(ChatReplTest, SwitchesReachTheBackend) {
  using Mode = text::ThinkRequest::Mode;
  EXPECT_EQ(session_.settings().think.mode, Mode::kDefault);
  enter("/set nothink");
  enter("a");
  EXPECT_EQ(backend_.request.think.mode, Mode::kOff);
  enter("/set think");
  enter("a");
  EXPECT_EQ(backend_.request.think.mode, Mode::kOn);
  enter("/set think 200");
  enter("a");
  EXPECT_EQ(backend_.request.think.budget, 200);
  EXPECT_TRUE(enter("/set think sideways").contains("low, medium, high"));
  enter("/set verbose");
  EXPECT_TRUE(enter("a").contains("eval rate"));
  enter("/set quiet");
  EXPECT_FALSE(enter("a").contains("eval rate"));
  EXPECT_TRUE(enter("/set format json").contains("held to json"));
  EXPECT_TRUE(enter("/set format xml").contains("'xml' is no format"));
  enter("a");
  ASSERT_NE(backend_.request.format, nullptr);
  EXPECT_EQ(backend_.request.format->name, "json");
  enter("/set noformat");
  enter("a");
  EXPECT_EQ(backend_.request.format, nullptr);
}

TEST_F(ChatReplTest, ShowTellsWhatTheFileSaysSafely) {
  const std::string info = enter("/show info");
  EXPECT_TRUE(info.contains("1.1 billion")) << info;
  EXPECT_TRUE(info.contains("0 of 1000 tokens used")) << info;
  EXPECT_TRUE(info.contains("3.02 GB")) << info;
  EXPECT_EQ(enter("/show template"), "{{ messages }}\n");
  const std::string license = enter("/show license");
  EXPECT_TRUE(license.contains("as in words"));
  EXPECT_FALSE(license.contains('\x1b'));
  enter("/set system Hm.");
  enter("/set parameter top_k 5");
  const std::string modelfile = enter("/show modelfile");
  EXPECT_TRUE(modelfile.starts_with("FROM model.gguf\n"));
  EXPECT_TRUE(modelfile.contains("SYSTEM \"\"\"Hm.\"\"\"\n"));
  EXPECT_TRUE(modelfile.ends_with("PARAMETER top_k 5\n")) << modelfile;
}

TEST_F(ChatReplTest, WhatNeedsTheStoreSaysSo) {
  for (const char* command : {"/save x", "/list", "/load some-name"})
    EXPECT_TRUE(enter(command).contains("model store")) << command;
  EXPECT_EQ(backend_.n_loads, 1);
}

TEST_F(ChatReplTest, LoadTakesAFileAndStartsAfresh) {
  enter("hello");
  EXPECT_TRUE(enter("/load " HEARTH_SOURCE_DIR "/CMakeLists.txt").contains("Context: 1000"));
  EXPECT_EQ(backend_.n_loads, 2);
  EXPECT_TRUE(contents().empty());
}

TEST_F(ChatReplTest, TheLoopEndsWithTheInput) {
  console_.entries = {{EntryKind::kText, "hello"},
                      {EntryKind::kInterrupted, ""},
                      {EntryKind::kText, " \n"},
                      {EntryKind::kText, "again"}};
  repl_.run();
  EXPECT_EQ(contents().size(), 4u);
  EXPECT_TRUE(console_.said.contains("/bye"));
  EXPECT_EQ(history_.size(), 2u);
}

TEST_F(ChatReplTest, AHistoryThatCannotBeWrittenIsSaidOnce) {
  (void)history_.open("/dev/null/history");
  EXPECT_TRUE(enter("one").contains("not kept"));
  EXPECT_FALSE(enter("two").contains("not kept"));
  EXPECT_EQ(history_.size(), 2u);
}

TEST(ChatBase, AModelWithoutATemplateContinuesText) {
  FakeChatBackend backend;
  ChatSession session(backend);
  ASSERT_TRUE(session.load("base.gguf", {}, [](uint64_t, uint64_t) { return true; }));
  EXPECT_TRUE(greeting_text(session).contains("no chat template"));
  session.settings().system = "ignored";
  ASSERT_TRUE(session.ask("Once upon", {}));
  EXPECT_EQ(backend.raw_text, "Once upon");
  EXPECT_TRUE(backend.messages.empty());
  EXPECT_TRUE(session.messages().empty());
}

TEST(ChatEntry, BlockQuotes) {
  EXPECT_TRUE(is_unfinished_entry("\"\"\"a"));
  EXPECT_TRUE(is_unfinished_entry("\"\"\""));
  EXPECT_TRUE(is_unfinished_entry("  \"\"\"a\n\"\""));
  EXPECT_TRUE(is_unfinished_entry("/set system \"\"\"a"));
  EXPECT_FALSE(is_unfinished_entry("\"\"\"a\nb\"\"\" "));
  EXPECT_FALSE(is_unfinished_entry("what does \"\"\" mean"));
  EXPECT_FALSE(is_unfinished_entry(""));
  EXPECT_EQ(unquoted("\"\"\"\na\n b\n\"\"\""), "a\n b");
  EXPECT_EQ(unquoted("  plain \"\"\" text "), "plain \"\"\" text");
}

TEST(ChatEntry, Completion) {
  EXPECT_EQ(complete_chat_command("/sh"), (std::vector<std::string>{"/show "}));
  EXPECT_EQ(complete_chat_command("/set no"),
            (std::vector<std::string>{"/set nohistory", "/set noformat", "/set nothink",
                                      "/set nowordwrap"}));
  EXPECT_EQ(complete_chat_command("/set parameter temp"),
            (std::vector<std::string>{"/set parameter temperature "}));
  EXPECT_TRUE(complete_chat_command("hello").empty());
}

}  // namespace
}  // namespace hearth::app
