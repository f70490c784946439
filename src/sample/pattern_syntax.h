// The syntax tree of a pattern. Between pattern_parser.cc and pattern.cc.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sample/char_set.h"

namespace hearth::sample {

struct PatternNode {
  enum class Kind : uint8_t { kChars, kSequence, kChoice, kRepeat, kStart, kEnd };
  Kind kind = Kind::kSequence;
  CharSet chars = {};
  std::vector<PatternNode> parts = {};
  int64_t min = 0;  // kRepeat
  int64_t max = -1;
};

Result<PatternNode> parse_pattern(std::string_view pattern);

}  // namespace hearth::sample
