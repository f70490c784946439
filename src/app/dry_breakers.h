// The texts at which a phrase ends for DRY, as sequences of tokens: every way in which the tokens
// of a generated text can hold such a text. Called by the chat's backend; knows no sampler.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace hearth::app {

// For each text: every token that holds it, alone; and every token that ends with the beginning of
// it, followed by the tokens of its rest. Empty texts give nothing. Errors: those of encode().
Result<std::vector<std::vector<int32_t>>> dry_breaker_tokens(const text::Tokenizer& tokenizer,
                                                             std::span<const std::string> texts);

}  // namespace hearth::app
