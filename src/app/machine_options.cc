#include "app/machine_options.h"

namespace hearth::app {

engine::EngineOptions engine_options(const ParsedArgs& args) {
  engine::EngineOptions options;
  options.n_ctx = int64_t(args.find_uint("--ctx").value_or(0));
  options.n_threads = int(args.find_uint("--threads").value_or(0));
  options.kv_type = args.get_text("--kv");
  options.isa = args.find_text("--isa").value_or("");
  return options;
}

}  // namespace hearth::app
