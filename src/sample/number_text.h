// How JSON numbers are written, as sets of texts: integers, decimals, bounds, multiples.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sample/text_dfa.h"

namespace hearth::sample {

// An exact decimal number: digits[0, point) . digits[point, end), without leading zeros but for one
// before the point, without trailing zeros behind it.
struct Decimal {
  bool negative = false;
  std::string integer = "0";
  std::string fraction = {};

  // "-12.5e3" -> -12500. kUnsupported above 400 digits.
  static Result<Decimal> parse(std::string_view text);
  [[nodiscard]] bool is_zero() const { return integer == "0" && fraction.empty(); }
  [[nodiscard]] std::string text() const;
};

struct NumberStyle {
  // 0: no bound. A bound on digits keeps a model from writing them for ever.
  int integer_digits_max = 16;
  int fraction_digits_max = 16;
  // 1.0 is an integer too, as JSON Schema says; otherwise integers have no point.
  bool integers_with_point = false;
};

// -?(0|[1-9][0-9]*) with or without .[0-9]+; no exponent.
TextDfa integer_texts(const NumberStyle& style);
TextDfa decimal_texts(const NumberStyle& style);
// All numbers, with exponents.
Result<TextDfa> number_texts(const NumberStyle& style);

enum class Bound : uint8_t { kAtLeast, kAbove, kAtMost, kBelow, kEqual };
// The decimals (any number of digits) on this side of the bound, the bound included or not.
Result<TextDfa> bounded_texts(const Decimal& bound, Bound side);
// The decimals that are whole multiples. kUnsupported when the automaton would be too large.
Result<TextDfa> multiple_texts(const Decimal& divisor);

}  // namespace hearth::sample
