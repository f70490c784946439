// `hearth bench`: how fast a model runs on this machine, and what share of the machine that is.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "advise/benchmark.h"
#include "app/build_info.h"
#include "app/command.h"
#include "app/machine_options.h"
#include "app/show_summary.h"
#include "backend/cpu/isa.h"
#include "base/new_file.h"

namespace hearth::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .kind = OptionKind::kPath, .help = "a GGUF file"}};
constexpr Option kOptions[] = {
    {.name = "--prompt",
     .short_name = "-p",
     .kind = OptionKind::kUintList,
     .value_name = "LIST",
     .help = "lengths of prompts to read; 0 for none",
     .default_value = "512",
     .max = 16777216},
    {.name = "--gen",
     .short_name = "-n",
     .kind = OptionKind::kUintList,
     .value_name = "LIST",
     .help = "numbers of tokens to generate; 0 for none",
     .default_value = "64",
     .max = 16777216},
    {.name = "--depth",
     .short_name = "-d",
     .kind = OptionKind::kUintList,
     .value_name = "LIST",
     .help = "tokens that the context holds before",
     .default_value = "0",
     .max = 16777216},
    {.name = "--repeats",
     .short_name = "-r",
     .kind = OptionKind::kUint,
     .value_name = "N",
     .help = "measurements of each row",
     .default_value = "3",
     .min = 1,
     .max = 1000},
    {.name = "--json",
     .kind = OptionKind::kPath,
     .value_name = "FILE",
     .help = "write machine and rows as one JSON object"},
    {.name = "--profile", .help = "show where the time goes, by operation"},
};
constexpr OptionGroup kGroups[] = {kMachineGroup};
constexpr Example kExamples[] = {
    {.line = "hearth bench model.gguf -p 512 -n 64 -d 0,4096 --json bench.json",
     .what = "prefill and decode, empty and at depth"},
};

std::vector<int64_t> numbers(const ParsedArgs& args, std::string_view option) {
  std::vector<int64_t> values;
  for (const uint64_t value : args.uint_list(option)) values.push_back(int64_t(value));
  return values;
}

double deviation(const std::vector<double>& samples) {
  double mean = 0;
  for (const double s : samples) mean += s / double(samples.size());
  double squares = 0;
  for (const double s : samples) squares += (s - mean) * (s - mean);
  return samples.size() < 2 ? 0 : std::sqrt(squares / double(samples.size() - 1));
}

std::string table_row(const advise::BenchmarkRow& row) {
  const std::string test = fmt::format("{}{}{}", row.test, row.n_prompt + row.n_gen,
                                       row.depth > 0 ? fmt::format(" @ d{}", row.depth) : "");
  return fmt::format("| {:>14} | {:>9.2f} +- {:<6.2f} | {:>10.1f} | {:>8.1f} |\n", test,
                     row.tokens_per_second, deviation(row.samples), row.percent_of_bandwidth,
                     row.percent_of_peak);
}

Json machine_json(engine::Engine& engine, const advise::MachineLimits& limits) {
  const MemoryInfo memory = read_memory_info();
  const BuildInfo build = build_info();
  return {{"cpu", cpu_name()},
          {"cpus_usable", n_usable_cpus()},
          {"isa", engine.backend().name()},
          {"memory_bytes", memory.total_bytes},
          {"bytes_per_second", limits.bytes_per_second},
          {"int_macs_per_second", limits.int_macs_per_second},
          {"float_macs_per_second", limits.float_macs_per_second},
          {"version", std::string(build.version)},
          {"commit", std::string(build.git_commit)},
          {"compiler", std::string(build.compiler)}};
}

Json row_json(const advise::BenchmarkRow& row, const engine::Engine& engine,
              const std::string& type) {
  return {{"test", row.test},
          {"n_prompt", row.n_prompt},
          {"n_gen", row.n_gen},
          {"depth", row.depth},
          {"batch", row.batch},
          {"threads", engine.n_threads()},
          {"type", type},
          {"tokens_per_second", row.tokens_per_second},
          {"samples", row.samples},
          {"bytes_per_token", row.bytes_per_token},
          {"percent_of_bandwidth", row.percent_of_bandwidth},
          {"percent_of_peak", row.percent_of_peak}};
}

Result<void> write_json(const std::string& path, const Json& json) {
  const std::string text = json.dump(2) + "\n";
  HEARTH_ASSIGN(NewFile file, NewFile::create(path, text.size()));
  HEARTH_TRY(file.append(std::as_bytes(std::span(text))));
  return file.commit();
}

