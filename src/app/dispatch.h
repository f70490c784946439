// From the words after `hearth` to an exit code: finds the command, parses, runs it, prints what
// went wrong. main() adds only the real world around it; tests call run_hearth() with another.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "app/command.h"
#include "base/result.h"

namespace hearth::app {

int run_hearth(std::span<const std::string> words, AppContext& context);

// Error: kInvalidArgument with the nearest known name.
Result<const Command*> find_command(std::string_view name, const AppContext& context);

// "hearth: MESSAGE." and, indented on its own line, what to do next. Made safe for a terminal.
std::string error_text(const Error& error);

}  // namespace hearth::app
