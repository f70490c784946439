// `hearth bench`: how fast a model runs on this machine, and what share of the machine that is.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "advise/benchmark.h"
#include "app/bench_report.h"
#include "app/build_info.h"
#include "app/command.h"
#include "app/machine_options.h"
#include "app/show_summary.h"
#include "backend/cpu/isa.h"
#include "base/new_file.h"
#include "base/printable.h"

namespace hearth::app {
namespace {

using bench::Json;

constexpr uint64_t kLengthMax = 16777216;
constexpr uint64_t kBatchMax = 512;

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .kind = OptionKind::kPath, .help = "a GGUF file"}};
constexpr Option kOptions[] = {
    {.name = "--prompt",
     .short_name = "-p",
     .kind = OptionKind::kUintList,
     .value_name = "LIST",
     .help = "lengths of prompts to read; 0 for none",
     .default_value = "512"},
    {.name = "--gen",
     .short_name = "-n",
     .kind = OptionKind::kUintList,
     .value_name = "LIST",
     .help = "numbers of tokens to generate; 0 for none",
     .default_value = "64"},
    {.name = "--depth",
     .short_name = "-d",
     .kind = OptionKind::kUintList,
     .value_name = "LIST",
     .help = "tokens that each context holds before",
     .default_value = "0"},
    {.name = "--batch",
     .short_name = "-b",
     .kind = OptionKind::kUintList,
     .value_name = "LIST",
     .help = "numbers of sequences that generate together",
     .default_value = "1"},
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
    {.name = "--compare",
     .kind = OptionKind::kPath,
     .value_name = "FILE",
     .help = "show the rows beside those of an earlier --json"},
    {.name = "--profile", .help = "show where the time of each row goes, by operation"},
};
constexpr OptionGroup kGroups[] = {kMachineGroup};
constexpr Example kExamples[] = {
    {.line = "hearth bench model.gguf -p 512 -n 64 -d 0,4096 --json bench.json",
     .what = "prefill and decode, empty and at depth"},
    {.line = "hearth bench model.gguf -p 0 -n 64 -b 1,4,16 --compare bench.json",
     .what = "several sequences at once, beside the results of before"},
};

std::vector<int64_t> numbers(const ParsedArgs& args, std::string_view option) {
  std::vector<int64_t> values;
  for (const uint64_t value : args.uint_list(option)) values.push_back(int64_t(value));
  return values;
}

// What a list option of this command takes; the table's own limits are for single numbers.
Result<void> check_lists(const ParsedArgs& args) {
  for (const auto& [option, max] : {std::pair{"--prompt", kLengthMax},
                                    {"--gen", kLengthMax},
                                    {"--depth", kLengthMax},
                                    {"--batch", kBatchMax}})
    for (const uint64_t value : args.uint_list(option))
      if (value > max)
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("{} takes numbers up to {}, not {}", option, max, value),
                    "`hearth bench --help` tells what it takes");
  return {};
}

advise::BenchmarkOptions benchmark_options(const ParsedArgs& args) {
  return {.prompt_lengths = numbers(args, "--prompt"),
          .generate_lengths = numbers(args, "--gen"),
          .depths = numbers(args, "--depth"),
          .batches = numbers(args, "--batch"),
          .repeats = int(args.get_uint("--repeats")),
          .profile = args.flag("--profile")};
}

Result<std::unique_ptr<engine::Engine>> load(const ParsedArgs& args, const AppContext& context,
                                             const advise::BenchmarkOptions& tests) {
  engine::EngineOptions options = engine_options(args, context);
  options.weights.cache_write = false;  // would run beside what is measured
  options.need_tokenizer = false;
  const advise::BenchmarkNeeds needed = advise::needs(tests);
  if (options.n_ctx == 0) options.n_ctx = needed.n_ctx;
  if (options.n_ctx < needed.n_ctx)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the tests need a context of {}", needed.n_ctx), "leave --ctx out");
  options.n_sequences = needed.n_sequences;
  options.n_outputs = needed.n_sequences;
  options.n_batch = std::max(options.n_batch, needed.n_sequences);
  auto engine = engine::Engine::load(args.get_text("MODEL"), options);
  // Which context the tests need follows from other options than --ctx.
  if (!engine && engine.error().code == ErrorCode::kOutOfMemory &&
      engine.error().hint.contains("--ctx"))
    return fail(ErrorCode::kOutOfMemory,
                fmt::format("{} ({} sequences of {} tokens)", engine.error().message,
                            needed.n_sequences, needed.n_ctx),
                "use a smaller --depth or --batch, or close other programs");
  return engine;
}

