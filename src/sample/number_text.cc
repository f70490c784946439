#include "sample/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "sample/pattern.h"

namespace hearth::sample {
namespace {

constexpr int64_t kMaxDigits = 400;
constexpr size_t kMaxRemainders = 4000;

using Edges = std::vector<std::vector<TextDfa::Edge>>;

CharRange digit(int d) { return {uint32_t('0' + d), uint32_t('0' + d)}; }
CharRange digits(int lo, int hi) { return {uint32_t('0' + lo), uint32_t('0' + hi)}; }

// An automaton under construction; state 0 starts.
struct Draft {
  Edges edges;
  std::vector<bool> accepting;

  uint32_t add(bool accepts) {
    edges.emplace_back();
    accepting.push_back(accepts);
    return uint32_t(edges.size() - 1);
  }
  void link(uint32_t from, CharRange chars, uint32_t to) {
    if (chars.lo <= chars.hi) edges[from].push_back({chars, to});
  }
  [[nodiscard]] TextDfa finish() const { return TextDfa::of_edges(edges, accepting).minimized(); }
};

std::string counted(int max, int used) {
  return max == 0 ? "*" : fmt::format("{{0,{}}}", std::max(0, max - used));
}

TextDfa pattern_of(const std::string& pattern) {
  auto dfa = compile_pattern(pattern);
  HEARTH_CHECK(dfa.has_value());
  return std::move(*dfa);
}

// Unsigned decimals compared with `bound`: by the length of the integer part, then digit by digit.
class Comparison {
 public:
  Comparison(const Decimal& bound, bool below, bool equal, bool above)
      : bound_(bound), below_(below), equal_(equal), above_(above) {}

  TextDfa build() {
    const uint32_t start = draft_.add(false);
    point_below_ = fraction(below_);
    point_above_ = fraction(above_);
    build_equal_fraction();
    longer_ = draft_.add(above_);
    draft_.link(longer_, digits(0, 9), longer_);
    draft_.link(longer_, {'.', '.'}, point_above_);
    build_integer(start);
    return draft_.finish();
  }

 private:
  enum Order : int { kLess, kSame, kMore };

  // The state behind the point, when the order is settled: any digits, at least one.
  uint32_t fraction(bool accepts) {
    const uint32_t point = draft_.add(false);
    const uint32_t rest = draft_.add(accepts);
    draft_.link(point, digits(0, 9), rest);
    draft_.link(rest, digits(0, 9), rest);
    return point;
  }

  // Equal so far, behind the point: state i has read i digits like the bound's.
  void build_equal_fraction() {
    const std::string& f = bound_.fraction;
    const uint32_t less = draft_.edges[point_below_][0].target;
    const uint32_t more = draft_.edges[point_above_][0].target;
    point_equal_ = draft_.add(false);
    uint32_t at = point_equal_;
    for (size_t i = 0; i <= f.size() + 1; ++i) {
      // Behind the last digit of the bound only zeros stay equal.
      const int d = i < f.size() ? f[i] - '0' : 0;
      const bool last = i > f.size();
      const uint32_t next = last ? at : draft_.add(i + 1 < f.size() ? below_ : equal_);
      draft_.link(at, digits(0, d - 1), less);
      draft_.link(at, digit(d), next);
      draft_.link(at, digits(d + 1, 9), more);
      at = next;
    }
  }

  // The state in which n digits stand before the point, in the given order to the bound's first n.
  uint32_t integer_state(size_t n, Order order) {
    const size_t k = bound_.integer.size();
    const Order whole = n < k ? kLess : order;
    const bool equal_fraction = bound_.fraction.empty();
    const bool accepts = whole == kLess   ? below_
                         : whole == kMore ? above_
                         : equal_fraction ? equal_
                                          : below_;
    const uint32_t state = draft_.add(accepts);
    draft_.link(state, {'.', '.'},
                whole == kLess   ? point_below_
                : whole == kMore ? point_above_
                                 : point_equal_);
    return state;
  }

