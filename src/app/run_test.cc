// The whole `hearth run` for one answer, from words to exit code, with a backend without a model.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "app/chat_parameters.h"
#include "app/dispatch.h"
#include "app/exit_code.h"
#include "app/fake_chat_backend.h"
#include "app/run_chat.h"
#include "app/run_options.h"

namespace hearth::app {
namespace {

// A command is a plain function, so the backend it is to use stands here.
FakeChatBackend* current_backend = nullptr;

Result<int> run_fake(const ParsedArgs& args, AppContext& context) {
  return run_chat(args, context, *current_backend);
}

// No terminal, and of the environment what the test gives.
using Environment = std::map<std::string, std::string, std::less<>>;
AppContext bare_context(std::FILE* in, std::FILE* out, std::FILE* err,
                        std::span<const Command* const> commands, const Environment& environment) {
  AppContext context;
  context.in = in;
  context.out = out;
  context.err = err;
  context.env = [&](std::string_view name) {
    const auto it = environment.find(name);
    return it == environment.end() ? std::nullopt : std::optional(it->second);
  };
  context.commands = commands;
  return context;
}

class RunTest : public testing::Test {
 protected:
  RunTest() { current_backend = &backend_; }

  // Runs `hearth run ARGS`, with `input` on standard input, which is no terminal.
  int run(std::vector<std::string> args, std::string_view input = "") {
    static const Command command = run_options::command(run_fake);
    static const Command* const commands[] = {&command};
    std::FILE* const in = std::tmpfile();
    std::FILE* const out = std::tmpfile();
    std::FILE* const err = std::tmpfile();
    std::fwrite(input.data(), 1, input.size(), in);
    std::rewind(in);
    AppContext context = bare_context(in, out, err, commands, environment_);
    args.insert(args.begin(), "run");
    const int code = run_hearth(args, context);
    out_ = content(out);
    err_ = content(err);
    for (std::FILE* file : {in, out, err}) std::fclose(file);
    return code;
  }

  static std::string content(std::FILE* file) {
    std::rewind(file);
    std::string text;
    for (int c = std::getc(file); c != EOF; c = std::getc(file)) text += char(c);
    return text;
  }

  [[nodiscard]] std::string question() const {
    return backend_.messages.empty() ? "" : backend_.messages.back().content;
  }

