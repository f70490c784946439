// `hearth detokenize`: token ids of a model as text, byte for byte.
#include <fmt/format.h>

#include <charconv>
#include <span>

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
    {.name = "IDS",
     .help = "token ids, such as 15 27 or [15,27], or - for standard input (which is also what "
             "counts when they are left out)",
     .required = false,
     .repeats = true},
};

constexpr Option kOptions[] = {
    {.name = "--file",
     .short_name = "-f",
     .kind = OptionKind::kPath,
     .value_name = "FILE",
     .help = "read the ids from this file"},
    {.name = "--no-special", .help = "leave all special tokens out"},
};

constexpr Example kExamples[] = {
    {.line = "hearth tokenize model.gguf hello | hearth detokenize model.gguf", .what = "hello"},
};

Result<std::string> given_ids(const ParsedArgs& args, const AppContext& context) {
  const auto file = args.find_text("--file");
  const std::vector<std::string> words = args.texts("IDS");
  if (file && !words.empty())
    return fail(ErrorCode::kInvalidArgument, "both IDS and --file are given",
                "leave one of them out");
  if (!words.empty() && words != std::vector<std::string>{"-"}) {
    std::string joined;
    for (const std::string& word : words) joined += word + " ";
    return joined;
  }
  if (!file && words.empty() && context.in_is_terminal)
    return fail(ErrorCode::kInvalidArgument, "there are no token ids",
                "give them after the model's name, with --file, or through a pipe");
  return read_text_input(file.value_or("-"), context);
}

// Numbers with anything of a JSON array between them.
Result<std::vector<int32_t>> parse_ids(std::string_view text, int32_t n_tokens) {
  constexpr std::string_view kBetween = "[], \t\r\n";
  std::vector<int32_t> ids;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(kBetween), text.size()));
    if (text.empty()) return ids;
    const std::string_view word = text.substr(0, text.find_first_of(kBetween));
    int32_t id = -1;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || end != word.data() + word.size())
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("'{}' is no token id", printable(word, 40)),
                  "give whole numbers, separated by spaces or commas");
    if (id < 0 || id >= n_tokens)
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("{} is no token of this model, whose ids go from 0 to {}", id, n_tokens - 1),
          "use ids that `tokenize` gave for the same model");
    ids.push_back(id);
    text.remove_prefix(word.size());
  }
}

// Without what `tokenize` adds before and after a text.
std::span<const int32_t> without_added(std::span<const int32_t> ids, const text::Tokenizer& t) {
  const bool is_wordpiece = t.vocab().kind() == text::TokenizerKind::kWordPiece;
  const int32_t end = is_wordpiece ? t.special().sep : t.eos();
  if (!ids.empty() && (is_wordpiece || t.adds_bos()) && ids.front() == t.bos())
    ids = ids.subspan(1);
  if (!ids.empty() && (is_wordpiece || t.adds_eos()) && ids.back() == end)
    ids = ids.first(ids.size() - 1);
  return ids;
}

Result<int> run(const ParsedArgs& args, AppContext& context) {
  HEARTH_ASSIGN(const std::string text, given_ids(args, context));
  HEARTH_ASSIGN(const format::ModelFile file, format::ModelFile::open(args.get_text("MODEL")));
  HEARTH_ASSIGN(const auto tokenizer, model::load_tokenizer(file.metadata()));
  HEARTH_ASSIGN(const auto ids, parse_ids(text, tokenizer->n_tokens()));
  const bool is_wordpiece = tokenizer->vocab().kind() == text::TokenizerKind::kWordPiece;
  std::string out = tokenizer->decode(
      without_added(ids, *tokenizer),
      {.render_special = !args.flag("--no-special"), .clean_up_spaces = is_wordpiece});
  if (context.out_is_terminal) out = printable_lines(out) + "\n";
  context.print(out);
  return kExitOk;
}

}  // namespace

extern const Command kDetokenize = {
    .name = "detokenize",
    .summary = "print the text of token ids",
    .description =
        "What `tokenize` adds before and after a text is left out; other special "
        "tokens are printed by their text. Into a pipe or a file go the exact bytes.",
    .positionals = kPositionals,
    .options = kOptions,
    .examples = kExamples,
    .run = run,
};

}  // namespace hearth::app
