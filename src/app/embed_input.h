// What `hearth embed` and `hearth rerank` share: the texts that they are given, and the machine
// that their tokens need.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/command.h"
#include "engine/engine.h"
#include "format/model_file.h"
#include "model/hyper_params.h"

namespace hearth::app {

// Options of both.
inline constexpr Option kLinesFileOption = {
    .name = "--file",
    .short_name = "-f",
    .kind = OptionKind::kPath,
    .value_name = "FILE",
    .help = "the texts are the lines of this file; - is standard input"};
inline constexpr Option kTruncateOption = {
    .name = "--truncate",
    .help = "cut texts that are longer than the model can read; else an error"};

// The texts of the positional `name`, or the lines of the file (--file; - is standard input), one
// text each; nothing given: standard input, if it is not a terminal. Errors: kInvalidArgument for
// both, for neither, and for a text that is empty.
Result<std::vector<std::string>> given_texts(std::string_view name, const ParsedArgs& args,
                                             const AppContext& context);

// Tokens that one text may have: --ctx, else what the model was trained for.
int64_t most_tokens(const model::HyperParams& params, const ParsedArgs& args);

// The file of MODEL and what it says. Errors: those of ModelFile::open, arch_of, read_hyper_params.
struct OpenedModel {
  format::ModelFile file;
  model::HyperParams params;
};
Result<OpenedModel> open_model(const ParsedArgs& args);

// The model with room for texts of `texts`; its warnings are told. Errors: those of Engine::load.
Result<std::unique_ptr<engine::Engine>> load_for_texts(std::span<const std::vector<int32_t>> texts,
                                                       const model::HyperParams& params,
                                                       const ParsedArgs& args,
                                                       const AppContext& context);

// "a text" as a JSON string; bytes that are no UTF-8 become U+FFFD.
std::string json_text(std::string_view text);
// A number that JSON can hold: null in place of what is not finite.
std::string json_number(double value);

}  // namespace hearth::app