Json machine_json(const engine::Engine& engine, const backend::Backend& backend,
                  const advise::MachineLimits& limits) {
  const MemoryInfo memory = read_memory_info();
  const BuildInfo build = build_info();
  return {{"cpu", cpu_name()},
          {"cpus_usable", n_usable_cpus()},
          {"threads", engine.threads().generate},
          {"threads_batch", engine.threads().prompt},
          {"isa", backend.name()},
          {"memory_bytes", memory.total_bytes},
          {"bytes_per_second", limits.bytes_per_second},
          {"int_macs_per_second", limits.int_macs_per_second},
          {"float_macs_per_second", limits.float_macs_per_second},
          {"version", std::string(build.version)},
          {"commit", std::string(build.git_commit)},
          {"compiler", std::string(build.compiler)}};
}

Result<void> write_json(const std::string& path, const Json& json) {
  const std::string text = json.dump(2) + "\n";
  HEARTH_ASSIGN(NewFile file, NewFile::create(path, text.size()));
  HEARTH_TRY(file.append(std::as_bytes(std::span(text))));
  return file.commit();
}

bench::RunName run_name(const engine::Engine& engine, const std::string& path) {
  const ModelSummary summary = summarize(engine.file());
  const std::string name(summary.name.empty()
                             ? std::filesystem::path(path).filename().replace_extension().string()
                             : summary.name);
  return {.model = printable(name, 80),
          .type = std::string(summary.recipe.empty()
                                  ? engine.model().weight(model::Role::kAttnOut, 0).type->name
                                  : summary.recipe),
          .n_threads = engine.n_threads()};
}

std::string thread_text(const engine::ThreadChoice& threads) {
  return threads.generate == threads.prompt
             ? fmt::format("{} threads ({})", threads.generate, threads.reason)
             : fmt::format("{} threads to generate, {} to read ({})", threads.generate,
                           threads.prompt, threads.reason);
}

Result<int> run(const ParsedArgs& args, AppContext& context) {
  HEARTH_TRY(check_lists(args));
  std::optional<Json> old_results;
  if (const auto path = args.find_text("--compare")) {
    HEARTH_ASSIGN(old_results, bench::read_results(*path));
  }
  const advise::BenchmarkOptions tests = benchmark_options(args);
  HEARTH_ASSIGN(const std::unique_ptr<engine::Engine> engine, load(args, context, tests));
  const bench::RunName name = run_name(*engine, args.get_text("MODEL"));
  context.print(fmt::format("{} {} | {:.2f} GiB | {:.2f} B parameters | {} | {}\n", name.model,
                            name.type, double(engine->file().tensor_bytes()) / double(1 << 30),
                            double(engine->file().n_parameters()) / 1e9, engine->backend().name(),
                            thread_text(engine->threads())));

  HEARTH_ASSIGN(
      const backend::cpu::KernelTable kernels,
      backend::cpu::select_kernels(engine_options(args, context).isa, detect_cpu_features()));
  advise::MachineProbe probe(kernels, {.n_threads = engine->n_threads()});
  // Of the memory alone; each row has the limits of its own minute and of what it reads.
  const advise::MachineLimits limits = probe.measure(probe.buffer_bytes());
  context.print(fmt::format(
      "this machine now: {:.1f} GB/s, {:.0f} G int8 and {:.0f} G f32 multiply-adds/s\n\n",
      limits.bytes_per_second / 1e9, limits.int_macs_per_second / 1e9,
      limits.float_macs_per_second / 1e9));
  Json json_rows = Json::array();
  const auto progress = [&](const std::string& what) {
    if (context.err_is_terminal) context.note(fmt::format("\r\x1b[K{}", what));
  };
  context.print(bench::table_head());
  HEARTH_TRY(advise::run_benchmark(
      *engine, probe, tests,
      {.begin = [&](const auto& row) { progress(bench::row_name(row) + " ..."); },
       .end =
           [&](const auto& row) {
             progress("");
             context.print(bench::table_row(row));
             if (tests.profile) context.print("\n" + bench::profile_table(row.profile) + "\n");
             std::fflush(context.out);
             json_rows.push_back(bench::row_json(row, name));
           }}));
  if (old_results) context.print("\n" + bench::comparison(*old_results, json_rows));
  if (const auto path = args.find_text("--json"))
    HEARTH_TRY(write_json(*path, {{"machine", machine_json(*engine, engine->backend(), limits)},
                                  {"rows", json_rows}}));
  return kExitOk;
}

}  // namespace

extern const Command kBench = {
    .name = "bench",
    .summary = "measure how fast a model runs here, and what share of the machine that is",
    .description =
        "Reads prompts (pp) and generates tokens (tg) for --batch sequences at once, after each "
        "context "
        "holds --depth tokens, and gives the median of --repeats. Tokens per second are those of "
        "all "
        "sequences together.\n\n"
        "The memory's bandwidth and the peak of the arithmetic are measured beside each row: tg is "
        "bound "
        "by the first, pp by the second, and on a machine that others use too the shares say more "
        "than "
        "the rates. A context at depth is made up, not computed: the work behind it is the same.",
    .positionals = kPositionals,
    .options = kOptions,
    .groups = kGroups,
    .examples = kExamples,
    .run = run,
};

}  // namespace hearth::app
