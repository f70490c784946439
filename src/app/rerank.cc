// `hearth rerank`: documents in the order of their relevance to a query.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "app/command.h"
#include "app/embed_input.h"
#include "app/machine_options.h"
#include "base/printable.h"
#include "engine/reranker.h"
#include "model/vocab_loader.h"
#include "text/tokenizer.h"

namespace hearth::app {
namespace {

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .kind = OptionKind::kPath, .help = "a GGUF file"},
    {.name = "DOCUMENT",
     .help = "the documents; without any, the lines of standard input",
     .required = false,
     .repeats = true},
};
constexpr Option kOptions[] = {
    {.name = "--query",
     .short_name = "-q",
     .kind = OptionKind::kString,
     .value_name = "TEXT",
     .help = "what the documents are to answer"},
    kLinesFileOption,
    kTruncateOption,
    {.name = "--top",
     .kind = OptionKind::kUint,
     .value_name = "N",
     .help = "print the N most relevant only",
     .default_note = "all",
     .min = 1},
    {.name = "--json", .help = "print one JSON object"},
};
constexpr OptionGroup kGroups[] = {kMachineGroup};
constexpr Example kExamples[] = {
    {.line =
         "hearth rerank bge-reranker-v2-m3.gguf -q \"what is a hearth?\" --file lines.txt --top 3",
     .what = "the three lines that answer best"},
};

Result<std::vector<std::vector<int32_t>>> tokenize(const std::vector<std::string>& documents,
                                                   const OpenedModel& opened,
                                                   const std::string& query, const ParsedArgs& args,
                                                   const AppContext& context) {
  const format::Metadata& metadata = opened.file.metadata();
  const auto most = size_t(most_tokens(opened.params, args));
  HEARTH_ASSIGN(const auto tokenizer, model::load_tokenizer(metadata));
  std::vector<std::vector<int32_t>> pairs;
  for (size_t i = 0; i < documents.size(); ++i) {
    HEARTH_ASSIGN(std::vector<int32_t> ids,
                  engine::rerank_ids(metadata, opened.params, *tokenizer, query, documents[i]));
    if (ids.size() > most && !args.flag("--truncate"))
      return fail(
          ErrorCode::kContextFull,
          fmt::format("document {} and the query have {} tokens, but the model reads {} at most",
                      i + 1, ids.size(), most),
          "shorten it, split it, or let --truncate cut its end off");
    if (ids.size() > most) {
      const size_t n_whole = ids.size();
      HEARTH_ASSIGN(ids, engine::cut_rerank_ids(metadata, opened.params, *tokenizer, query,
                                                documents[i], most));
      context.note(fmt::format("note: document {} with the query is cut from {} to {} tokens\n",
                               i + 1, n_whole, ids.size()));
    }
    pairs.push_back(std::move(ids));
  }
  return pairs;
}

Result<int> run(const ParsedArgs& args, AppContext& context) {
  const auto query = args.find_text("--query");
  if (!query || query->empty())
    return fail(ErrorCode::kInvalidArgument, "--query is needed",
                "for example: --query \"what is a hearth?\"");
  HEARTH_ASSIGN(const OpenedModel opened, open_model(args));
  HEARTH_ASSIGN(const std::vector<std::string> documents, given_texts("DOCUMENT", args, context));
  HEARTH_ASSIGN(const auto pairs, tokenize(documents, opened, *query, args, context));
  HEARTH_ASSIGN(const auto engine, load_for_texts(pairs, opened.params, args, context));
  HEARTH_ASSIGN(const std::vector<double> scores, engine::rerank(*engine, pairs));

  std::vector<size_t> order(documents.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  order.resize(std::min<uint64_t>(order.size(), args.find_uint("--top").value_or(order.size())));
  std::string out;
  for (const size_t i : order) {
    if (args.flag("--json"))
      out += fmt::format("{}{{\"index\":{},\"score\":{},\"document\":{}}}", out.empty() ? "" : ",",
                         i, json_number(scores[i]), json_text(documents[i]));
    else
      out += fmt::format("{:10.6f}  {}\n", scores[i], printable(documents[i]));
  }
  if (args.flag("--json"))
    out = fmt::format("{{\"model\":{},\"results\":[{}]}}\n", json_text(opened.params.name), out);
  context.print(out);
  return kExitOk;
}

}  // namespace

extern const Command kRerank = {
    .name = "rerank",
    .summary = "order documents by their relevance to a query",
    .description =
        "Prints a score and the document, the most relevant first. Scores of one model compare "
        "with "
        "each other and with no other's: those of BERT's kin are the plain number of their head "
        "(their sigmoid is what some programs show), Qwen3-Reranker's are probabilities.",
    .positionals = kPositionals,
    .options = kOptions,
    .groups = kGroups,
    .examples = kExamples,
    .run = run,
};

}  // namespace hearth::app
