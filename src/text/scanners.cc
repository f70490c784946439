#include "text/scanners.h"

namespace hearth::text {
namespace {

bool is_decimal(const ScanChar& c) { return c.is(kDecimal); }

// Makes the memo hold the run of `belongs` that `p` stands in, and digits_left what is left of it
// from p on.
template <CharTest kBelongs>
void measure_digits(const char* p, const char* end, ScanMemo& memo) {
  if (memo.run_end != nullptr && p >= memo.run_begin && p < memo.run_end) return;
  uint64_t n = 0;
  memo.run_begin = p;
  memo.run_end = run_end(p, end, [&n](const ScanChar& c) { return kBelongs(c) && ++n != 0; });
  memo.digits_left = n;
}

// The next n digits, which the memo then counts as gone.
const char* take_digits(const char* p, uint64_t n, ScanMemo& memo) {
  for (uint64_t i = 0; i < n; ++i) p += char_at(p, memo.run_end).length;
  memo.digits_left -= n;
  return p;
}

bool is_word_char_at(const char* p, const char* end) {
  return p < end && scan_char(p, end).is(kWord);
}

}  // namespace

ScanMatch scan_trailing_spaces(const char* from, const char* end, ScanMemo&) {
  const char* begin = end;
  const char* p = from;
  while (p < end) {
    const ScanChar c = scan_char(p, end);
    if (!c.is(kSpace)) begin = end;
    if (c.is(kSpace) && begin == end) begin = p;
    p += c.length;
  }
  return {begin, end};
}

ScanMatch scan_three_digits(const char* from, const char* end, ScanMemo&) {
  int n = 0;
  for (const char* p = from; p < end; ++p) {
    n = *p >= '0' && *p <= '9' ? n + 1 : 0;
    if (n == 3) return {p - 2, p + 1};
  }
  return {end, end};
}

ScanMatch scan_up_to_three_numbers(const char* from, const char* end, ScanMemo&) {
  const char* p = run_end(from, end, [](const ScanChar& c) { return !is_number(c); });
  int n = 0;
  return {p, run_end(p, end, [&n](const ScanChar& c) { return is_number(c) && n++ < 3; })};
}

ScanMatch scan_right_groups(const char* from, const char* end, ScanMemo& memo) {
  const char* p = run_end(from, end, [](const ScanChar& c) { return !is_number(c); });
  if (p == end) return {end, end};
  measure_digits<is_number>(p, end, memo);
  const uint64_t rest = memo.digits_left % 3;
  return {p, take_digits(p, rest == 0 ? 3 : rest, memo)};
}

ScanMatch scan_right_groups_at_boundary(const char* from, const char* end, ScanMemo& memo) {
  const char* p = from;
  while (p < end) {
    p = run_end(p, end, [](const ScanChar& c) { return !is_decimal(c); });
    if (p == end) break;
    measure_digits<is_decimal>(p, end, memo);
    if (is_word_char_at(memo.run_end, end)) {  // 123abc: no \b after the digits
      p = memo.run_end;
      continue;
    }
    const uint64_t rest = memo.digits_left % 3;
    return {p, take_digits(p, rest == 0 ? 3 : rest, memo)};
  }
  return {end, end};
}

ScanMatch scan_between_right_groups(const char* from, const char* end, ScanMemo& memo) {
  // The next place after `from` with a multiple of three digits (not none) between it and the end
  // of its run.
  const char* p = from;
  while (p < end) {
    const ScanChar c = scan_char(p, end);
    if (!is_decimal(c)) {
      p += c.length;
      continue;
    }
    measure_digits<is_decimal>(p, end, memo);
    const uint64_t rest = memo.digits_left % 3;
    if (memo.digits_left < 3) {
      p = take_digits(p, memo.digits_left, memo);
    } else if (rest != 0 || p > from) {
      return {from, take_digits(p, rest, memo)};
    } else {
      p = take_digits(p, 3, memo);
    }
  }
  return {from, end};
}

}  // namespace hearth::text
