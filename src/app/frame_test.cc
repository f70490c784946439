// The frame of the command line: parsing, messages, help and the documents made from the same
// tables. The commands here are made up for the test; the real ones are tested beside themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "app/completion.h"
#include "app/dispatch.h"
#include "app/exit_code.h"
#include "app/list.h"
#include "app/man.h"
#include "app/options.h"
#include "app/usage.h"

namespace hearth::app {
namespace {

constexpr std::string_view kColors[] = {"red", "green"};
constexpr Positional kPositionals[] = {
    {.name = "MODEL", .kind = OptionKind::kPath, .help = "a GGUF file"},
    {.name = "WORD", .help = "what to say", .required = false, .repeats = true},
};
constexpr Option kOptions[] = {
    {.name = "--ctx",
     .short_name = "-c",
     .kind = OptionKind::kUint,
     .value_name = "N",
     .help = "tokens of context",
     .default_value = "4096",
     .env = "HEARTH_TEST_CTX",
     .min = 1,
     .max = 100000},
    {.name = "--seed",
     .kind = OptionKind::kInt,
     .value_name = "N",
     .help = "start of the random numbers"},
    {.name = "--temperature",
     .kind = OptionKind::kFloat,
     .value_name = "X",
     .help = "heat",
     .min = 0},
    {.name = "--system",
     .kind = OptionKind::kString,
     .value_name = "TEXT",
     .help = "what it is told first"},
    {.name = "--color",
     .kind = OptionKind::kEnum,
     .value_name = "NAME",
     .help = "paint it",
     .choices = kColors},
    {.name = "--ids", .kind = OptionKind::kUintList, .value_name = "LIST", .help = "token ids"},
    {.name = "--json", .help = "print JSON", .env = "HEARTH_TEST_JSON"},
    {.name = "--stop",
     .kind = OptionKind::kString,
     .value_name = "TEXT",
     .help = "end there",
     .repeats = true},
};
constexpr Option kGroupOptions[] = {
    {.name = "--threads",
     .short_name = "-t",
     .kind = OptionKind::kUint,
     .value_name = "N",
     .help = "threads",
     .default_note = "all cores"},
};
constexpr OptionGroup kGroups[] = {{.title = "Performance", .options = kGroupOptions}};
constexpr Example kExamples[] = {{.line = "hearth paint m.gguf", .what = "does it"}};

Result<int> run_paint(const ParsedArgs& args, AppContext& context) {
  if (args.get_text("MODEL") == "missing")
    return fail(ErrorCode::kNotFound, "there is no file 'mis\x1b[31msing'", "check the spelling");
  context.print("painted " + args.get_text("MODEL") + "\n");
  return kExitOk;
}

constexpr Command kPaint = {.name = "paint",
                            .summary = "paint a model",
                            .description = "First paragraph.\n\nSecond paragraph.",
                            .positionals = kPositionals,
                            .options = kOptions,
                            .groups = kGroups,
                            .examples = kExamples,
                            .run = run_paint};

Result<int> run_nothing(const ParsedArgs&, AppContext&) { return kExitOk; }
constexpr Command kPrint = {.name = "print", .summary = "print it", .run = run_nothing};
constexpr const Command* kCommands[] = {&kPaint, &kPrint};

class Frame : public ::testing::Test {
 protected:
  Frame() {
    context_.out = std::tmpfile();
    context_.err = std::tmpfile();
    context_.env = [this](std::string_view name) -> std::optional<std::string> {
      const auto found = env_.find(name);
      return found == env_.end() ? std::nullopt : std::optional(found->second);
    };
    context_.commands = kCommands;
  }
  ~Frame() override {
    std::fclose(context_.out);
    std::fclose(context_.err);
  }

  static std::string text_of(std::FILE* file) {
    std::string text(size_t(std::ftell(file)), '\0');
    std::rewind(file);
    text.resize(std::fread(text.data(), 1, text.size(), file));
    return text;
  }

  Result<ParseOutcome> parse(const std::vector<std::string>& words) {
    return parse_args(kPaint, words, context_);
  }
  ParsedArgs parse_ok(const std::vector<std::string>& words) {
    Result<ParseOutcome> outcome = parse(words);
    EXPECT_TRUE(outcome.has_value()) << (outcome ? "" : outcome.error().message);
    return outcome ? outcome->args : ParsedArgs();
  }
  std::string parse_error(const std::vector<std::string>& words) {
    const Result<ParseOutcome> outcome = parse(words);
    EXPECT_FALSE(outcome.has_value());
    if (outcome) return "";
    EXPECT_EQ(outcome.error().code, ErrorCode::kInvalidArgument);
    return outcome.error().message;
  }

