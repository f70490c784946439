// The help of `hearth` on a terminal, from the tables of the commands; and the pieces that the man
// page and docs/cli.md share with it. Pure text: nothing is printed here.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/command.h"

namespace hearth::app {

inline constexpr std::string_view kTagline = "Hearth runs open AI models on your own computer.";

// All commands, one line each.
std::string overview(std::span<const Command* const> commands);

// One command: usage, description, arguments, options, examples.
std::string command_help(const Command& command);

// "hearth show FILE [OPTIONS]"
std::string synopsis(const Command& command);

// "print it" -> "Print it."
std::string sentence(std::string_view text);

// "-c, --ctx N"
std::string option_head(const Option& option);

// The help sentence with the choices, the default and the environment variable, each where there is
// one.
std::string option_text(const Option& option);

// The help sentence with the choices.
std::string positional_text(const Positional& positional);

struct Section {
  std::string_view title;  // "Options", or that of the group
  std::vector<const Option*> options;
};

// The options under their headings; --help is the last of the first section.
std::vector<Section> sections(const Command& command);

// `text` broken between words into lines of at most `width` columns; an empty line in it stays one.
std::vector<std::string> wrap(std::string_view text, size_t width);

}  // namespace hearth::app
