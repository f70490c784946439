// Command: everything that one `hearth NAME` is, said once. From its tables come the parser
// (options.h), the help, the shell completions, the man page and docs/cli.md. One file per command
// defines one Command; list.cc has one line for each. Knows no other room than base.
//
//   namespace hearth::app {
//   namespace {
//   constexpr Positional kPositionals[] = {{.name = "FILE", .kind = OptionKind::kPath, .help = "a
//   GGUF file"}}; constexpr Option kOptions[] = {{.name = "--json", .help = "print one JSON
//   object"}}; Result<int> run(const ParsedArgs& args, AppContext& context) { ... return kExitOk; }
//   }  // namespace
//   extern const Command kShow = {.name = "show", .summary = "...", .positionals = kPositionals,
//                                 .options = kOptions, .run = run};
//   }
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::app {

inline constexpr int kExitOk = 0;

enum class OptionKind {
  kFlag,  // no value: given or not
  kInt,   // may be negative
  kUint,  // 0, 1, 2, ...
  kFloat,
  kString,
  kEnum,      // one of `choices`
  kPath,      // a file name; completions offer files
  kUintList,  // 1,2,3
};

struct Option {
  std::string_view name;             // "--ctx"
  std::string_view short_name = {};  // "-c"; or a second long name, "--temp"
  OptionKind kind = OptionKind::kFlag;
  std::string_view value_name = {};  // "N"; required for every kind but kFlag
  std::string_view help;             // one sentence without its full stop
  // What counts when the option is absent, as if it had been typed. The only place where a default
  // stands.
  std::string_view default_value = {};
  // Said in the help in place of default_value where the program works the value out ("all cores").
  std::string_view default_note = {};
  std::string_view env = {};  // read when the option is absent: "HEARTH_THREADS"
  std::span<const std::string_view> choices = {};         // for kEnum
  double min = -std::numeric_limits<double>::infinity();  // for the numeric kinds, both inclusive
  double max = std::numeric_limits<double>::infinity();
  bool repeats = false;  // may be given several times: texts()
};

// Options that several commands take (threads and ISA, sampling): one constexpr table, shown under
// its own heading.
struct OptionGroup {
  std::string_view title;  // "Sampling"
  std::span<const Option> options;
};

struct Positional {
  std::string_view name;  // "MODEL"
  OptionKind kind = OptionKind::kString;
  std::string_view help;
  bool required = true;
  bool repeats = false;                            // takes all that follow; only the last one may
  std::span<const std::string_view> choices = {};  // for kEnum
};

struct Example {
  std::string_view line;  // "hearth show model.gguf --json"
  std::string_view what;  // what it does, without a full stop
};

// What the person typed (or set in the environment), checked against the tables: every number is
// one, is in range, every choice exists, nothing required is missing. Names are those of the tables
// ("--ctx", "MODEL"); asking for a name or a type that the table does not have is a bug of ours
// (HEARTH_CHECK).
class ParsedArgs {
 public:
  struct Value {
    OptionKind kind = OptionKind::kFlag;
    bool given = false;                   // typed or from the environment, not the default
    std::vector<std::string> texts = {};  // empty: absent and without default
  };

  ParsedArgs() = default;
  explicit ParsedArgs(std::map<std::string, Value, std::less<>> values)
      : values_(std::move(values)) {}

  // Typed, or from the environment: not the default.
  [[nodiscard]] bool given(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name) const;

  // nullopt: absent, and the table has no default_value.
  [[nodiscard]] std::optional<int64_t> find_int(std::string_view name) const;
  [[nodiscard]] std::optional<uint64_t> find_uint(std::string_view name) const;
  [[nodiscard]] std::optional<double> find_float(std::string_view name) const;
  [[nodiscard]] std::optional<std::string> find_text(
      std::string_view name) const;  // kString, kEnum, kPath

  // REQUIRES: the table makes sure that there is a value (a default_value, or a required
  // positional).
  [[nodiscard]] int64_t get_int(std::string_view name) const;
  [[nodiscard]] uint64_t get_uint(std::string_view name) const;
  [[nodiscard]] double get_float(std::string_view name) const;
  [[nodiscard]] std::string get_text(std::string_view name) const;

  [[nodiscard]] std::vector<uint64_t> uint_list(
      std::string_view name) const;  // kUintList; empty: absent
  [[nodiscard]] std::vector<std::string> texts(
      std::string_view name) const;  // what `repeats`; empty: absent

 private:
  [[nodiscard]] const Value& at(std::string_view name) const;

  std::map<std::string, Value, std::less<>> values_;
};

struct Command;

// What a command may touch of the world around it, so that tests can give it another one. Lives as
// long as main().
struct AppContext {
  std::FILE* in = nullptr;
  std::FILE* out = nullptr;  // answers; what a pipe should get
  std::FILE* err = nullptr;  // progress, notes and errors
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // The environment; nullopt when unset or empty. The only way to it (tools/check_layers refuses
  // getenv elsewhere).
  std::function<std::optional<std::string>(std::string_view name)> env;
  std::span<const Command* const> commands;  // all of them, in the order of the help

  // Never throw; a full disk is found by the flush at the end of main() and reported there.
  void print(std::string_view text) const;  // to out
  void note(std::string_view text) const;   // to err
};

struct Command {
  std::string_view name;     // "show"
  std::string_view summary;  // one line without a full stop: "print what a model file holds"
  std::string_view description =
      {};  // paragraphs, separated by an empty line; lines are wrapped when shown
  std::span<const Positional> positionals = {};
  std::span<const Option> options = {};
  std::span<const OptionGroup> groups = {};
  std::span<const Example> examples = {};
  // The value is the exit code; an Error is printed and turned into one (exit_code.h).
  Result<int> (*run)(const ParsedArgs& args, AppContext& context) = nullptr;
};

}  // namespace hearth::app
