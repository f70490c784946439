// Shell completions for `hearth`, written from the tables of the commands.
#pragma once

#include <span>
#include <string>

#include "app/command.h"

namespace hearth::app {

std::string bash_completion(std::span<const Command* const> commands);
std::string zsh_completion(std::span<const Command* const> commands);
std::string fish_completion(std::span<const Command* const> commands);

}  // namespace hearth::app
