#include "app/machine_options.h"

namespace hearth::app {

engine::WeightOptions weight_options(const ParsedArgs& args, const AppContext& context) {
  engine::WeightOptions options;
  options.repack = !args.flag("--no-repack");
  options.cache_limit_bytes = args.find_uint("--cache-limit").value_or(0) * 1'000'000'000;
  if (args.flag("--no-cache") || !context.env) return options;
  if (const auto cache = context.env("XDG_CACHE_HOME"))
    options.cache_folder = *cache + "/hearth/packed";
  else if (const auto home = context.env("HOME"))
    options.cache_folder = *home + "/.cache/hearth/packed";
  return options;
}

engine::EngineOptions engine_options(const ParsedArgs& args, const AppContext& context) {
  engine::EngineOptions options;
  options.n_ctx = int64_t(args.find_uint("--ctx").value_or(0));
  options.n_threads = int(args.find_uint("--threads").value_or(0));
  options.kv_type = args.get_text("--kv");
  options.isa = args.find_text("--isa").value_or("");
  options.weights = weight_options(args, context);
  return options;
}

}  // namespace hearth::app
