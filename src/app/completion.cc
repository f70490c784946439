// `hearth completion SHELL`, and the scripts that it prints.
#include "app/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "app/options.h"

namespace hearth::app {
namespace {

std::vector<const Option*> options_with_help(const Command& command) {
  std::vector<const Option*> options = all_options(command);
  options.push_back(&kHelpOption);
  return options;
}

// "-c --ctx"
std::vector<std::string_view> names_of(const Option& option) {
  std::vector<std::string_view> names;
  if (!option.short_name.empty()) names.push_back(option.short_name);
  names.push_back(option.name);
  return names;
}

std::string replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string out;
  while (true) {
    const size_t at = text.find(what);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += with;
    text.remove_prefix(at + what.size());
  }
}

// ---- bash: an empty answer makes the shell offer file names (-o default)

// The cases in which the word before decides: a choice, a file, or something that nobody can guess.
std::string bash_values(const Command& command) {
  std::string out;
  for (const Option* option : options_with_help(command)) {
    if (option->kind == OptionKind::kFlag || option->kind == OptionKind::kPath) continue;
    std::vector<std::string> patterns;
    for (const std::string_view name : names_of(*option))
      patterns.push_back(fmt::format("\"{} {}\"", command.name, name));
    out += fmt::format("    {}) ", fmt::join(patterns, " | "));
    if (option->choices.empty())
      out += "compopt +o default +o bashdefault; return ;;\n";
    else
      out += fmt::format("COMPREPLY=($(compgen -W \"{}\" -- \"$current\")); return ;;\n",
                         fmt::join(option->choices, " "));
  }
  return out;
}

std::string bash_words(const Command& command) {
  std::vector<std::string_view> words;
  for (const Option* option : options_with_help(command))
    for (const std::string_view name : names_of(*option)) words.push_back(name);
  return fmt::format("{}", fmt::join(words, " "));
}

std::string bash_choices(const Command& command) {
  std::vector<std::string_view> words;
  for (const Positional& positional : command.positionals)
    words.insert(words.end(), positional.choices.begin(), positional.choices.end());
  return fmt::format("{}", fmt::join(words, " "));
}

// ---- zsh

// Inside a quoted specification of _arguments.
std::string zsh_text(std::string_view text) {
  std::string out = replaced(text, "'", "'\\''");
  for (const std::string_view special : {"[", "]", ":"})
    out = replaced(out, special, "\\" + std::string(special));
  return out;
}

std::string zsh_action(OptionKind kind, std::span<const std::string_view> choices) {
  if (!choices.empty()) return fmt::format("({})", fmt::join(choices, " "));
  return kind == OptionKind::kPath ? "_files" : "";
}

std::string zsh_option(const Option& option) {
  const std::vector<std::string_view> names = names_of(option);
  std::string out = option.repeats ? "'*'" : fmt::format("'({})'", fmt::join(names, " "));
  out += names.size() == 1 ? std::string(names[0]) : fmt::format("{{{}}}", fmt::join(names, ","));
  out += fmt::format("'[{}]", zsh_text(option.help));
  if (option.kind != OptionKind::kFlag)
    out +=
        fmt::format(":{}:{}", zsh_text(option.value_name), zsh_action(option.kind, option.choices));
  return out + "'";
}

std::string zsh_positional(const Positional& positional) {
  return fmt::format("'{}:{}:{}'", positional.repeats ? "*" : "", zsh_text(positional.name),
                     zsh_action(positional.kind, positional.choices));
}

// ---- fish

std::string fish_text(std::string_view text) {
  return replaced(replaced(text, "\\", "\\\\"), "'", "\\'");
}

std::string fish_option(const Command& command, const Option& option) {
  std::string out =
      fmt::format("complete -c hearth -n '__fish_seen_subcommand_from {}'", command.name);
  for (const std::string_view name : names_of(option)) {
    if (name.starts_with("--"))
      out += fmt::format(" -l {}", name.substr(2));
    else
      out += fmt::format(" -s {}", name.substr(1));
  }
  if (!option.choices.empty())
    out += fmt::format(" -x -a '{}'", fmt::join(option.choices, " "));
  else if (option.kind == OptionKind::kPath)
    out += " -r -F";
  else if (option.kind != OptionKind::kFlag)
    out += " -x";
  return out + fmt::format(" -d '{}'\n", fish_text(option.help));
}

}  // namespace

