// `hearth help`: the overview, one command, or the whole reference as a document.
#include <algorithm>
#include <string>

#include "app/build_info.h"
#include "app/command.h"
#include "app/dispatch.h"
#include "app/man.h"
#include "app/usage.h"

namespace hearth::app {
namespace {

constexpr Positional kPositionals[] = {
    {.name = "COMMAND", .help = "the command to tell about", .required = false},
};

constexpr Option kOptions[] = {
    {.name = "--markdown", .help = "print the whole reference as Markdown (docs/cli.md)"},
    {.name = "--man", .help = "print the manual page (hearth.1)"},
};

Result<int> run(const ParsedArgs& args, AppContext& context) {
  if (args.flag("--markdown")) {
    context.print(markdown_reference(context.commands));
  } else if (args.flag("--man")) {
    context.print(man_page(context.commands, build_info().version));
  } else if (const auto name = args.find_text("COMMAND")) {
    HEARTH_ASSIGN(const Command* const command, find_command(*name, context));
    context.print(command_help(*command));
  } else {
    context.print(overview(context.commands));
  }
  return kExitOk;
}

}  // namespace

extern const Command kHelp = {
    .name = "help",
    .summary = "tell about the commands",
    .positionals = kPositionals,
    .options = kOptions,
    .run = run,
};

}  // namespace hearth::app
