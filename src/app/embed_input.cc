#include "app/embed_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "app/machine_options.h"
#include "app/text_input.h"
#include "engine/embedder.h"
#include "model/unknown_arch.h"

namespace hearth::app {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

}  // namespace

Result<std::vector<std::string>> given_texts(std::string_view name, const ParsedArgs& args,
                                             const AppContext& context) {
  std::vector<std::string> texts = args.texts(name);
  const auto file = args.find_text("--file");
  if (file && !texts.empty())
    return fail(ErrorCode::kInvalidArgument, fmt::format("both a {} and --file are given", name),
                "leave one of them out");
  if (texts.empty()) {
    if (!file && context.in_is_terminal)
      return fail(ErrorCode::kInvalidArgument, "no text is given",
                  "give texts after the model's name, with --file (one on each line), or through a "
                  "pipe");
    HEARTH_ASSIGN(const std::string all, read_text_input(file.value_or("-"), context));
    texts = lines_of(all);
  }
  if (texts.empty())
    return fail(ErrorCode::kInvalidArgument, "the input holds no text", "give one on each line");
  for (size_t i = 0; i < texts.size(); ++i)
    if (texts[i].empty())
      return fail(ErrorCode::kInvalidArgument, fmt::format("text {} is empty", i + 1),
                  "leave it out: every text gets an answer of its own");
  return texts;
}

Result<OpenedModel> open_model(const ParsedArgs& args) {
  HEARTH_ASSIGN(format::ModelFile file, format::ModelFile::open(args.get_text("MODEL")));
  HEARTH_TRY(model::arch_of(file));
  HEARTH_ASSIGN(model::HyperParams params, model::read_hyper_params(file.metadata()));
  return OpenedModel{std::move(file), std::move(params)};
}

int64_t most_tokens(const model::HyperParams& params, const ParsedArgs& args) {
  return int64_t(args.find_uint("--ctx").value_or(uint64_t(params.n_ctx_train)));
}

Result<std::unique_ptr<engine::Engine>> load_for_texts(std::span<const std::vector<int32_t>> texts,
                                                       const model::HyperParams& params,
                                                       const ParsedArgs& args,
                                                       const AppContext& context) {
  size_t longest = 1;
  for (const std::vector<int32_t>& text : texts) longest = std::max(longest, text.size());
  engine::EngineOptions options = engine_options(args, context);
  options.need_tokenizer = false;  // the texts are tokens already
  // The cache is as short as the texts are: it need not be small.
  if (!args.given("--kv")) options.kv_type = "f32";
  HEARTH_ASSIGN(std::unique_ptr<engine::Engine> engine,
                engine::Engine::load(args.get_text("MODEL"),
                                     engine::embedding_options(options, params, int64_t(longest))));
  for (const std::string& warning : engine->warnings()) context.note("note: " + warning + "\n");
  return engine;
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string json_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

}  // namespace hearth::app
