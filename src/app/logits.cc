// `hearth logits`: what a model computes for given token ids, as a matrix for other programs. The
// command that golden tests and bug reports stand on; needs no usable tokenizer in the file.
#include <fmt/format.h>

#include "app/command.h"
#include "app/machine_options.h"
#include "base/npy.h"

namespace hearth::app {
namespace {

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .kind = OptionKind::kPath, .help = "a GGUF file"}};
constexpr std::string_view kModes[] = {"prefill", "decode"};
constexpr Option kOptions[] = {
    {.name = "--ids",
     .kind = OptionKind::kUintList,
     .value_name = "LIST",
     .help = "the token ids: 1,2,3; none is added"},
    {.name = "--out",
     .kind = OptionKind::kPath,
     .value_name = "FILE",
     .help = "the .npy file to write: float32 [rows, vocabulary]"},
    {.name = "--mode",
     .kind = OptionKind::kEnum,
     .value_name = "MODE",
     .help = "all tokens in one step, or one step for each",
     .default_value = "prefill",
     .choices = kModes},
    {.name = "--last",
     .kind = OptionKind::kUint,
     .value_name = "N",
     .help = "write the last N rows only",
     .default_note = "all",
     .min = 1},
};
constexpr OptionGroup kGroups[] = {kMachineGroup};
constexpr Example kExamples[] = {
    {.line = "hearth logits model.gguf --ids 1,403,407 --out logits.npy --kv f32",
     .what = "one row for each of three tokens"},
};

// Rows of logits are computed some at a time: [n, vocabulary] of a long prompt may not fit the
// memory.
constexpr size_t kRowsAtOnce = 64;

Result<std::vector<float>> compute(engine::Engine& engine, const std::vector<int32_t>& ids,
                                   size_t n_rows, bool decode) {
  std::vector<float> rows;
  rows.reserve(n_rows * size_t(engine.n_vocab()));
  const size_t at_once = decode ? 1 : kRowsAtOnce;
  const size_t first_wanted = ids.size() - n_rows;
  std::vector<engine::BatchToken> batch;
  for (size_t at = 0; at < ids.size();) {
    // In prefill all tokens before the wanted rows go in one call.
    const size_t n =
        decode || at >= first_wanted ? std::min(at_once, ids.size() - at) : first_wanted - at;
    batch.clear();
    for (size_t i = at; i < at + n; ++i)
      batch.push_back({.token = ids[i], .wants_logits = i >= first_wanted});
    HEARTH_ASSIGN(const std::span<const float> logits, engine.feed(batch));
    rows.insert(rows.end(), logits.begin(), logits.end());
    at += n;
  }
  return rows;
}

Result<int> run(const ParsedArgs& args, AppContext& context) {
  const std::vector<uint64_t> given = args.uint_list("--ids");
  const auto out = args.find_text("--out");
  if (given.empty() || !out)
    return fail(ErrorCode::kInvalidArgument, "--ids and --out are needed",
                "for example: --ids 1,2,3 --out logits.npy");
  std::vector<int32_t> ids;
  for (const uint64_t id : given) ids.push_back(int32_t(std::min<uint64_t>(id, 0x7fffffff)));
  const size_t n_rows =
      std::min<uint64_t>(args.find_uint("--last").value_or(ids.size()), ids.size());

  engine::EngineOptions options = engine_options(args, context);
  options.need_tokenizer = false;
  options.n_outputs = int(kRowsAtOnce);
  HEARTH_ASSIGN(const std::unique_ptr<engine::Engine> engine,
                engine::Engine::load(args.get_text("MODEL"), options));
  if (int64_t(ids.size()) > engine->n_ctx())
    return fail(
        ErrorCode::kContextFull,
        fmt::format("{} ids were given, but the context holds {}", ids.size(), engine->n_ctx()),
        "give fewer, or a larger --ctx");
  HEARTH_ASSIGN(const std::vector<float> rows,
                compute(*engine, ids, n_rows, args.get_text("--mode") == "decode"));
  HEARTH_TRY(write_npy(*out, rows, int64_t(n_rows), engine->n_vocab()));
  context.note(fmt::format("{}: {} x {} float32\n", *out, n_rows, engine->n_vocab()));
  return kExitOk;
}

}  // namespace

extern const Command kLogits = {
    .name = "logits",
    .summary = "write a model's logits for given token ids to a file",
    .positionals = kPositionals,
    .options = kOptions,
    .groups = kGroups,
    .examples = kExamples,
    .run = run,
};

}  // namespace hearth::app
