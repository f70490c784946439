// Splits a template's source into literal text and tokens, with all of Jinja's whitespace rules
// (trim_blocks and lstrip_blocks on, keep_trailing_newline off, '-' and '+' marks, raw blocks), as
// Hugging Face sets them. Called by the parser.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text::jinja {

enum class TokenKind : uint8_t {
  kText,           // literal text; empty ones are left out
  kVariableBegin,  // {{
  kVariableEnd,    // }}
  kBlockBegin,     // {%
  kBlockEnd,       // %}
  kName,
  kString,   // value: the text meant
  kInteger,  // value: decimal digits
  kFloat,    // value: as C reads it
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind;
  std::string value;
  int line;

  [[nodiscard]] bool is(std::string_view op) const {
    return kind == TokenKind::kOperator && value == op;
  }
  [[nodiscard]] bool is_name(std::string_view name) const {
    return kind == TokenKind::kName && value == name;
  }
};

// All tokens, the last of kind kEnd. Errors name the line.
Result<std::vector<Token>> tokenize_template(std::string_view source);

// "chat template, line 7: unexpected ..." as every error of lexer and parser reads.
std::unexpected<Error> syntax_error(int line, std::string_view what);

}  // namespace hearth::text::jinja
