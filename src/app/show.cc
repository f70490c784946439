// `hearth show`: what a model file holds, without loading it. Gathers (show_summary), then prints
// for people (show_text) or programs (show_json).
#include <optional>

#include "app/command.h"
#include "app/machine_options.h"
#include "app/show_json.h"
#include "app/show_summary.h"
#include "app/show_text.h"
#include "app/template_choice.h"
#include "base/printable.h"
#include "format/model_file.h"
#include "model/vocab_loader.h"
#include "text/reply/reply_format.h"

namespace hearth::app {
namespace {

constexpr Positional kPositionals[] = {
    {.name = "FILE",
     .kind = OptionKind::kPath,
     .help = "a GGUF file; of a split model, any of its files"},
};

constexpr Option kOptions[] = {
    {.name = "--tensors", .help = "list all tensors: name, type, shape, bytes, offset in the file"},
    {.name = "--metadata",
     .help = "list all keys and their values; with --json, long arrays in full"},
    {.name = "--template", .help = "print the whole chat template"},
    {.name = "--memory",
     .help = "plan the memory that the model takes when it runs, line by line; with --json, "
             "\"memory\" in the object"},
    {.name = "--json", .help = "print everything as one JSON object"},
};

constexpr OptionGroup kGroups[] = {
    {.title = "Machine, for --memory", .options = kMachineOptions},
};

constexpr Example kExamples[] = {
    {.line = "hearth show model.gguf",
     .what = "size, quantization, context length, tokenizer, license"},
    {.line = "hearth show model.gguf --template > chat.jinja", .what = "save the chat template"},
    {.line = "hearth show model.gguf --memory --ctx 8192",
     .what = "will it fit, and what of it is the context"},
};

Result<std::string> template_text(const ModelSummary& summary, bool for_terminal) {
  if (summary.chat_templates.empty())
    return fail(ErrorCode::kNotFound, "the model has no chat template",
                "it is a base model, or its conversion left the template out");
  std::string out(summary.chat_templates.front().text);  // a pipe gets the exact bytes
  if (!for_terminal) return out;
  out = printable_lines(out);
  if (!out.ends_with('\n')) out += '\n';
  return out;
}

// A file whose tokenizer or template cannot be read is shown all the same, without this line.
void add_ends(const format::ModelFile& file, ModelSummary& summary) {
  const auto tokenizer = model::load_tokenizer(file.metadata());
  if (!tokenizer) return;
  const auto chosen = choose_template("", &summary);
  const bool has_template = chosen && chosen->has_value();
  for (const int32_t id :
       text::end_tokens(has_template ? &(*chosen)->format : nullptr, **tokenizer))
    summary.ends.push_back(token_of(file.metadata(), "", uint32_t(id)));
}

Result<int> run(const ParsedArgs& args, AppContext& context) {
  const std::string path = args.get_text("FILE");
  HEARTH_ASSIGN(const format::ModelFile file, format::ModelFile::open(path));
  ModelSummary summary = summarize(file);
  std::optional<engine::MemoryPlan> plan;
  if (args.flag("--memory")) {
    HEARTH_ASSIGN(plan, engine::Engine::plan_memory(file, engine_options(args, context)));
  }
  const bool only_parts =
      plan || args.flag("--tensors") || args.flag("--metadata") || args.flag("--template");
  if (args.flag("--json") || !only_parts) add_ends(file, summary);
  if (args.flag("--json")) {
    const LongArrays long_arrays =
        args.flag("--metadata") ? LongArrays::kWhole : LongArrays::kBrief;
    context.print(summary_json({file, summary, path, plan ? &*plan : nullptr}, long_arrays));
    return kExitOk;
  }
  if (!only_parts) context.print(summary_text(file, summary, path));
  if (args.flag("--metadata")) context.print(metadata_text(file));
  if (args.flag("--tensors")) context.print(tensors_text(file));
  if (args.flag("--template")) {
    HEARTH_ASSIGN(const std::string text, template_text(summary, context.out_is_terminal));
    context.print(text);
  }
  if (plan) context.print(memory_text(*plan));
  return kExitOk;
}

}  // namespace

extern const Command kShow = {
    .name = "show",
    .summary = "print what a model file holds",
    .description = "Reads the head of a GGUF file and checks it; the weights are not loaded.",
    .positionals = kPositionals,
    .options = kOptions,
    .groups = kGroups,
    .examples = kExamples,
    .run = run,
};

}  // namespace hearth::app