  std::map<std::string, std::string, std::less<>> env_;
  AppContext context_;
};

TEST_F(Frame, ReadsEveryKindOfValue) {
  const ParsedArgs args =
      parse_ok({"m.gguf", "--ctx", "512", "--seed", "-1", "--temperature=0.5", "--color", "green",
                "--ids", "1,20,300", "--json", "--stop", "a", "--stop=b"});
  EXPECT_EQ(args.get_text("MODEL"), "m.gguf");
  EXPECT_EQ(args.get_uint("--ctx"), 512u);
  EXPECT_EQ(args.get_int("--seed"), -1);
  EXPECT_EQ(args.get_float("--temperature"), 0.5);
  EXPECT_EQ(args.get_text("--color"), "green");
  EXPECT_EQ(args.uint_list("--ids"), (std::vector<uint64_t>{1, 20, 300}));
  EXPECT_TRUE(args.flag("--json"));
  EXPECT_EQ(args.texts("--stop"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(args.texts("WORD").empty());
}

TEST_F(Frame, AbsentOptionsHaveTheirDefaultOrNothing) {
  const ParsedArgs args = parse_ok({"m.gguf"});
  EXPECT_EQ(args.get_uint("--ctx"), 4096u);
  EXPECT_FALSE(args.given("--ctx"));
  EXPECT_FALSE(args.find_int("--seed"));
  EXPECT_FALSE(args.find_uint("--threads"));
  EXPECT_FALSE(args.flag("--json"));
}

TEST_F(Frame, ShortFormsAndTheLastOneCounts) {
  EXPECT_EQ(parse_ok({"m", "-c", "5"}).get_uint("--ctx"), 5u);
  EXPECT_EQ(parse_ok({"m", "-c6"}).get_uint("--ctx"), 6u);
  EXPECT_EQ(parse_ok({"-t", "2", "m", "-c", "6", "--ctx", "7"}).get_uint("--ctx"), 7u);
}

TEST_F(Frame, TextsArriveAsTheyWereTyped) {
  EXPECT_EQ(parse_ok({"m", "--system="}).find_text("--system"), "");
  EXPECT_EQ(parse_ok({"m", "--system=", "word"}).texts("WORD"), std::vector<std::string>{"word"});
  EXPECT_EQ(parse_ok({"m", "--system", ""}).find_text("--system"), "");
  EXPECT_EQ(parse_ok({"m", "--system", "-x --ctx"}).find_text("--system"), "-x --ctx");
  EXPECT_EQ(parse_ok({"m", "--system", "[a,b]"}).find_text("--system"), "[a,b]");
  EXPECT_EQ(parse_ok({"m", "--system", "{}"}).find_text("--system"), "{}");
  EXPECT_EQ(parse_ok({"m", "--system", "\"q\" %%"}).find_text("--system"), "\"q\" %%");
  EXPECT_EQ(parse_ok({"m", "--system=a=b"}).find_text("--system"), "a=b");
  const std::vector<std::string> words = {"[1,2]", "", "-", "-5", "--ctx", "paint"};
  EXPECT_EQ(parse_ok({"m", "[1,2]", "", "-", "-5", "--", "--ctx", "paint"}).texts("WORD"), words);
}

TEST_F(Frame, TheEnvironmentStandsInForAnAbsentOption) {
  env_ = {{"HEARTH_TEST_CTX", "77"}, {"HEARTH_TEST_JSON", "1"}};
  EXPECT_EQ(parse_ok({"m"}).get_uint("--ctx"), 77u);
  EXPECT_TRUE(parse_ok({"m"}).given("--ctx"));
  EXPECT_TRUE(parse_ok({"m"}).flag("--json"));
  EXPECT_EQ(parse_ok({"m", "--ctx", "8"}).get_uint("--ctx"), 8u);
  env_["HEARTH_TEST_JSON"] = "0";
  EXPECT_FALSE(parse_ok({"m"}).flag("--json"));
  env_["HEARTH_TEST_CTX"] = "many";
  EXPECT_EQ(
      parse_error({"m"}),
      "the environment variable HEARTH_TEST_CTX takes a whole number from 1 to 100000, not 'many'");
}

TEST_F(Frame, RefusesValuesThatMakeNoSense) {
  EXPECT_EQ(parse_error({"m", "--ctx", "abc"}),
            "'--ctx' takes a whole number from 1 to 100000, not 'abc'");
  EXPECT_EQ(parse_error({"m", "--ctx", "0"}),
            "'--ctx' takes a whole number from 1 to 100000, not '0'");
  EXPECT_EQ(parse_error({"m", "--ctx", "-3"}),
            "'--ctx' takes a whole number from 1 to 100000, not '-3'");
  EXPECT_EQ(parse_error({"m", "--ctx", "12x"}),
            "'--ctx' takes a whole number from 1 to 100000, not '12x'");
  EXPECT_EQ(parse_error({"m", "--ctx", "99999999999999999999"}),
            "'--ctx' takes a whole number from 1 to 100000, not '99999999999999999999'");
  EXPECT_EQ(parse_error({"m", "--temperature", "nan"}),
            "'--temperature' takes a number of at least 0, not 'nan'");
  EXPECT_EQ(parse_error({"m", "--temperature", "-0.1"}),
            "'--temperature' takes a number of at least 0, not '-0.1'");
  EXPECT_EQ(parse_error({"m", "--color", "blue"}), "'--color' takes one of red, green, not 'blue'");
  EXPECT_EQ(parse_error({"m", "--ids", "1,,2"}),
            "'--ids' takes whole numbers with commas between them (1,2,3), not '1,,2'");
  EXPECT_EQ(parse_error({"m", "--json=perhaps"}), "'--json' takes no value, not 'perhaps'");
  EXPECT_EQ(parse_error({"m", "--ctx"}), "'--ctx' needs a value");
  EXPECT_EQ(parse_error({}), "'hearth paint' needs MODEL: a GGUF file");
}

TEST_F(Frame, NamesTheNearestOption) {
  EXPECT_EQ(parse_error({"m", "--cxt", "5"}),
            "'hearth paint' has no option '--cxt'; did you mean '--ctx'?");
  EXPECT_EQ(parse_error({"m", "--temprature=1"}),
            "'hearth paint' has no option '--temprature'; did you mean '--temperature'?");
  EXPECT_EQ(parse_error({"m", "--xyzzy"}), "'hearth paint' has no option '--xyzzy'");
}

TEST_F(Frame, TooManyPositionalsAreRefused) {
  const Result<ParseOutcome> outcome =
      parse_args(kPrint, std::vector<std::string>{"extra"}, context_);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().message, "'hearth print' does not know what to do with 'extra'");
}

TEST_F(Frame, HelpWinsOverEverythingElse) {
  const Result<ParseOutcome> outcome = parse({"--nonsense", "--help"});
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->help);
  EXPECT_FALSE(parse({"m", "--system", "--help"})->help);  // there it is a value
}

TEST_F(Frame, RunsACommandAndPrintsItsError) {
  EXPECT_EQ(run_hearth(std::vector<std::string>{"paint", "m"}, context_), 0);
  EXPECT_EQ(text_of(context_.out), "painted m\n");
  EXPECT_EQ(run_hearth(std::vector<std::string>{"paint", "missing"}, context_), 3);
  EXPECT_EQ(text_of(context_.err),
            "hearth: there is no file 'mis\\x1b[31msing'.\n  check the spelling\n");
}

TEST_F(Frame, AnUnknownCommandIsAUsageError) {
  EXPECT_EQ(run_hearth(std::vector<std::string>{"pant"}, context_), 2);
  EXPECT_EQ(text_of(context_.err),
            "hearth: there is no command 'pant'; did you mean 'paint'?\n  `hearth help` lists the "
            "commands\n");
}

TEST_F(Frame, AloneItPrintsTheOverview) {
  EXPECT_EQ(run_hearth({}, context_), 0);
  EXPECT_EQ(text_of(context_.out), overview(kCommands));
}

TEST_F(Frame, AFullDiskIsReported) {
  std::FILE* full = std::fopen("/dev/full", "w");
  if (full == nullptr) GTEST_SKIP() << "this system has no /dev/full";
  std::swap(full, context_.out);
  EXPECT_EQ(run_hearth(std::vector<std::string>{"paint", "m"}, context_), 6);
  EXPECT_TRUE(
      text_of(context_.err).starts_with("hearth: not everything could be written to the output: "));
  std::swap(full, context_.out);
  std::fclose(full);
}

TEST_F(Frame, HelpAndDocumentsHoldEveryOption) {
  const std::string help = command_help(kPaint);
  const std::string man = man_page(kCommands, "1.2.3");
  const std::string markdown = markdown_reference(kCommands);
  for (const Option* option : all_options(kPaint)) {
    EXPECT_NE(help.find(option->name), std::string::npos) << option->name;
    EXPECT_NE(markdown.find("`" + option_head(*option) + "`"), std::string::npos) << option->name;
    EXPECT_NE(man.find("\\-\\-" + std::string(option->name.substr(2))), std::string::npos)
        << option->name;
  }
  EXPECT_NE(help.find("Performance:\n  -t, --threads N"), std::string::npos) << help;
  EXPECT_NE(help.find("threads (default: all cores)"), std::string::npos) << help;
  EXPECT_NE(help.find("tokens of context (default: 4096) [HEARTH_TEST_CTX]"), std::string::npos)
      << help;
  EXPECT_NE(markdown.find("| `HEARTH_TEST_CTX` | `--ctx` |"), std::string::npos) << markdown;
}

TEST_F(Frame, WrapsBetweenWords) {
  EXPECT_EQ(wrap("aa bb cc", 5), (std::vector<std::string>{"aa bb", "cc"}));
  EXPECT_EQ(wrap("one\n\ntwo", 80), (std::vector<std::string>{"one", "", "two"}));
  EXPECT_EQ(wrap("averylongword b", 3), (std::vector<std::string>{"averylongword", "b"}));
}

TEST_F(Frame, CompletionsKnowOptionsAndChoices) {
  const std::string bash = bash_completion(kCommands);
  EXPECT_NE(bash.find("compgen -W \"paint print\""), std::string::npos);
  EXPECT_NE(bash.find("\"paint --color\") COMPREPLY=($(compgen -W \"red green\""),
            std::string::npos)
      << bash;
  EXPECT_NE(zsh_completion(kCommands).find("'(--color)'--color'[paint it]:NAME:(red green)'"),
            std::string::npos);
  EXPECT_NE(fish_completion(kCommands).find("-l ctx -x -d 'tokens of context'"), std::string::npos);
}

TEST_F(Frame, NearestNameIsNotAGuessAtAnyPrice) {
  constexpr std::string_view kNames[] = {"show", "run", "tokenize"};
  EXPECT_EQ(nearest_name("shwo", kNames), "show");
  EXPECT_EQ(nearest_name("tokenise", kNames), "tokenize");
  EXPECT_EQ(nearest_name("xx", kNames), "");
  EXPECT_EQ(nearest_name("", kNames), "");
  EXPECT_EQ(nearest_name(std::string(100000, 'a'), kNames), "");
}

// The tables of the real commands, by rules that a mistake would break.
TEST(Commands, TablesAreWellFormed) {
  std::vector<std::string_view> names;
  for (const Command* command : all_commands()) {
    EXPECT_EQ(std::ranges::count(names, command->name), 0) << command->name;
    names.push_back(command->name);
    EXPECT_NE(command->run, nullptr) << command->name;
    EXPECT_FALSE(command->summary.empty() || command->summary.ends_with('.')) << command->name;
    std::vector<std::string_view> options = {"--help", "-h"};
    for (const Option* option : all_options(*command)) {
      const std::string where = std::string(command->name) + " " + std::string(option->name);
      EXPECT_TRUE(option->name.starts_with("-")) << where;
      EXPECT_FALSE(option->help.empty() || option->help.ends_with('.')) << where;
      EXPECT_EQ(option->value_name.empty(), option->kind == OptionKind::kFlag) << where;
      EXPECT_EQ(option->choices.empty(), option->kind != OptionKind::kEnum) << where;
      EXPECT_TRUE(option->env.empty() || option->env.starts_with("HEARTH_")) << where;
      for (const std::string_view name : {option->name, option->short_name}) {
        EXPECT_TRUE(name.empty() || std::ranges::count(options, name) == 0) << where << " twice";
        options.push_back(name);
      }
    }
    for (size_t i = 0; i + 1 < command->positionals.size(); ++i)
      EXPECT_FALSE(command->positionals[i].repeats) << command->name;
  }
}

TEST(Commands, DefaultsPassTheirOwnCheck) {
  AppContext context;
  context.env = [](std::string_view) { return std::nullopt; };
  for (const Command* command : all_commands()) {
    std::vector<std::string> words;
    for (const Positional& positional : command->positionals)
      if (positional.required)
        words.emplace_back(positional.choices.empty() ? "x" : positional.choices[0]);
    const Result<ParseOutcome> outcome = parse_args(*command, words, context);
    EXPECT_TRUE(outcome.has_value()) << command->name << ": " << outcome.error().message;
  }
}

TEST(ExitCodes, EveryErrorHasItsOwn) {
  std::vector<int> seen = {0};
  for (const ExitCodeRow& row : kExitCodes) {
    EXPECT_EQ(std::ranges::count(seen, row.exit_code), 0);
    seen.push_back(row.exit_code);
  }
  EXPECT_EQ(exit_code_of(ErrorCode::kInvalidArgument), 2);
  EXPECT_EQ(exit_code_of(ErrorCode::kInternal), 70);
}

}  // namespace
}  // namespace hearth::app
