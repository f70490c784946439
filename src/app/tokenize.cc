// `hearth tokenize`: a text as the token ids of a model. Needs only the vocabulary of the file.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>

#include "app/command.h"
#include "app/text_input.h"
#include "base/printable.h"
#include "format/model_file.h"
#include "model/vocab_loader.h"
#include "text/tokenizer.h"

namespace hearth::app {
namespace {

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .kind = OptionKind::kPath, .help = "a GGUF file, also one without weights"},
    {.name = "TEXT",
     .help = "the text, or - for standard input (which is also what counts when it is left out)",
     .required = false},
};

constexpr Option kOptions[] = {
    {.name = "--file",
     .short_name = "-f",
     .kind = OptionKind::kPath,
     .value_name = "FILE",
     .help = "tokenize this file, byte for byte"},
    {.name = "--no-special",
     .help = "add no BOS or EOS, and take special tokens in the text as text"},
    {.name = "--pieces", .help = "print a line for each token: its id and its text"},
    {.name = "--json", .help = "print one JSON array of ids on one line; this is the default"},
};

constexpr Example kExamples[] = {
    {.line = "hearth tokenize model.gguf \"Hello world\"", .what = "[9906,1917]"},
    {.line = "hearth tokenize model.gguf --file book.txt --pieces",
     .what = "see how a text is cut"},
};

Result<std::string> given_text(const ParsedArgs& args, const AppContext& context) {
  const auto file = args.find_text("--file");
  const auto text = args.find_text("TEXT");
  if (file && text)
    return fail(ErrorCode::kInvalidArgument, "both a TEXT and --file are given",
                "leave one of them out");
  if (text && *text != "-") return *text;
  if (!file && !text && context.in_is_terminal)
    return fail(ErrorCode::kInvalidArgument, "there is no text to tokenize",
                "give it after the model's name, with --file, or through a pipe");
  return read_text_input(file.value_or("-"), context);
}

std::string as_json(const std::vector<int32_t>& ids) {
  return fmt::format("[{}]\n", fmt::join(ids, ","));
}

std::string as_pieces(const std::vector<int32_t>& ids, const text::Tokenizer& tokenizer) {
  std::string out;
  for (const int32_t id : ids)
    fmt::format_to(std::back_inserter(out), "{:>7}  {}\n", id, printable(tokenizer.piece(id)));
  return out;
}

Result<int> run(const ParsedArgs& args, AppContext& context) {
  HEARTH_ASSIGN(const std::string text, given_text(args, context));
  HEARTH_ASSIGN(const format::ModelFile file, format::ModelFile::open(args.get_text("MODEL")));
  HEARTH_ASSIGN(const auto tokenizer, model::load_tokenizer(file.metadata()));
  for (const std::string& warning : tokenizer->warnings()) context.note("note: " + warning + "\n");
  const bool special = !args.flag("--no-special");
  HEARTH_ASSIGN(const auto ids,
                tokenizer->encode(text, {.add_special = special, .parse_special = special}));
  context.print(args.flag("--pieces") ? as_pieces(ids, *tokenizer) : as_json(ids));
  return kExitOk;
}

}  // namespace

extern const Command kTokenize = {
    .name = "tokenize",
    .summary = "print the token ids of a text",
    .description =
        "As the model reads a prompt: with its BOS token if it wants one, and with "
        "special tokens such as <|im_start|> parsed.",
    .positionals = kPositionals,
    .options = kOptions,
    .examples = kExamples,
    .run = run,
};

}  // namespace hearth::app
