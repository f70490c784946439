// Regular expressions of JSON Schema (`pattern`, `patternProperties`): the dialect of ECMA-262, as
// far as it is regular, turned into a TextDfa.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "sample/text_dfa.h"

namespace hearth::sample {

// The texts in which the pattern is found somewhere (as JSON Schema says; ^ and $ tie it to the
// ends). Alternatives, groups, classes, \d \w \s and their opposites, escapes, all quantifiers.
// kInvalidArgument: not a regular expression. kUnsupported, naming the construct: look-around,
// back-references, \b, \p{...}; and what grows beyond TextDfa's limits.
Result<TextDfa> compile_pattern(std::string_view pattern);

// The pattern that finds this very text.
std::string literal_pattern(std::string_view text);

}  // namespace hearth::sample