  Environment environment_;
  FakeChatBackend backend_;
  std::string out_;
  std::string err_;
};

TEST_F(RunTest, FormatIsReadBeforeTheModelAndHandedOn) {
  EXPECT_EQ(run({"model.gguf", "--format", "json", "hi"}), kExitOk) << err_;
  ASSERT_NE(backend_.request.format, nullptr);
  EXPECT_EQ(backend_.request.format->name, "json");
  const int n_loads = backend_.n_loads;
  EXPECT_EQ(run({"model.gguf", "--format", "xml", "hi"}),
            exit_code_of(ErrorCode::kInvalidArgument));
  EXPECT_NE(err_.find("'xml' is no format"), std::string::npos) << err_;
  EXPECT_EQ(run({"model.gguf", "--format", "/nowhere/schema.json", "hi"}),
            exit_code_of(ErrorCode::kNotFound));
  EXPECT_EQ(backend_.n_loads, n_loads);
}

TEST_F(RunTest, WhereTheCacheOfWeightsIs) {
  const auto folder = [&](std::vector<std::string> more) {
    std::vector<std::string> args = {"model.gguf", "x"};
    args.insert(args.end(), more.begin(), more.end());
    EXPECT_EQ(run(args), 0) << err_;
    return backend_.load_options.weights.cache_folder;
  };
  EXPECT_EQ(folder({}), "");
  environment_ = {{"HOME", "/h"}};
  EXPECT_EQ(folder({}), "/h/.cache/hearth/packed");
  environment_["XDG_CACHE_HOME"] = "/c";
  EXPECT_EQ(folder({}), "/c/hearth/packed");
  EXPECT_TRUE(backend_.load_options.weights.repack);
  EXPECT_TRUE(backend_.load_options.weights.cache_write);
  EXPECT_EQ(backend_.load_options.weights.cache_limit_bytes, 0u);
  EXPECT_EQ(folder({"--no-cache"}), "");
  environment_["HEARTH_CACHE_LIMIT"] = "3";
  EXPECT_EQ(folder({}), "/c/hearth/packed");
  EXPECT_EQ(backend_.load_options.weights.cache_limit_bytes, 3'000'000'000u);
  environment_["HEARTH_NO_CACHE"] = "1";
  EXPECT_EQ(folder({}), "");
}

TEST_F(RunTest, OneAnswer) {
  EXPECT_EQ(run({"model.gguf", "hello"}), 0);
  EXPECT_EQ(out_, "Echo: hello\n");
  EXPECT_EQ(err_, "");
}

TEST_F(RunTest, WordsAndStandardInputMakeOnePrompt) {
  EXPECT_EQ(run({"model.gguf", "sum", "it", "up"}, "line one\nline two\n"), 0);
  EXPECT_EQ(question(), "sum it up\n\nline one\nline two");
  EXPECT_EQ(run({"model.gguf"}, "alone\r\n"), 0);
  EXPECT_EQ(question(), "alone");
}

TEST_F(RunTest, OptionsReachTheBackend) {
  EXPECT_EQ(run({"model.gguf",
                 "a b c d",
                 "--system",
                 "Be brief.",
                 "--temperature",
                 "0.5",
                 "--top-k",
                 "3",
                 "--top-p",
                 "0.9",
                 "--min-p",
                 "0.2",
                 "--seed",
                 "18446744073709551615",
                 "-n",
                 "2",
                 "--ctx",
                 "99",
                 "--threads",
                 "3",
                 "--kv",
                 "bf16",
                 "--isa",
                 "scalar",
                 "--no-repack",
                 "--no-cache",
                 "--cache-limit",
                 "7",
                 "--template",
                 "chatml"}),
            0);
  EXPECT_EQ(out_, "Echo: a\n");
  ASSERT_EQ(backend_.messages.size(), 2u);
  EXPECT_EQ(backend_.messages[0].content, "Be brief.");
  EXPECT_FLOAT_EQ(backend_.request.sampling.temperature, 0.5f);
  EXPECT_EQ(backend_.request.sampling.top_k, 3);
  EXPECT_FLOAT_EQ(backend_.request.sampling.top_p, 0.9f);
  EXPECT_FLOAT_EQ(backend_.request.sampling.min_p, 0.2f);
  EXPECT_EQ(backend_.request.sampling.seed, 18446744073709551615u);
  EXPECT_EQ(backend_.load_options.ctx, 99u);
  EXPECT_EQ(backend_.load_options.threads, 3u);
  EXPECT_EQ(backend_.load_options.kv, "bf16");
  EXPECT_EQ(backend_.load_options.isa, "scalar");
  EXPECT_FALSE(backend_.load_options.weights.repack);
  EXPECT_EQ(backend_.load_options.weights.cache_folder, "");
  EXPECT_EQ(backend_.load_options.weights.cache_limit_bytes, 7'000'000'000u);
  EXPECT_EQ(backend_.load_options.chat_template, "chatml");
}

// All tables of how tokens are chosen.
std::vector<SamplingSetting> all_settings() {
  std::vector<SamplingSetting> all;
  for (const std::span<const SamplingSetting> table :
       {std::span<const SamplingSetting>(kChoosingSettings),
        std::span<const SamplingSetting>(kRepetitionSettings),
        std::span<const SamplingSetting>(kSurpriseSettings)})
    all.insert(all.end(), table.begin(), table.end());
  return all;
}

TEST_F(RunTest, TheHelpTellsTheRealDefaults) {
  const sample::SamplerParams defaults;
  for (const SamplingSetting& setting : all_settings()) {
    const std::string note(setting.option.default_note);
    if (setting.real != nullptr) {
      EXPECT_EQ(note, fmt::format("{}", defaults.*setting.real)) << setting.option.name;
    }
    if (setting.whole != nullptr) {
      EXPECT_EQ(note, fmt::format("{}", defaults.*setting.whole)) << setting.option.name;
    }
    if (setting.kind == SamplingSetting::Kind::kOrder) {
      EXPECT_EQ(note, defaults.order);
    }
    const auto parameter = find_chat_parameter(setting.parameter);
    ASSERT_TRUE(parameter) << setting.parameter;
    if (setting.kind == SamplingSetting::Kind::kBreakers) {
      EXPECT_EQ(note, (*parameter)->show(**parameter, {}, {}));
    }
  }
}

// Every number is given another value; a forgotten member would keep its default.
TEST_F(RunTest, EverySamplingOptionReachesTheBackend) {
  const sample::SamplerParams defaults;
  std::vector<std::string> words = {"model.gguf", "hi"};
  for (const SamplingSetting& setting : all_settings()) {
    if (setting.real == nullptr && setting.whole == nullptr) continue;
    words.emplace_back(setting.option.name);
    words.push_back(setting.whole == &sample::SamplerParams::mirostat ? "2"
                    : setting.whole != nullptr                        ? "7"
                    : setting.real == &sample::SamplerParams::dry_base ||
                            setting.real == &sample::SamplerParams::repeat_penalty
                        ? "1.25"
                        : "0.25");
  }
  ASSERT_EQ(run(words), 0) << err_;
  for (const SamplingSetting& setting : all_settings()) {
    if (setting.real != nullptr) {
      EXPECT_NE(backend_.request.sampling.*setting.real, defaults.*setting.real)
          << setting.option.name;
    }
    if (setting.whole != nullptr) {
      EXPECT_NE(backend_.request.sampling.*setting.whole, defaults.*setting.whole)
          << setting.option.name;
    }
  }
}

TEST_F(RunTest, ListsAndOrdersReachTheBackend) {
  EXPECT_EQ(run({"model.gguf",
                 "hi",
                 "--temp",
                 "0",
                 "--samplers",
                 "top_k;temp",
                 "--logit-bias",
                 "15+1.5",
                 "--logit-bias",
                 "7-inf",
                 "--dry-sequence-breaker",
                 "\\n",
                 "--dry-sequence-breaker",
                 "two words",
                 "--stop",
                 "end \"it\"",
                 "--stop",
                 "\\n\\n",
                 "--top-k",
                 "-1"}),
            0)
      << err_;
  EXPECT_EQ(backend_.request.sampling.temperature, 0);
  EXPECT_EQ(backend_.request.sampling.order, "top_k;temp");
  EXPECT_EQ(backend_.request.sampling.top_k, -1);
  using Biases = std::vector<std::pair<int32_t, float>>;
  EXPECT_EQ(backend_.request.sampling.logit_bias,
            (Biases{{15, 1.5f}, {7, -std::numeric_limits<float>::infinity()}}));
  EXPECT_EQ(backend_.dry_breakers, (std::vector<std::string>{"\n", "two words"}));
  EXPECT_EQ(backend_.stop_texts, (std::vector<std::string>{"end \"it\"", "\n\n"}));
  EXPECT_EQ(run({"model.gguf", "hi"}), 0);
  EXPECT_EQ(backend_.dry_breakers, (std::vector<std::string>{"\n", ":", "\"", "*"}));
  EXPECT_EQ(run({"model.gguf", "hi", "--dry-sequence-breaker", "none"}), 0);
  EXPECT_TRUE(backend_.dry_breakers.empty());
}

TEST_F(RunTest, ValuesOutOfRangeNameTheOptionAndTheRange) {
  EXPECT_EQ(run({"model.gguf", "x", "--repeat-last-n", "-5"}), 2);
  EXPECT_TRUE(err_.contains("--repeat-last-n: penalty_last_n is -5; it must be -1")) << err_;
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"--temperature", "-1"},      {"--temp", "nan"},         {"--top-p", "1.5"},
      {"--min-p", "-0.1"},          {"--mirostat", "3"},       {"--samplers", "top_k;magic"},
      {"--logit-bias", "x"},        {"--logit-bias", "1"},     {"--logit-bias", "-1+2"},
      {"--logit-bias", "1+"},       {"--logit-bias", "1--2"},  {"--logit-bias", "1+inf"},
      {"--logit-bias", "1+2x"},     {"--dry-base", "0.5"},     {"--min-keep", "-1"},
      {"--dry-multiplier", "-0.5"}, {"--top-k", "9999999999"}, {"--seed", "-1"}};
  for (const auto& [option, value] : bad) {
    EXPECT_EQ(run({"model.gguf", "x", option, value}), 2) << option << " " << value;
    EXPECT_TRUE(err_.contains(option == "--temp" ? "--temperature" : option)) << err_;
    EXPECT_EQ(out_, "");
  }
}

TEST_F(RunTest, WhatTheFileRecommendsReplacesDefaultsOnly) {
  EXPECT_EQ(run({"odd.gguf", "hi", "--top-k", "3", "--verbose"}), 0);
  EXPECT_FLOAT_EQ(backend_.request.sampling.temperature, 0.6f);
  EXPECT_FLOAT_EQ(backend_.request.sampling.repeat_penalty, 1.05f);
  EXPECT_EQ(backend_.request.sampling.order, "top_k;temperature");
  EXPECT_EQ(backend_.request.sampling.top_k, 3);
  EXPECT_FLOAT_EQ(backend_.request.sampling.top_p, 0.95f);  // 7 is out of range
  EXPECT_TRUE(err_.contains("warning: the top_p that the file recommends is not used")) << err_;
  EXPECT_TRUE(err_.contains("'novelty' = '\\x1b'")) << err_;
  EXPECT_TRUE(err_.contains("temperature 0.6 (recommended by the model's file)")) << err_;
  EXPECT_TRUE(err_.contains("top_k 3 (yours)")) << err_;
  EXPECT_EQ(run({"odd.gguf", "hi", "--json", "--temp", "0"}), 0);
  const auto settings = nlohmann::json::parse(out_)["settings"];
  EXPECT_EQ(settings["temperature"]["from"], "you");
  EXPECT_EQ(settings["top_k"]["from"], "model");
  EXPECT_EQ(settings["top_k"]["value"], "20");
  EXPECT_FALSE(settings.contains("top_p"));
}

TEST_F(RunTest, WarningsAreShownOnceOnStandardError) {
  EXPECT_EQ(run({"odd.gguf", "hi"}), 0);
  EXPECT_EQ(out_, "Echo: hi\n");
  const std::string warning = "warning: the file is \\x1b odd\n";
  const size_t at = err_.find(warning);
  ASSERT_NE(at, std::string::npos) << err_;
  EXPECT_EQ(err_.find(warning, at + 1), std::string::npos);
  EXPECT_EQ(run({"model.gguf", "hi"}), 0);
  EXPECT_EQ(err_, "");
}

TEST_F(RunTest, RawContinuesTheText) {
  EXPECT_EQ(run({"model.gguf", "Once <b>", "--raw", "--json"}), 0);
  EXPECT_EQ(backend_.raw_text, "Once <b>");
  EXPECT_TRUE(backend_.messages.empty());
  EXPECT_TRUE(backend_.request.raw_has_special);
  EXPECT_EQ(nlohmann::json::parse(out_)["mode"], "continue");
  EXPECT_EQ(err_, "");
  EXPECT_EQ(run({"base.gguf", "Once"}), 0);
  EXPECT_FALSE(backend_.request.raw_has_special);
  EXPECT_EQ(run({"model.gguf", "x", "--raw", "--system", "y"}), 2);
  EXPECT_EQ(run({"model.gguf", "x", "--raw", "--template", "plain"}), 2);
}

TEST_F(RunTest, OptionsWithoutAModelAreAUsageError) {
  EXPECT_EQ(run({"--temperature", "0", "--raw"}), 2);
  EXPECT_TRUE(err_.contains("'hearth run' needs MODEL")) << err_;
}

TEST_F(RunTest, JsonIsOneObjectOnOneLine) {
  EXPECT_EQ(run({"model.gguf", "say \"hi\"", "--json", "--seed", "5"}), 0);
  EXPECT_EQ(out_.find('\n'), out_.size() - 1);
  const auto report = nlohmann::json::parse(out_);
  EXPECT_EQ(report["text"], "Echo: say \"hi\"");
  EXPECT_EQ(report["stop_reason"], "end");
  EXPECT_EQ(report["tokens"]["prompt"], 2);
  EXPECT_EQ(report["tokens"]["cached"], 0);
  EXPECT_EQ(report["tokens"]["generated"], 3);
  EXPECT_EQ(report["context"]["used"], 5);
  EXPECT_EQ(report["context"]["limit"], 1000);
  EXPECT_EQ(report["seconds"]["load"], 0.25);
  EXPECT_EQ(report["tokens_per_second"]["generate"], 12.0);
  EXPECT_EQ(report["seed"], 5);
  EXPECT_EQ(report["mode"], "chat");
}

TEST_F(RunTest, ReasoningGoesToStandardErrorUnlessHidden) {
  EXPECT_EQ(run({"model.gguf", "ponder"}), 0);
  EXPECT_EQ(out_, "Echo: ponder\n");
  EXPECT_EQ(err_, "hm, well\n\n");
  EXPECT_EQ(run({"model.gguf", "ponder", "--hide-thinking"}), 0);
  EXPECT_EQ(err_, "");
  EXPECT_EQ(run({"model.gguf", "ponder", "--json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(out_)["reasoning"], "hm, well");
  EXPECT_EQ(err_, "");
}

TEST_F(RunTest, CallsArePrintedAsJson) {
  EXPECT_EQ(run({"model.gguf", "look up"}), 0);
  EXPECT_EQ(out_, "Echo: look up\n{\"name\":\"find\",\"arguments\":{\"x\":1},\"id\":\"abc\"}\n");
  EXPECT_EQ(err_, "warning: an odd call\n");
  EXPECT_EQ(run({"model.gguf", "look up", "--json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(out_)["tool_calls"][0]["arguments"]["x"], 1);
}

TEST_F(RunTest, ThinkAndToolsReachTheBackendOrAreRefused) {
  EXPECT_EQ(run({"model.gguf", "x", "--think", "120"}), 0);
  EXPECT_EQ(backend_.request.think.budget, 120);
  EXPECT_EQ(run({"model.gguf", "x", "--think", "low"}), 0);
  EXPECT_EQ(backend_.request.think.level, "low");
  EXPECT_EQ(run({"model.gguf", "x", "--think", "loud"}), 2);
  EXPECT_TRUE(err_.contains("low, medium, high")) << err_;
  EXPECT_EQ(run({"model.gguf", "x", "--tools", "/nonexistent.json"}), 3);
  EXPECT_EQ(run({"model.gguf", "x", "--raw", "--think", "on"}), 2);
}

TEST_F(RunTest, VerboseGoesToStandardError) {
  EXPECT_EQ(run({"model.gguf", "hello", "--verbose"}), 0);
  EXPECT_EQ(out_, "Echo: hello\n");
  for (const char* word : {"load duration", "prompt eval rate", "eval rate", "context", "memory"})
    EXPECT_TRUE(err_.contains(word)) << word;
}

TEST_F(RunTest, AModelWithoutATemplateContinuesAndSaysSo) {
  EXPECT_EQ(run({"base.gguf", "Once upon", "--system", "x"}), 0);
  EXPECT_EQ(backend_.raw_text, "Once upon");
  EXPECT_TRUE(err_.contains("no chat template")) << err_;
  EXPECT_TRUE(err_.contains("--system is not used")) << err_;
  EXPECT_EQ(out_, "and so: Once upon\n");
}

TEST_F(RunTest, ALongPromptIsAnErrorWithCounts) {
  EXPECT_EQ(run({"model.gguf", "one two three four", "--ctx", "4"}),
            exit_code_of(ErrorCode::kContextFull));
  EXPECT_TRUE(err_.contains("4 tokens")) << err_;
  EXPECT_TRUE(err_.contains("--ctx N")) << err_;
  EXPECT_EQ(out_, "");
}

TEST_F(RunTest, AnAnswerThatFillsTheContextIsSaid) {
  EXPECT_EQ(run({"model.gguf", "count", "--ctx", "5"}), 0);
  EXPECT_EQ(out_, "1 2 3 4\n");
  EXPECT_TRUE(err_.contains("5 of 5 tokens")) << err_;
}

TEST_F(RunTest, BadInputIsOneSentenceAndANextStep) {
  EXPECT_EQ(run({"missing.gguf", "x"}), exit_code_of(ErrorCode::kNotFound));
  EXPECT_EQ(run({"model.gguf"}), 2);  // nothing to answer
  EXPECT_TRUE(err_.contains("there is no prompt")) << err_;
  EXPECT_TRUE(err_.contains("after the model")) << err_;
  EXPECT_EQ(run({"model.gguf"}, "\xFF\xFE"), 2);
  EXPECT_TRUE(err_.contains("not UTF-8 text (at byte 0)")) << err_;
  EXPECT_EQ(run({"model.gguf", "ok \xC3"}), 2);
  EXPECT_TRUE(err_.contains("the prompt is not UTF-8 text (at byte 3)")) << err_;
  EXPECT_EQ(run({"model.gguf", "x", "--temperature", "nan"}), 2);
  EXPECT_EQ(run({"model.gguf", "x", "--top-p", "2"}), 2);
  EXPECT_EQ(run({"model.gguf", "x", "--top-k", "99999999999"}), 2);
  EXPECT_EQ(run({"model.gguf", "x", "--kv", "q9_0"}), 2);
  EXPECT_EQ(run({"model.gguf", "--interactive", "--json"}), 2);
  EXPECT_EQ(run({}), 2);
}

TEST_F(RunTest, APipeGetsTheModelsBytesAsTheyAre) {
  EXPECT_EQ(run({"model.gguf", "hostile"}), 0);
  EXPECT_TRUE(out_.contains('\x1b'));
}

TEST_F(RunTest, AFullDiskIsAnError) {
  std::FILE* const full = std::fopen("/dev/full", "w");
  if (full == nullptr) GTEST_SKIP() << "this system has no /dev/full";
  static const Command command = run_options::command(run_fake);
  static const Command* const commands[] = {&command};
  std::FILE* const in = std::tmpfile();
  std::FILE* const err = std::tmpfile();
  AppContext context = bare_context(in, full, err, commands, environment_);
  // "count" never ends by itself: that it ends shows that a lost output stops the answer.
  const std::vector<std::string> args = {"run", "model.gguf", "count"};
  EXPECT_EQ(run_hearth(args, context), exit_code_of(ErrorCode::kIo));
  EXPECT_TRUE(content(err).contains("could be written")) << content(err);
  for (std::FILE* file : {full, in, err}) std::fclose(file);
}

}  // namespace
}  // namespace hearth::app