void print_profile(const backend::Profile& profile, AppContext& context) {
  double total = 0;
  for (const auto& row : profile.rows) total += row.seconds;
  context.print(
      "\n|      operation |  seconds |    % |   calls "
      "|\n|---------------:|---------:|-----:|--------:|\n");
  for (const auto& row : profile.rows)
    context.print(fmt::format("| {:>14} | {:>8.3f} | {:>4.1f} | {:>7} |\n", row.name, row.seconds,
                              100 * row.seconds / total, row.n_calls));
}

Result<int> run(const ParsedArgs& args, AppContext& context) {
  advise::BenchmarkOptions options;
  options.prompt_lengths = numbers(args, "--prompt");
  options.generate_lengths = numbers(args, "--gen");
  options.depths = numbers(args, "--depth");
  options.repeats = int(args.get_uint("--repeats"));
  const auto longest = [](const std::vector<int64_t>& values) {
    return values.empty() ? int64_t{0} : *std::max_element(values.begin(), values.end());
  };
  engine::EngineOptions engine_options = app::engine_options(args, context);
  engine_options.need_tokenizer = false;
  engine_options.weights.cache_write = false;  // would run beside what is measured
  const int64_t needed = longest(options.depths) + std::max(longest(options.prompt_lengths),
                                                            longest(options.generate_lengths));
  if (engine_options.n_ctx == 0) engine_options.n_ctx = std::max<int64_t>(needed, 1);
  if (engine_options.n_ctx < needed)
    return fail(ErrorCode::kInvalidArgument, fmt::format("the tests need a context of {}", needed),
                "leave --ctx out");
  HEARTH_ASSIGN(const std::unique_ptr<engine::Engine> engine,
                engine::Engine::load(args.get_text("MODEL"), engine_options));

  HEARTH_ASSIGN(const backend::cpu::KernelTable kernels,
                backend::cpu::select_kernels(engine_options.isa, detect_cpu_features()));
  const advise::MachineLimits limits = [&] {
    ThreadTeam team({.n_threads = engine->n_threads()});
    return advise::measure_limits(kernels, team);
  }();
  engine->backend().set_profiling(args.flag("--profile"));
  HEARTH_ASSIGN(const std::vector<advise::BenchmarkRow> rows,
                advise::run_benchmark(*engine, limits, options, [&](const std::string& what) {
                  if (context.err_is_terminal) context.note(fmt::format("\r\x1b[K{} ...", what));
                }));
  if (context.err_is_terminal) context.note("\r\x1b[K");

  const ModelSummary summary = summarize(engine->file());
  const std::string type(summary.recipe.empty()
                             ? engine->model().weight(model::Role::kAttnOut, 0).type->name
                             : summary.recipe);
  context.print(fmt::format("{} {} | {:.2f} GiB | {:.2f} B parameters | {} | {} threads\n",
                            engine->model().params().arch->name, type,
                            double(engine->file().tensor_bytes()) / double(1 << 30),
                            double(engine->file().n_parameters()) / 1e9, engine->backend().name(),
                            engine->n_threads()));
  context.print(fmt::format(
      "this machine now: {:.1f} GB/s, {:.0f} G int8 and {:.0f} G f32 multiply-adds/s\n\n",
      limits.bytes_per_second / 1e9, limits.int_macs_per_second / 1e9,
      limits.float_macs_per_second / 1e9));
  context.print("|           test |       tokens/s      | % bandwidth |  % peak |\n");
  context.print("|---------------:|--------------------:|-----------:|---------:|\n");
  Json json_rows = Json::array();
  for (const advise::BenchmarkRow& row : rows) {
    context.print(table_row(row));
    json_rows.push_back(row_json(row, *engine, type));
  }
  if (args.flag("--profile")) print_profile(engine->backend().profile(), context);
  if (const auto path = args.find_text("--json"))
    HEARTH_TRY(
        write_json(*path, {{"machine", machine_json(*engine, limits)}, {"rows", json_rows}}));
  return kExitOk;
}

}  // namespace

extern const Command kBench = {
    .name = "bench",
    .summary = "measure how fast a model runs here, and what share of the machine that is",
    .description =
        "Reads prompts (pp) and generates tokens (tg), after the context holds --depth tokens, and "
        "gives the median of "
        "--repeats. The memory's bandwidth and the peak of the arithmetic are measured in the same "
        "run: tg is bound by the "
        "first, pp by the second.",
    .positionals = kPositionals,
    .options = kOptions,
    .groups = kGroups,
    .examples = kExamples,
    .run = run,
};

}  // namespace hearth::app
