// `hearth embed`: texts as vectors, whose cosine says how alike they are.
#include <fmt/format.h>

#include <algorithm>

#include "app/command.h"
#include "app/embed_input.h"
#include "app/machine_options.h"
#include "base/npy.h"
#include "engine/embedder.h"
#include "format/model_file.h"
#include "model/vocab_loader.h"
#include "text/tokenizer.h"

namespace hearth::app {
namespace {

using engine::Embedding;
using model::Pooling;
using Ids = std::vector<int32_t>;

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .kind = OptionKind::kPath, .help = "a GGUF file"},
    {.name = "TEXT",
     .help = "the texts; without any, the lines of standard input",
     .required = false,
     .repeats = true},
};
constexpr std::string_view kPoolings[] = {"none", "mean", "cls", "last"};
constexpr Option kOptions[] = {
    kLinesFileOption,
    {.name = "--ids",
     .kind = OptionKind::kUintList,
     .value_name = "LIST",
     .help = "one text as token ids: 1,2,3; none is added"},
    {.name = "--pooling",
     .kind = OptionKind::kEnum,
     .value_name = "HOW",
     .help = "make one vector of the tokens': none (one each), their mean, the first, the last",
     .default_note = "what the file says; else mean of encoders, last of language models",
     .choices = kPoolings},
    {.name = "--no-normalize", .help = "leave the vectors as long as the model makes them, not 1"},
    kTruncateOption,
    {.name = "--out",
     .kind = OptionKind::kPath,
     .value_name = "FILE",
     .help = "write a .npy file: float32 [texts, width], of --pooling none [tokens, width]"},
    {.name = "--json", .help = "print one JSON object"},
};
constexpr OptionGroup kGroups[] = {kMachineGroup};
constexpr Example kExamples[] = {
    {.line = "hearth embed nomic-embed-text.gguf \"search_query: what is a hearth?\" --json",
     .what = "a vector for a query, with the prefix that this model wants"},
    {.line = "hearth embed bge-small.gguf --file lines.txt --out vectors.npy",
     .what = "a vector for each line"},
};

// What the person asked for, or the file, or our default; told where it is not the file's.
Result<Pooling> choose_pooling(const model::HyperParams& params, const ParsedArgs& args,
                               const AppContext& context) {
  if (const auto name = args.find_text("--pooling"))
    return Pooling(std::ranges::find(kPoolings, *name) - std::begin(kPoolings));
  const Pooling pooling = model::default_pooling(params);
  if (pooling == Pooling::kRank)
    return fail(ErrorCode::kUnsupported, "this model is a reranker: it makes scores, not vectors",
                "use hearth rerank, or say --pooling");
  if (!params.pooling)
    context.note(
        fmt::format("note: the file does not say how its tokens make one vector; it is "
                    "{} here (--pooling changes that)\n",
                    pooling == Pooling::kMean ? "their mean" : "that of the last"));
  return pooling;
}

// Cut from the right, but for the token that the tokenizer puts at the end of every text.
void cut(Ids& ids, size_t most, const text::Tokenizer& tokenizer) {
  const int32_t end = ids.back();
  ids.resize(most);
  if (tokenizer.is_control(end)) ids.back() = end;
}

Result<std::vector<Ids>> tokenize(const std::vector<std::string>& texts,
                                  const text::Tokenizer& tokenizer, size_t most, bool truncate,
                                  const AppContext& context) {
  std::vector<Ids> all;
  for (size_t i = 0; i < texts.size(); ++i) {
    HEARTH_ASSIGN(Ids ids,
                  tokenizer.encode(texts[i], {.add_special = true, .parse_special = false}));
    if (ids.size() > most && !truncate)
      return fail(ErrorCode::kContextFull,
                  fmt::format("text {} has {} tokens, but the model reads {} at most", i + 1,
                              ids.size(), most),
                  "shorten it, split it, or let --truncate cut its end off");
    if (ids.size() > most) {
      context.note(
          fmt::format("note: text {} is cut from {} to {} tokens\n", i + 1, ids.size(), most));
      cut(ids, most, tokenizer);
    }
    all.push_back(std::move(ids));
  }
  return all;
}

Result<std::vector<Ids>> given_ids(const ParsedArgs& args, const format::ModelFile& file,
                                   const model::HyperParams& params, Pooling pooling,
                                   const AppContext& context) {
  const auto most = size_t(most_tokens(params, args));
  const std::vector<uint64_t> list = args.uint_list("--ids");
  if (!list.empty()) {
    if (args.find_text("--file") || !args.texts("TEXT").empty())
      return fail(ErrorCode::kInvalidArgument, "both a text and --ids are given",
                  "leave one of them out");
    Ids ids;
    for (const uint64_t id : list) ids.push_back(int32_t(std::min<uint64_t>(id, 0x7fffffff)));
    if (ids.size() > most)
      return fail(ErrorCode::kContextFull,
                  fmt::format("{} ids are given, but the model reads {} at most", ids.size(), most),
                  "give fewer");
    return std::vector<Ids>{ids};
  }
  HEARTH_ASSIGN(const std::vector<std::string> texts, given_texts("TEXT", args, context));
  HEARTH_ASSIGN(const auto tokenizer, model::load_tokenizer(file.metadata()));
  for (const std::string& warning : tokenizer->warnings()) context.note("note: " + warning + "\n");
  if (params.pooling == Pooling::kLast && pooling == Pooling::kLast && !tokenizer->adds_eos())
    context.note(
        "note: the file does not say to put an end token behind a text, as models that "
        "make their vector of the last token usually want; none is put\n");
  return tokenize(texts, *tokenizer, most, args.flag("--truncate"), context);
}