std::string bash_completion(std::span<const Command* const> commands) {
  std::vector<std::string_view> names;
  std::string values;
  std::string words;
  for (const Command* command : commands) {
    names.push_back(command->name);
    values += bash_values(*command);
    words += fmt::format(
        "    {}) if [[ $current == -* ]]; then words=\"{}\"; else words=\"{}\"; fi ;;\n",
        command->name, bash_words(*command), bash_choices(*command));
  }
  return fmt::format(
      "# bash completion of hearth; written by `hearth completion bash`\n"
      "_hearth() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} words=\"\"\n"
      "  COMPREPLY=()\n"
      "  if [[ $COMP_CWORD -eq 1 ]]; then\n"
      "    COMPREPLY=($(compgen -W \"{}\" -- \"$current\"))\n"
      "    return\n"
      "  fi\n"
      "  case \"${{COMP_WORDS[1]}} ${{COMP_WORDS[COMP_CWORD-1]}}\" in\n{}  esac\n"
      "  case \"${{COMP_WORDS[1]}}\" in\n{}  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}}\n"
      "complete -o bashdefault -o default -F _hearth hearth\n",
      fmt::join(names, " "), values, words);
}

std::string zsh_completion(std::span<const Command* const> commands) {
  std::string names;
  std::string cases;
  for (const Command* command : commands) {
    names += fmt::format("    '{}:{}'\n", command->name, zsh_text(command->summary));
    cases += fmt::format("    {}) _arguments -s", command->name);
    for (const Option* option : options_with_help(*command))
      cases += " \\\n        " + zsh_option(*option);
    for (const Positional& positional : command->positionals)
      cases += " \\\n        " + zsh_positional(positional);
    cases += " ;;\n";
  }
  return fmt::format(
      "#compdef hearth\n"
      "# zsh completion of hearth; written by `hearth completion zsh`\n"
      "_hearth() {{\n"
      "  local -a commands\n"
      "  commands=(\n{}  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  local command=$words[2]\n"
      "  shift words\n"
      "  (( CURRENT-- ))\n"
      "  case $command in\n{}  esac\n"
      "}}\n"
      "_hearth \"$@\"\n",
      names, cases);
}

std::string fish_completion(std::span<const Command* const> commands) {
  std::string out =
      "# fish completion of hearth; written by `hearth completion fish`\n"
      "complete -c hearth -f\n";
  for (const Command* command : commands) {
    out += fmt::format("complete -c hearth -n __fish_use_subcommand -a {} -d '{}'\n", command->name,
                       fish_text(command->summary));
    for (const Option* option : options_with_help(*command)) out += fish_option(*command, *option);
    for (const Positional& positional : command->positionals) {
      const std::string condition =
          fmt::format("-n '__fish_seen_subcommand_from {}'", command->name);
      if (!positional.choices.empty())
        out += fmt::format("complete -c hearth {} -a '{}'\n", condition,
                           fmt::join(positional.choices, " "));
      else if (positional.kind == OptionKind::kPath)
        out += fmt::format("complete -c hearth {} -F\n", condition);
    }
  }
  return out;
}

namespace {

constexpr std::string_view kShells[] = {"bash", "zsh", "fish"};

constexpr Positional kPositionals[] = {
    {.name = "SHELL",
     .kind = OptionKind::kEnum,
     .help = "the shell to complete in",
     .choices = kShells},
};

constexpr Example kExamples[] = {
    {.line = "source <(hearth completion bash)", .what = "complete in this bash"},
    {.line = "hearth completion fish > ~/.config/fish/completions/hearth.fish",
     .what = "complete in every new fish"},
};

Result<int> run(const ParsedArgs& args, AppContext& context) {
  const std::string shell = args.get_text("SHELL");
  if (shell == "bash") context.print(bash_completion(context.commands));
  if (shell == "zsh") context.print(zsh_completion(context.commands));
  if (shell == "fish") context.print(fish_completion(context.commands));
  return kExitOk;
}

}  // namespace

extern const Command kCompletion = {
    .name = "completion",
    .summary = "print a script that completes commands and options in a shell",
    .positionals = kPositionals,
    .examples = kExamples,
    .run = run,
};

}  // namespace hearth::app
