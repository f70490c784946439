// Which tokens are special, found by their text. GGUF files name a few by id (bos, eos, ...) and
// are often incomplete: the turn of a Llama 3 model ends with a token that is not its eos_token_id.
// So the known names are looked for, and the set of tokens that end generation is made from them,
// with the exceptions that some families need.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/token_texts.h"
#include "text/vocab.h"

namespace hearth::text {

struct SpecialTokens {
  SpecialIds ids;
  std::vector<int32_t> eog;  // end of generation, ascending
  std::vector<int32_t>
      control;  // look like control tokens; files that give them another type are wrong
  std::vector<int32_t> shown;  // control tokens that belong into the output (gpt-oss's channels)
  std::vector<int32_t> plain;  // named like a control token, but ordinary text in this family
};

// What the file says of its tokens. REQUIRES: index is over texts; types has one for each; ids are
// in range, those of `declared` or -1.
struct DeclaredTokens {
  const TokenTexts& texts;
  const TextIndex& index;
  std::span<const TokenType> types;
  const SpecialIds& special;
  std::span<const int32_t> ends;  // further ends of generation
  std::string_view pre;           // the pre-tokenizer's name
};

SpecialTokens find_special_tokens(const DeclaredTokens& declared);

}  // namespace hearth::text