void append_vector(std::string& out, std::span<const float> vector, std::string_view between) {
  for (size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) out += between;
    out += std::isfinite(vector[i]) ? fmt::format("{}", vector[i]) : "null";
  }
}

std::string as_lines(const std::vector<Embedding>& answers) {
  std::string out;
  for (const Embedding& answer : answers)
    for (int64_t row = 0; row < answer.rows; ++row) {
      append_vector(out, answer.row(row), " ");
      out += '\n';
    }
  return out;
}

std::string as_json(const std::vector<Embedding>& answers, const std::vector<Ids>& texts,
                    std::string_view model, Pooling pooling, bool normalize) {
  std::string out =
      fmt::format("{{\"model\":{},\"pooling\":\"{}\",\"normalized\":{},\"width\":{},\"tokens\":[",
                  json_text(model), model::pooling_name(pooling), normalize, answers.front().width);
  for (size_t i = 0; i < texts.size(); ++i)
    out += fmt::format("{}{}", i > 0 ? "," : "", texts[i].size());
  out += "],\"embeddings\":[";
  for (size_t i = 0; i < answers.size(); ++i) {
    if (i > 0) out += ',';
    const bool many = pooling == Pooling::kNone;
    if (many) out += '[';
    for (int64_t row = 0; row < answers[i].rows; ++row) {
      out += row > 0 ? ",[" : "[";
      append_vector(out, answers[i].row(row), ",");
      out += ']';
    }
    if (many) out += ']';
  }
  return out + "]}\n";
}

Result<void> write_out(const std::string& path, const std::vector<Embedding>& answers,
                       const AppContext& context) {
  std::vector<float> values;
  int64_t rows = 0;
  for (const Embedding& answer : answers) {
    values.insert(values.end(), answer.values.begin(), answer.values.end());
    rows += answer.rows;
  }
  HEARTH_TRY(write_npy(path, values, rows, answers.front().width));
  context.note(fmt::format("{}: {} x {} float32\n", path, rows, answers.front().width));
  return {};
}

Result<int> run(const ParsedArgs& args, AppContext& context) {
  const auto out = args.find_text("--out");
  if (out && args.flag("--json"))
    return fail(ErrorCode::kInvalidArgument, "both --out and --json are given",
                "leave one of them out");
  HEARTH_ASSIGN(const OpenedModel opened, open_model(args));
  const model::HyperParams& params = opened.params;
  HEARTH_ASSIGN(const Pooling pooling, choose_pooling(params, args, context));
  HEARTH_ASSIGN(const std::vector<Ids> texts,
                given_ids(args, opened.file, params, pooling, context));
  if (out && pooling == Pooling::kNone && texts.size() > 1)
    return fail(ErrorCode::kInvalidArgument,
                "a .npy file cannot tell the tokens of one text from those of the next",
                "give one text, or use --json");
  HEARTH_ASSIGN(const auto engine, load_for_texts(texts, params, args, context));
  const bool normalize = params.normalize_embeddings && !args.flag("--no-normalize");
  HEARTH_ASSIGN(const std::vector<Embedding> answers,
                engine::Embedder(*engine).embed(texts, pooling, normalize));
  if (out) {
    HEARTH_TRY(write_out(*out, answers, context));
    return kExitOk;
  }
  context.print(args.flag("--json") ? as_json(answers, texts, params.name, pooling, normalize)
                                    : as_lines(answers));
  return kExitOk;
}

}  // namespace

extern const Command kEmbed = {
    .name = "embed",
    .summary = "turn texts into vectors",
    .description =
        "Prints one line of numbers for each text. Vectors have length 1 unless the file or "
        "--no-normalize says otherwise, so that the sum of the products of two of them is their "
        "cosine: 1 for texts that mean the same. The KV cache is f32 unless --kv is given.\n\n"
        "Many models want a prefix before a text, which is the caller's to give: \"search_query: "
        "\" "
        "and \"search_document: \" (nomic), \"query: \" and \"passage: \" (e5), \"Instruct: ...\\n"
        "Query: \" (Qwen3); the model's own page says which.",
    .positionals = kPositionals,
    .options = kOptions,
    .groups = kGroups,
    .examples = kExamples,
    .run = run,
};

}  // namespace hearth::app
