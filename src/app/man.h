// The reference in two more dresses, from the same tables: the manual page hearth.1 (roff) and
// docs/cli.md.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "app/command.h"

namespace hearth::app {

std::string man_page(std::span<const Command* const> commands, std::string_view version);
std::string markdown_reference(std::span<const Command* const> commands);

}  // namespace hearth::app
