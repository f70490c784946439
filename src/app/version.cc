// `hearth version`: what this binary is, for people (one line) and for programs (--json).
#include <fmt/format.h>

#include "app/build_info.h"
#include "app/command.h"

namespace hearth::app {
namespace {

constexpr Option kOptions[] = {
    {.name = "--json", .help = "print one JSON object"},
};

Result<int> run(const ParsedArgs& args, AppContext& context) {
  const BuildInfo info = build_info();
  // None of the four holds a character that JSON would escape.
  constexpr std::string_view kJson =
      "{{\"version\": \"{}\", \"compiler\": \"{}\", \"build_type\": \"{}\", \"git_commit\": "
      "\"{}\"}}\n";
  constexpr std::string_view kLine = "hearth {} ({}, {}, commit {})\n";
  context.print(fmt::format(fmt::runtime(args.flag("--json") ? kJson : kLine), info.version,
                            info.compiler, info.build_type, info.git_commit));
  return kExitOk;
}

}  // namespace

extern const Command kVersion = {
    .name = "version",
    .summary = "print the version and how it was built",
    .options = kOptions,
    .run = run,
};

}  // namespace hearth::app
