// Reads a whole text that a command is given as a file or on standard input, byte for byte.
#pragma once

#include <string>

#include "app/command.h"
#include "base/result.h"

namespace hearth::app {

// All of a file; "-" is standard input. Errors: those of FileMap::open for a file; kIo, and
// kInvalidArgument for more than 1 GiB (which is what a tokenizer takes).
Result<std::string> read_text_input(const std::string& path, const AppContext& context);

}  // namespace hearth::app