  void build_integer(uint32_t start) {
    const std::string& b = bound_.integer;
    std::vector<uint32_t> states[3];
    for (size_t n = 1; n <= b.size(); ++n)
      for (const Order o : {kLess, kSame, kMore}) states[o].push_back(integer_state(n, o));
    const auto link_digit = [&](uint32_t from, size_t n, Order order, int lo) {
      // From n digits to n + 1.
      if (n == b.size()) return draft_.link(from, digits(lo, 9), longer_);
      if (order != kSame) return draft_.link(from, digits(lo, 9), states[order][n]);
      const int d = b[n] - '0';
      draft_.link(from, digits(lo, d - 1), states[kLess][n]);
      if (d >= lo) draft_.link(from, digit(d), states[kSame][n]);
      draft_.link(from, digits(std::max(lo, d + 1), 9), states[kMore][n]);
    };
    link_digit(start, 0, kSame, 1);
    for (size_t n = 1; n <= b.size(); ++n)
      for (const Order o : {kLess, kSame, kMore}) link_digit(states[o][n - 1], n, o, 0);
    // 0 stands alone before the point.
    const Order zero = b == "0" ? kSame : kLess;
    const uint32_t zero_state = integer_state(b.size(), zero);
    draft_.link(start, digit(0), zero_state);
  }

