#include "app/machine_options.h"

namespace hearth::app {
namespace {

std::optional<std::string> cache_folder(const ParsedArgs& args, const AppContext& context) {
  if (args.flag("--no-cache") || !context.env) return std::nullopt;
  if (const auto cache = context.env("XDG_CACHE_HOME")) return *cache + "/hearth";
  if (const auto home = context.env("HOME")) return *home + "/.cache/hearth";
  return std::nullopt;
}

}  // namespace

engine::WeightOptions weight_options(const ParsedArgs& args, const AppContext& context) {
  engine::WeightOptions options;
  options.repack = !args.flag("--no-repack");
  options.cache_limit_bytes = args.find_uint("--cache-limit").value_or(0) * 1'000'000'000;
  if (const auto folder = cache_folder(args, context)) options.cache_folder = *folder + "/packed";
  return options;
}

engine::ThreadRequest thread_request(const ParsedArgs& args, const AppContext& context) {
  engine::ThreadRequest request;
  request.generate = int(args.find_uint("--threads").value_or(0));
  request.prompt = int(args.find_uint("--threads-batch").value_or(0));
  if (const auto folder = cache_folder(args, context)) request.file = *folder + "/threads";
  return request;
}

engine::EngineOptions engine_options(const ParsedArgs& args, const AppContext& context) {
  engine::EngineOptions options;
  options.n_ctx = int64_t(args.find_uint("--ctx").value_or(0));
  options.threads = thread_request(args, context);
  options.kv_type = args.get_text("--kv");
  options.isa = args.find_text("--isa").value_or("");
  options.weights = weight_options(args, context);
  return options;
}

}  // namespace hearth::app
