#include "app/man.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "app/exit_code.h"
#include "app/options.h"
#include "app/usage.h"

namespace hearth::app {
namespace {

// Text as roff prints it: no escape, no typographic dash, and no line that begins with a request
// character.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool line_start = out.empty() || out.back() == '\n';
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

// An empty line of our texts is a paragraph.
std::string roff_paragraphs(std::string_view text) {
  std::string out;
  for (const std::string& line : wrap(text, 100)) out += line.empty() ? ".PP\n" : roff(line) + '\n';
  return out;
}

void append_command(std::string& out, const Command& command) {
  out += fmt::format(".SS {}\n.B {}\n.PP\n{}\n", command.name, roff(synopsis(command)),
                     roff(sentence(command.summary)));
  if (!command.description.empty()) out += ".PP\n" + roff_paragraphs(command.description);
  for (const Positional& positional : command.positionals)
    out +=
        fmt::format(".TP\n.I {}\n{}\n", roff(positional.name), roff(positional_text(positional)));
  for (const Option* option : all_options(command))
    out += fmt::format(".TP\n.B {}\n{}\n", roff(option_head(*option)), roff(option_text(*option)));
  if (!command.examples.empty()) out += ".PP\nExamples:\n";
  for (const Example& example : command.examples)
    out += fmt::format(".TP\n.B {}\n{}\n", roff(example.line), roff(example.what));
}

// Variable -> the options that read it.
std::map<std::string, std::vector<std::string>> environment(
    std::span<const Command* const> commands) {
  std::map<std::string, std::vector<std::string>> out;
  for (const Command* command : commands)
    for (const Option* option : all_options(*command)) {
      if (option->env.empty()) continue;
      std::vector<std::string>& names = out[std::string(option->env)];
      const std::string name(option->name);
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  return out;
}

// A cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '*') out += '\\';
    out += c;
  }
  return out;
}

void append_markdown(std::string& out, const Command& command) {
  out += fmt::format("\n## hearth {}\n\n{}\n\n```\n{}\n```\n", command.name,
                     sentence(command.summary), synopsis(command));
  if (!command.description.empty())
    out += fmt::format("\n{}\n", fmt::join(wrap(command.description, 100), "\n"));
  if (!command.positionals.empty()) out += "\n| Argument | |\n| --- | --- |\n";
  for (const Positional& positional : command.positionals)
    out += fmt::format("| `{}` | {} |\n", positional.name, cell(positional_text(positional)));
  for (const Section& section : sections(command)) {
    out += fmt::format("\n| {} | |\n| --- | --- |\n", section.title);
    for (const Option* option : section.options)
      out += fmt::format("| `{}` | {} |\n", option_head(*option), cell(option_text(*option)));
  }
  if (!command.examples.empty()) out += "\nExamples:\n\n";
  for (const Example& example : command.examples)
    out += fmt::format("- `{}`: {}\n", example.line, example.what);
}

}  // namespace

std::string man_page(std::span<const Command* const> commands, std::string_view version) {
  std::string out = fmt::format(".TH HEARTH 1 \"\" \"hearth {}\" \"User Commands\"\n", version);
  out += ".SH NAME\nhearth \\- run open AI models on your own computer\n";
  out +=
      ".SH SYNOPSIS\n.B hearth\n.I COMMAND\n[\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n.SH COMMANDS\n";
  for (const Command* command : commands) append_command(out, *command);
  out += ".SH ENVIRONMENT\n";
  for (const auto& [variable, names] : environment(commands))
    out += fmt::format(".TP\n.B {}\nCounts as {} where that is not given.\n", variable,
                       roff(fmt::format("{}", fmt::join(names, ", "))));
  out += ".SH EXIT STATUS\n.TP\n.B 0\nall went well\n";
  for (const ExitCodeRow& row : kExitCodes)
    out += fmt::format(".TP\n.B {}\n{}\n", row.exit_code, roff(row.meaning));
  return out;
}

std::string markdown_reference(std::span<const Command* const> commands) {
  std::string out =
      "<!-- Generated from the option tables: ./dev check compares it, ./dev fmt writes it. -->\n\n"
      "# The command line\n\n| Command | |\n| --- | --- |\n";
  for (const Command* command : commands)
    out += fmt::format("| [`hearth {0}`](#hearth-{0}) | {1} |\n", command->name,
                       cell(command->summary));
  for (const Command* command : commands) append_markdown(out, *command);
  const auto variables = environment(commands);
  if (!variables.empty())
    out += "\n## Environment\n\n| Variable | Counts as, where that is not given |\n| --- | --- |\n";
  for (const auto& [variable, names] : variables)
    out += fmt::format("| `{}` | `{}` |\n", variable, fmt::join(names, "`, `"));
  out += "\n## Exit codes\n\n| Code | Meaning |\n| --- | --- |\n| 0 | all went well |\n";
  for (const ExitCodeRow& row : kExitCodes)
    out += fmt::format("| {} | {} |\n", row.exit_code, cell(row.meaning));
  return out;
}

}  // namespace hearth::app