  const Decimal& bound_;
  bool below_;
  bool equal_;
  bool above_;
  Draft draft_;
  uint32_t point_below_ = 0;
  uint32_t point_equal_ = 0;
  uint32_t point_above_ = 0;
  uint32_t longer_ = 0;
};

// "-" before every text of the set.
TextDfa negated(const TextDfa& dfa) {
  Draft draft;
  draft.add(false);
  for (uint32_t s = 0; s < dfa.n_states(); ++s) draft.add(dfa.accepts(s));
  for (uint32_t s = 0; s < dfa.n_states(); ++s)
    for (const TextDfa::Edge& e : dfa.edges(s)) draft.link(s + 1, e.chars, e.target + 1);
  draft.link(0, {'-', '-'}, 1);
  return draft.finish();
}

}  // namespace

Result<Decimal> Decimal::parse(std::string_view text) {
  Decimal out;
  out.negative = text.starts_with("-");
  const size_t e = std::min(text.find_first_of("eE"), text.size());
  std::string_view mantissa = text.substr(0, e).substr(out.negative ? 1 : 0);
  int64_t exponent = 0;
  if (e < text.size())
    exponent = std::strtoll(std::string(text.substr(e + 1)).c_str(), nullptr, 10);
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  std::string all(mantissa.substr(0, point));
  int64_t place = int64_t(point);
  if (point < mantissa.size()) all += mantissa.substr(point + 1);
  if (exponent > kMaxDigits || exponent < -kMaxDigits || all.size() > size_t(kMaxDigits))
    return fail(ErrorCode::kUnsupported, fmt::format("the number {} is too long", text));
  place += exponent;
  if (place < 0) {
    all.insert(0, size_t(-place), '0');
    place = 0;
  }
  if (place > int64_t(all.size())) all.append(size_t(place) - all.size(), '0');
  out.integer = all.substr(0, size_t(place));
  out.fraction = all.substr(size_t(place));
  out.integer.erase(0, out.integer.find_first_not_of('0'));
  if (out.integer.empty()) out.integer = "0";
  const size_t last = out.fraction.find_last_not_of('0');
  out.fraction.resize(last == std::string::npos ? 0 : last + 1);
  if (out.is_zero()) out.negative = false;
  return out;
}

std::string Decimal::text() const {
  return (negative ? "-" : "") + integer + (fraction.empty() ? "" : "." + fraction);
}

TextDfa integer_texts(const NumberStyle& style) {
  const std::string more = counted(style.integer_digits_max, 1);
  return pattern_of(style.integers_with_point ? fmt::format("^-?(0|[1-9][0-9]{})(\\.0+)?$", more)
                                              : fmt::format("^(0|-?[1-9][0-9]{})$", more));
}

TextDfa decimal_texts(const NumberStyle& style) {
  return pattern_of(fmt::format("^-?(0|[1-9][0-9]{})(\\.[0-9][0-9]{})?$",
                                counted(style.integer_digits_max, 1),
                                counted(style.fraction_digits_max, 1)));
}

Result<TextDfa> number_texts(const NumberStyle& style) {
  // Three digits of exponent are more than a double has.
  const std::string exponent = style.integer_digits_max == 0 ? "[0-9]+" : "(0|[1-9][0-9]{0,2})";
  return compile_pattern(fmt::format("^-?(0|[1-9][0-9]{})(\\.[0-9][0-9]{})?([eE][+-]?{})?$",
                                     counted(style.integer_digits_max, 1),
                                     counted(style.fraction_digits_max, 1), exponent));
}

Result<TextDfa> bounded_texts(const Decimal& bound, Bound side) {
  const bool equal = side == Bound::kAtLeast || side == Bound::kAtMost || side == Bound::kEqual;
  const bool up = side == Bound::kAtLeast || side == Bound::kAbove;
  const bool down = side == Bound::kAtMost || side == Bound::kBelow;
  // -0 counts as 0: it is below no bound that 0 is not below.
  const TextDfa same_sign =
      Comparison(bound, bound.negative ? up : down, equal, bound.negative ? down : up).build();
  if (bound.is_zero()) {
    const TextDfa minus = negated(Comparison(bound, false, equal, down).build());
    return same_sign.unite(minus);
  }
  const TextDfa other_sign =
      Comparison(Decimal{}, false, bound.negative ? up : down, bound.negative ? up : down).build();
  return bound.negative ? negated(same_sign).unite(other_sign)
                        : same_sign.unite(negated(other_sign));
}

// The digits are read as one number, modulo the divisor's digits. State (r, j): remainder r with j
// digits behind the point; more digits behind the point than the divisor has must be zeros.
Result<TextDfa> multiple_texts(const Decimal& divisor) {
  const size_t e = divisor.fraction.size();
  size_t k = 0;
  for (const char c : divisor.integer + divisor.fraction) {
    k = k * 10 + size_t(c - '0');
    if (k * (e + 2) > kMaxRemainders)
      return fail(ErrorCode::kUnsupported,
                  fmt::format("the divisor {} has too many remainders", divisor.text()),
                  "use a divisor of fewer digits");
  }
  if (k == 0) return fail(ErrorCode::kInvalidArgument, "multipleOf must be above 0");
  Draft draft;
  const uint32_t start = draft.add(false);
  const auto fits = [&](size_t r, size_t j) {
    for (; j < e; ++j) r = r * 10 % k;
    return r == 0;
  };
  std::vector<uint32_t> whole(k);
  std::vector<std::vector<uint32_t>> behind(e + 1, std::vector<uint32_t>(k));
  for (size_t r = 0; r < k; ++r) whole[r] = draft.add(fits(r, 0));
  for (size_t j = 0; j <= e; ++j)
    for (size_t r = 0; r < k; ++r) behind[j][r] = draft.add(j > 0 && fits(r, j));
  const uint32_t zeros = draft.add(true);
  draft.link(zeros, digit(0), zeros);
  for (size_t r = 0; r < k; ++r) {
    draft.link(whole[r], {'.', '.'}, behind[0][r]);
    for (int d = 0; d <= 9; ++d) {
      const size_t next = (r * 10 + size_t(d)) % k;
      draft.link(whole[r], digit(d), whole[next]);
      for (size_t j = 0; j < e; ++j) draft.link(behind[j][r], digit(d), behind[j + 1][next]);
    }
    if (fits(r, e)) draft.link(behind[e][r], digit(0), zeros);
  }
  for (int d = 0; d <= 9; ++d) draft.link(start, digit(d), whole[size_t(d) % k]);
  const TextDfa positive = draft.finish();
  return positive.unite(negated(positive));
}

}  // namespace hearth::sample
