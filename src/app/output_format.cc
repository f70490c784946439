#include "app/output_format.h"

#include <fmt/format.h>

#include <utility>

#include "base/file_map.h"
#include "base/printable.h"
#include "sample/schema.h"

namespace hearth::app {
namespace {

constexpr std::string_view kHint =
    "give json, or a file that ends in .json (a JSON Schema) or .gbnf (a grammar)";

Result<sample::Grammar> parse_format(std::string_view argument, std::string_view text,
                                     OutputFormat& format) {
  if (argument.ends_with(".gbnf")) return sample::parse_gbnf(text);
  return sample::grammar_of_schema(text, {.notes = &format.notes});
}

}  // namespace

Result<std::shared_ptr<const OutputFormat>> read_output_format(std::string_view argument) {
  auto format = std::make_shared<OutputFormat>();
  format->name = argument;
  if (argument == "json") {
    format->grammar = sample::grammar_of_any_json();
    return format;
  }
  const std::string shown = printable(argument, 200);
  if (!argument.ends_with(".json") && !argument.ends_with(".gbnf"))
    return fail(ErrorCode::kInvalidArgument, fmt::format("'{}' is no format", shown),
                std::string(kHint));
  HEARTH_ASSIGN(const FileMap file, FileMap::open(std::string(argument), MapMode::kMap));
  const auto bytes = file.bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  auto grammar = parse_format(argument, text, *format);
  if (!grammar) {
    Error error = std::move(grammar).error();
    error.message = fmt::format("{}: {}", shown, printable(error.message, 1000));
    return std::unexpected(std::move(error));
  }
  format->grammar = std::move(*grammar);
  return format;
}

std::shared_ptr<const sample::TokenTable> token_table(const text::Tokenizer& tokenizer,
                                                      size_t n_vocab,
                                                      std::span<const int32_t> ends) {
  std::vector<std::string> bytes(n_vocab);
  for (size_t i = 0; i < n_vocab; ++i) {
    const int32_t id = int32_t(i);
    const std::string_view piece = tokenizer.piece(id);
    if (tokenizer.is_control(id) && !piece.empty())
      bytes[i] = kControlMark + std::string(piece);
    else if (!tokenizer.is_hidden(id) && !piece.contains(kControlMark))
      bytes[i] = piece;
  }
  return sample::TokenTable::create(std::move(bytes), {ends.begin(), ends.end()});
}

}  // namespace hearth::app
