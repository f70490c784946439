// `hearth perplexity`: how well a model predicts a text. The arithmetic is make/perplexity.h; here
// are the words.
#include "make/perplexity.h"

#include <fmt/format.h>

#include "app/command.h"
#include "app/machine_options.h"
#include "base/file_map.h"
#include "text/tokenizer.h"

namespace hearth::app {
namespace {

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .kind = OptionKind::kPath, .help = "a GGUF file"},
    {.name = "FILE", .kind = OptionKind::kPath, .help = "a text"},
};
constexpr Option kOptions[] = {
    {.name = "--chunks",
     .kind = OptionKind::kUint,
     .value_name = "N",
     .help = "score the first N windows only",
     .default_note = "all",
     .min = 1},
    {.name = "--json", .help = "print one JSON object"},
};
constexpr OptionGroup kGroups[] = {kMachineGroup};
constexpr Example kExamples[] = {
    {.line = "hearth perplexity model.gguf wiki.test.raw -c 512",
     .what = "the figure that tables of quantizations give"},
};

Result<int> run(const ParsedArgs& args, AppContext& context) {
  HEARTH_ASSIGN(const FileMap file, FileMap::open(args.get_text("FILE"), MapMode::kMap));
  engine::EngineOptions options = engine_options(args, context);
  if (options.n_ctx == 0) options.n_ctx = 512;
  options.n_outputs = make::kPerplexityRows;
  HEARTH_ASSIGN(const std::unique_ptr<engine::Engine> engine,
                engine::Engine::load(args.get_text("MODEL"), options));
  const text::Tokenizer& tokenizer = *engine->tokenizer();
  HEARTH_ASSIGN(
      std::vector<int32_t> ids,
      tokenizer.encode({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()},
                       {.add_special = true, .parse_special = false}));
  const make::PerplexityOptions scoring{
      .window = options.n_ctx,
      .windows_max = int64_t(args.find_uint("--chunks").value_or(0)),
      .first_token = tokenizer.adds_bos() ? tokenizer.bos() : -1};
  const auto progress = [&](int64_t done, int64_t total, const make::PerplexityScore& score) {
    if (context.err_is_terminal)
      context.note(fmt::format("\r{}/{}  {:.4f} ", done, total, score.perplexity()));
  };
  HEARTH_ASSIGN(const make::PerplexityScore score,
                make::measure_perplexity(*engine, ids, scoring, progress));
  if (context.err_is_terminal) context.note("\n");
  if (args.flag("--json"))
    context.print(fmt::format(
        "{{\"perplexity\": {:.6f}, \"error\": {:.6f}, \"tokens\": {}, \"windows\": {}, "
        "\"ctx\": {}}}\n",
        score.perplexity(), score.error(), score.n_tokens, score.n_windows, options.n_ctx));
  else
    context.print(fmt::format("perplexity {:.4f} +- {:.4f}  ({} tokens in {} windows of {})\n",
                              score.perplexity(), score.error(), score.n_tokens, score.n_windows,
                              options.n_ctx));
  return kExitOk;
}

}  // namespace

extern const Command kPerplexity = {
    .name = "perplexity",
    .summary = "measure how well a model predicts a text",
    .description =
        "Scores the second half of each window of --ctx tokens (512 if not given), as the field's "
        "tables do.",
    .positionals = kPositionals,
    .options = kOptions,
    .groups = kGroups,
    .examples = kExamples,
    .run = run,
};

}  // namespace hearth::app
