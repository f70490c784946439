// From words on the command line to ParsedArgs, by the tables of a Command: the only file that
// knows the library that splits them (CLI11). Also the helpers with which help, completions and
// documents read the same tables.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/command.h"
#include "base/result.h"

namespace hearth::app {

// Every command has it, beside its own options.
inline constexpr Option kHelpOption = {
    .name = "--help", .short_name = "-h", .help = "print this help"};

struct ParseOutcome {
  ParsedArgs args;
  bool help = false;  // --help was among the words; `args` is empty then
};

// `words` are those after the command's name. Errors: kInvalidArgument, with the nearest known
// option where one was misspelled. Reads the environment (context.env) for options that name a
// variable and were not typed.
Result<ParseOutcome> parse_args(const Command& command, std::span<const std::string> words,
                                const AppContext& context);

// The options of a command with those of its groups, in the order of the help; without --help.
std::vector<const Option*> all_options(const Command& command);

// The name among `known` that a typist most likely meant; empty if none is near.
std::string_view nearest_name(std::string_view typed, std::span<const std::string_view> known);

}  // namespace hearth::app
