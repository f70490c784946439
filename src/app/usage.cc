#include "app/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "app/options.h"

namespace hearth::app {
namespace {

constexpr size_t kWidth = 90;
constexpr size_t kHeadColumns =
    26;  // where the explanations start; a longer head gets a line of its own

// "  head      text text
//             text"
void append_entry(std::string& out, std::string_view head, std::string_view text) {
  bool first = head.size() + 4 <= kHeadColumns;
  out += first ? fmt::format("  {:<{}}", head, kHeadColumns - 2) : fmt::format("  {}\n", head);
  for (const std::string& line : wrap(text, kWidth - kHeadColumns)) {
    if (!std::exchange(first, false)) out += std::string(kHeadColumns, ' ');
    out += line + '\n';
  }
}

std::string positional_form(const Positional& positional) {
  const std::string name = std::string(positional.name) + (positional.repeats ? "..." : "");
  return positional.required ? name : "[" + name + "]";
}

}  // namespace

std::string synopsis(const Command& command) {
  std::string text = fmt::format("hearth {}", command.name);
  for (const Positional& positional : command.positionals)
    text += ' ' + positional_form(positional);
  return text + " [OPTIONS]";
}

std::string sentence(std::string_view text) {
  std::string out = fmt::format("{}.", text);
  if (out[0] >= 'a' && out[0] <= 'z') out[0] = char(out[0] - 'a' + 'A');
  return out;
}

std::string option_head(const Option& option) {
  std::string head;
  if (!option.short_name.empty()) head += fmt::format("{}, ", option.short_name);
  head += option.name;
  if (!option.value_name.empty()) head += fmt::format(" {}", option.value_name);
  return head;
}

std::string option_text(const Option& option) {
  std::string text(option.help);
  if (!option.choices.empty()) text += fmt::format("; one of {}", fmt::join(option.choices, ", "));
  const std::string_view by_default =
      option.default_note.empty() ? option.default_value : option.default_note;
  if (!by_default.empty()) text += fmt::format(" (default: {})", by_default);
  if (!option.env.empty()) text += fmt::format(" [{}]", option.env);
  if (option.repeats) text += "; may be given several times";
  return text;
}

std::string positional_text(const Positional& positional) {
  std::string text(positional.help);
  if (!positional.choices.empty())
    text += fmt::format("; one of {}", fmt::join(positional.choices, ", "));
  return text;
}

std::vector<Section> sections(const Command& command) {
  std::vector<Section> out;
  Section& own = out.emplace_back(Section{.title = "Options", .options = {}});
  for (const Option& option : command.options) own.options.push_back(&option);
  own.options.push_back(&kHelpOption);
  for (const OptionGroup& group : command.groups) {
    Section& section = out.emplace_back(Section{.title = group.title, .options = {}});
    for (const Option& option : group.options) section.options.push_back(&option);
  }
  return out;
}

std::vector<std::string> wrap(std::string_view text, size_t width) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    if (text.starts_with("\n\n")) {
      lines.emplace_back();
      lines.emplace_back();
      text.remove_prefix(2);
      continue;
    }
    if (text[0] == ' ' || text[0] == '\n') {
      text.remove_prefix(1);
      continue;
    }
    const std::string_view word = text.substr(0, text.find_first_of(" \n"));
    std::string& line = lines.back();
    if (line.empty())
      line = word;
    else if (line.size() + 1 + word.size() <= width)
      line.append(" ").append(word);
    else
      lines.emplace_back(word);
    text.remove_prefix(word.size());
  }
  return lines;
}

std::string overview(std::span<const Command* const> commands) {
  std::string out = fmt::format("{}\n\nUsage: hearth COMMAND [ARGUMENTS] [OPTIONS]\n\n", kTagline);
  for (const Command* command : commands) append_entry(out, command->name, command->summary);
  const auto shown =
      std::ranges::find_if(commands, [](const Command* c) { return !c->examples.empty(); });
  if (shown != commands.end())
    out += fmt::format("\nFor example: {}\n", (*shown)->examples[0].line);
  out += "\n`hearth COMMAND --help` tells all about one command.\n";
  return out;
}

std::string command_help(const Command& command) {
  std::string out =
      fmt::format("hearth {}: {}\n\nUsage: {}\n", command.name, command.summary, synopsis(command));
  if (!command.description.empty())
    out += fmt::format("\n{}\n", fmt::join(wrap(command.description, kWidth), "\n"));
  if (!command.positionals.empty()) out += "\nArguments:\n";
  for (const Positional& positional : command.positionals) {
    append_entry(out, positional_form(positional), positional_text(positional));
  }
  for (const Section& section : sections(command)) {
    out += fmt::format("\n{}:\n", section.title);
    for (const Option* option : section.options)
      append_entry(out, option_head(*option), option_text(*option));
  }
  if (!command.examples.empty()) out += "\nExamples:\n";
  for (const Example& example : command.examples)
    out += fmt::format("  {}\n      {}\n", example.line, example.what);
  return out;
}

}  // namespace hearth::app
