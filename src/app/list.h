// All commands of `hearth`, in the order of the help.
#pragma once

#include <span>

#include "app/command.h"

namespace hearth::app {

std::span<const Command* const> all_commands();

}  // namespace hearth::app
