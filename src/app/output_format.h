// The format that answers are held to: any JSON object, a JSON Schema, or a GBNF grammar
// (`hearth run --format`, `/set format`).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sample/grammar.h"
#include "sample/token_table.h"
#include "text/tokenizer.h"

namespace hearth::app {

struct OutputFormat {
  std::string name;  // as the person wrote it
  sample::Grammar grammar;
  std::vector<std::string> notes = {};  // what of a schema is not enforced
};

// "json", or the path of a schema (*.json) or a grammar (*.gbnf). Errors name the file, and for a
// schema the keyword and its place, for a grammar the line.
Result<std::shared_ptr<const OutputFormat>> read_output_format(std::string_view argument);

// Before the text of a control token in a TokenTable: no text holds this byte, so that what a
// grammar says of text never allows one.
inline constexpr char kControlMark = '\xff';

// The tokens of a model as grammars see them. n_vocab: of the logits; ids that the tokenizer does
// not know are never allowed. `ends`: what ends generation (text::end_tokens).
std::shared_ptr<const sample::TokenTable> token_table(const text::Tokenizer& tokenizer,
                                                      size_t n_vocab,
                                                      std::span<const int32_t> ends);

}  // namespace hearth::app
