// `hearth isas`: the instruction sets that --isa takes on this machine, one a line, lowest first.
// For scripts.
#include "app/command.h"
#include "backend/cpu/isa.h"

namespace hearth::app {
namespace {

Result<int> run(const ParsedArgs&, AppContext& context) {
  for (const std::string_view name : backend::cpu::usable_isas(detect_cpu_features()))
    context.print(std::string(name) + "\n");
  return kExitOk;
}

}  // namespace

extern const Command kIsas = {
    .name = "isas",
    .summary = "list the instruction sets that this machine can compute with",
    .run = run,
};

}  // namespace hearth::app
