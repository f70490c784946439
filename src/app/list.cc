#include "app/list.h"

// A command is one file that defines `extern const Command kName`, and one line here.
#define HEARTH_COMMANDS(X) \
  X(kRun)                  \
  X(kShow)                 \
  X(kTokenize)             \
  X(kRender)               \
  X(kDetokenize)           \
  X(kBench)                \
  X(kEmbed)                \
  X(kRerank)               \
  X(kPerplexity)           \
  X(kLogits)               \
  X(kIsas)                 \
  X(kHelp)                 \
  X(kVersion)              \
  X(kCompletion)

namespace hearth::app {

#define HEARTH_DECLARE(command) extern const Command command;
HEARTH_COMMANDS(HEARTH_DECLARE)
#undef HEARTH_DECLARE

std::span<const Command* const> all_commands() {
#define HEARTH_ADDRESS(command) &command,
  static constexpr const Command* kAll[] = {HEARTH_COMMANDS(HEARTH_ADDRESS)};
#undef HEARTH_ADDRESS
  return kAll;
}

}  // namespace hearth::app
