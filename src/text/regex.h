// One regular expression, run by PCRE2 (Unicode, JIT). For the few pre-tokenizer patterns that have
// no scanner, and as the other half of the scanners' tests. Memory and steps are limited, so a
// hostile text is an Error and never a crash.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::text {

class Regex {
 public:
  struct Match {
    size_t begin;
    size_t end;
  };

  // \s and \S mean Unicode's White_Space, as in the tokenizers' own engines. Errors:
  // kInvalidArgument (bad pattern).
  static Result<Regex> compile(std::string_view pattern);

  // The first match in `subject` that begins at or after `from`. A byte that is no UTF-8 counts as
  // U+001A. REQUIRES: from <= subject.size(), at a character. Errors: kUnsupported (over the
  // limits).
  Result<std::optional<Match>> find(std::string_view subject, size_t from) const;

  // Replaces what find() cannot take; same length. Done by find()'s callers once for a whole text.
  static std::string searchable(std::string_view text);

 private:
  struct Code;
  struct CodeDeleter {
    void operator()(Code* code) const;
  };
  explicit Regex(std::unique_ptr<Code, CodeDeleter> code) : code_(std::move(code)) {}
  std::unique_ptr<Code, CodeDeleter> code_;
};

}  // namespace hearth::text
