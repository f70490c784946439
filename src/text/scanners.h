// Hand-written equivalents of the regular expressions that byte-pair tokenizers cut their text
// with. Each finds the next match as the expression (backtracking, first alternative wins) would,
// but in linear time, without recursion and without memory. scanners_test.cc holds every one of
// them against PCRE2 on the expression itself.
//
// Bytes that are no UTF-8 count as U+FFFD each, which is a symbol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/unicode.h"
#include "text/utf8.h"

namespace hearth::text {

struct ScanMatch {
  const char* begin;  // begin == end: no further match
  const char* end;
};

// What one pass over a piece remembers so that a long run is measured once and not from each place
// within it.
struct ScanMemo {
  const char* run_begin = nullptr;
  const char* run_end = nullptr;
  const char* newline_end = nullptr;  // after the last \r or \n of a run of whitespace; null: none
  uint64_t digits_left = 0;           // from where the scan stands to run_end
};

// Finds the first match at or after `from`. [from, end) is the rest of a piece; nothing before
// `from` matters.
using Scanner = ScanMatch (*)(const char* from, const char* end, ScanMemo& memo);

struct ScanChar {
  char32_t code;
  uint32_t length;
  CharSet set;
  bool is(CharSet sets) const { return (set & sets) != 0; }
};

inline ScanChar scan_char(const char* p, const char* end) {
  const Char c = char_at(p, end);
  return {c.code, c.length, char_set(c.code)};
}

// Past the run of characters from p that `belongs(ScanChar)`.
template <class Belongs>
const char* run_end(const char* p, const char* end, Belongs belongs) {
  while (p < end) {
    const ScanChar c = scan_char(p, end);
    if (!belongs(c)) break;
    p += c.length;
  }
  return p;
}

// ---- One alternation that covers (nearly) every character: words, digits, symbols, whitespace
// ----

enum class Contractions : uint8_t {
  kNone,
  kLowerFirst,  // 's|'t|'re|'ve|'m|'ll|'d as the first alternative
  kFirst,       // the same in any case
  kSuffix,      // in any case, optional, at the end of a word
};

enum class Words : uint8_t {
  kSpaceLetters,   //  ?\p{L}+                                        (GPT-2)
  kPrefixLetters,  // [^\r\n\p{L}\p{N}]?\p{L}+
  kPrefixMarks,    // [^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+
  kCased,        // [^..]?U*L+|[^..]?U+L*, U and L the upper- and lower-case-like letters and marks
  kCasedNotHan,  // the same, Han characters being no letters
  kSpaced,       // [^..]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+
  kAsciiTail,    // [ASCII punctuation][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+
};

enum class Tail : uint8_t {
  kNone,
  kNewlines,
  kNewlinesSlashes,
  kOneNewlineSlash
};  // what symbols take after them
enum class Spaces : uint8_t {
  kPlain,     // \s+(?!\S)|\s+
  kNewlines,  // \s*[\r\n]+|\s+(?!\S)|\s+
  kCascade,   // \s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|..|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}
};

inline constexpr uint32_t kAnyNumber = UINT32_MAX;

struct AlternationRules {
  Contractions contractions = Contractions::kFirst;
  bool han_first = false;  // \p{Han}+ before words
  Words words = Words::kPrefixLetters;
  uint32_t digits_max = 1;    // \p{N}{1,digits_max}; 0: no alternative for numbers
  bool space_digits = false;  // an optional ' ' before them
  CharSet symbols_only = 0;   // symbols are these; 0: what is neither \s nor in `symbols_not`
  CharSet symbols_not = kLetter | kNumber;
  Tail tail = Tail::kNewlines;
  Spaces spaces = Spaces::kNewlines;
};

// The length in bytes of 's, 't, 're, 've, 'm, 'll or 'd at p, where *p is the apostrophe; 0: none.
// In any case, U+017F (long s) is an s, as (?i:) has it.
template <bool kAnyCase>
size_t contraction_length(const char* p, const char* end) {
  const auto letter = [&](std::ptrdiff_t i) -> char {
    if (end - p <= i) return 0;
    const char c = p[i];
    return kAnyCase && c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  };
  const char a = letter(1);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  const char b = letter(2);
  if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
  if (kAnyCase && a == '\xC5' && b == '\xBF') return 3;
  return 0;
}

template <AlternationRules R>
struct Alternation {
  static constexpr CharSet kMarks =
      R.words == Words::kPrefixLetters || R.words == Words::kSpaceLetters ? 0 : kMark;

  static bool is_upper_like(const ScanChar& c) {
    return c.is(kUpper | kTitle | kModifier | kOther | kMark) &&
           !(R.words == Words::kCasedNotHan && c.is(kHan));
  }
  static bool is_lower_like(const ScanChar& c) {
    return c.is(kLower | kModifier | kOther | kMark) &&
           !(R.words == Words::kCasedNotHan && c.is(kHan));
  }

  // U*L+ from p, else null. Backtracking gives U's last characters back until one of them can be an
  // L.
  static const char* lower_word(const char* p, const char* end) {
    const char* after_last_both = nullptr;
    const char* q = p;
    while (q < end) {
      const ScanChar c = scan_char(q, end);
      if (!is_upper_like(c)) {
        if (is_lower_like(c)) return run_end(q, end, is_lower_like);
        break;
      }
      q += c.length;
      if (is_lower_like(c)) after_last_both = q;
    }
    return after_last_both;
  }

  // \p{L}\p{M}*(?: \p{L}\p{M}*)* and so on from p, else null.
  static const char* spaced_word(const char* p, const char* end) {
    const char* word_end = nullptr;
    while (p < end) {
      const char* q = p;
      if (word_end != nullptr && *q == ' ' && ++q == end) break;
      const ScanChar c = scan_char(q, end);
      if (!c.is(kLetter)) break;
      p = word_end = run_end(q + c.length, end, [](const ScanChar& m) { return m.is(kMark); });
    }
    return word_end;
  }

  static const char* letters(const char* p, const char* end) {
    const char* q = run_end(p, end, [](const ScanChar& c) { return c.is(kLetter | kMarks); });
    return q == p ? nullptr : q;
  }

  static const char* with_suffix(const char* p, const char* end) {
    if (R.contractions == Contractions::kSuffix && p < end && *p == '\'')
      return p + contraction_length<true>(p, end);
    return p;
  }

  static bool may_prefix(const ScanChar& c) {
    if (R.words == Words::kSpaceLetters) return c.code == ' ';
    const CharSet not_these =
        R.words == Words::kAsciiTail ? kLetter | kPunct | kSymbol : kLetter | kNumber;
    return c.code != '\r' && c.code != '\n' && !c.is(not_these);
  }

  static const char* word(const char* p, const char* end, const ScanChar& c) {
    const char* const after = p + c.length;
    const bool prefix = may_prefix(c) && after < end;
    if constexpr (R.words == Words::kCased || R.words == Words::kCasedNotHan) {
      if (!prefix && !c.is(kLetter | kMark)) return nullptr;
      const char* q = prefix ? lower_word(after, end) : nullptr;
      if (q == nullptr) q = lower_word(p, end);
      // Not one L within reach, so U+L* is U+.
      if (q == nullptr && prefix)
        q = run_end(after, end, is_upper_like), q = q == after ? nullptr : q;
      if (q == nullptr) q = run_end(p, end, is_upper_like), q = q == p ? nullptr : q;
      return q == nullptr ? nullptr : with_suffix(q, end);
    } else if constexpr (R.words == Words::kSpaced) {
      const char* q = prefix ? spaced_word(after, end) : nullptr;
      return q != nullptr ? q : spaced_word(p, end);
    } else {
      if (R.words == Words::kAsciiTail && c.code < 0x80 && c.is(kPunct | kSymbol)) {
        const char* q = after;
        while (q < end && ((*q >= 'a' && *q <= 'z') || (*q >= 'A' && *q <= 'Z'))) ++q;
        if (q != after) return q;
      }
      const char* q = prefix ? letters(after, end) : nullptr;
      return q != nullptr ? q : letters(p, end);
    }
  }

  static bool is_symbol(const ScanChar& c) {
    return R.symbols_only != 0 ? c.is(R.symbols_only) : !c.is(R.symbols_not | kSpace);
  }

  static const char* number(const char* p, const char* end, const ScanChar& c) {
    if (R.digits_max == 0) return nullptr;
    if (R.space_digits && c.code == ' ') ++p;
    uint32_t n = 0;
    const char* q =
        run_end(p, end, [&n](const ScanChar& d) { return d.is(kNumber) && n++ < R.digits_max; });
    return q == p ? nullptr : q;
  }

  static const char* symbols(const char* p, const char* end, const ScanChar& c) {
    if (c.code == ' ') ++p;
    const char* q = run_end(p, end, is_symbol);
    if (q == p) return nullptr;
    const auto is_newline = [](char b) { return b == '\r' || b == '\n'; };
    if (R.tail == Tail::kNewlines)
      while (q < end && is_newline(*q)) ++q;
    if (R.tail == Tail::kNewlinesSlashes)
      while (q < end && (is_newline(*q) || *q == '/')) ++q;
    if (R.tail == Tail::kOneNewlineSlash && q < end && (is_newline(*q) || *q == '/')) ++q;
    return q;
  }

  static void measure_spaces(const char* p, const char* end, ScanMemo& memo) {
    memo.run_begin = p;
    memo.newline_end = nullptr;
    memo.run_end = run_end(p, end, [&](const ScanChar& c) {
      if (!c.is(kSpace)) return false;
      p += c.length;
      if (c.code == '\r' || c.code == '\n') memo.newline_end = p;
      return true;
    });
  }

  // From a whitespace character.
  static const char* spaces(const char* p, const char* end, ScanMemo& memo) {
    if (memo.run_end == nullptr || p < memo.run_begin || p >= memo.run_end)
      measure_spaces(p, end, memo);
    if (R.spaces != Spaces::kPlain && memo.newline_end != nullptr && memo.newline_end > p)
      return memo.newline_end;
    if (R.spaces == Spaces::kCascade) return cascade(p, end, memo);
    if (memo.run_end == end) return end;
    const char* last = memo.run_end - 1;  // of the run, which \s+(?!\S) leaves to what follows
    while ((static_cast<uint8_t>(*last) & 0xC0) == 0x80) --last;
    return last == p ? memo.run_end : last;
  }

  static const char* cascade(const char* p, const char* end, const ScanMemo& memo) {
    // 513 characters tell all there is to know of a longer run.
    const char* marks[514];
    uint32_t n = 0;
    marks[0] = p;
    while (n < 513 && marks[n] < memo.run_end) {
      marks[n + 1] = marks[n] + scan_char(marks[n], memo.run_end).length;
      ++n;
    }
    const uint32_t free =
        marks[n] == end || n == 513 ? n - (n == 513) : n - 1;  // not followed by \S
    for (const uint32_t size : {512u, 256u, 128u, 64u, 32u, 16u, 8u, 4u, 2u})
      if (free >= size) return marks[size];
    return marks[1];
  }

  static const char* match_at(const char* p, const char* end, ScanMemo& memo) {
    const ScanChar c = scan_char(p, end);
    if (c.code == '\'' &&
        (R.contractions == Contractions::kFirst || R.contractions == Contractions::kLowerFirst)) {
      const size_t n = contraction_length < R.contractions == Contractions::kFirst > (p, end);
      if (n > 0) return p + n;
    }
    if (R.han_first && c.is(kHan))
      return run_end(p, end, [](const ScanChar& h) { return h.is(kHan); });
    if (const char* q = word(p, end, c)) return q;
    if (const char* q = number(p, end, c)) return q;
    if (const char* q = symbols(p, end, c)) return q;
    return c.is(kSpace) ? spaces(p, end, memo) : nullptr;
  }
};

template <AlternationRules R>
ScanMatch scan_alternation(const char* from, const char* end, ScanMemo& memo) {
  while (from < end) {
    if (const char* q = Alternation<R>::match_at(from, end, memo)) return {from, q};
    from += char_at(from, end).length;
  }
  return {end, end};
}

// ---- Simple searches ----

using CharTest = bool (*)(const ScanChar& c);

// X+
template <CharTest kBelongs>
ScanMatch scan_runs(const char* from, const char* end, ScanMemo&) {
  const char* p = run_end(from, end, [](const ScanChar& c) { return !kBelongs(c); });
  return {p, run_end(p, end, kBelongs)};
}

// A+|B+|..: a run of characters of one group; 0: of none.
template <int (*kGroupOf)(const ScanChar& c)>
ScanMatch scan_group_runs(const char* from, const char* end, ScanMemo&) {
  const char* p = run_end(from, end, [](const ScanChar& c) { return kGroupOf(c) == 0; });
  if (p == end) return {end, end};
  const int group = kGroupOf(scan_char(p, end));
  return {p, run_end(p, end, [group](const ScanChar& c) { return kGroupOf(c) == group; })};
}

// X
template <CharTest kBelongs>
ScanMatch scan_single(const char* from, const char* end, ScanMemo&) {
  const char* p = run_end(from, end, [](const ScanChar& c) { return !kBelongs(c); });
  return {p, p == end ? end : p + char_at(p, end).length};
}

// S?X+
template <CharTest kIsSpace, CharTest kBelongs>
ScanMatch scan_spaced_runs(const char* from, const char* end, ScanMemo&) {
  const char* before = nullptr;  // the space that stands just before p
  const char* p = from;
  while (p < end) {
    const ScanChar c = scan_char(p, end);
    if (kBelongs(c)) return {before != nullptr ? before : p, run_end(p, end, kBelongs)};
    before = kIsSpace(c) ? p : nullptr;
    p += c.length;
  }
  return {end, end};
}

inline bool is_space(const ScanChar& c) { return c.is(kSpace); }
inline bool is_letter(const ScanChar& c) { return c.is(kLetter); }
inline bool is_number(const ScanChar& c) { return c.is(kNumber); }
inline bool is_punct(const ScanChar& c) { return c.is(kPunct); }

// \s+$
ScanMatch scan_trailing_spaces(const char* from, const char* end, ScanMemo& memo);
// [0-9][0-9][0-9]
ScanMatch scan_three_digits(const char* from, const char* end, ScanMemo& memo);
// \p{N}{1,3}
ScanMatch scan_up_to_three_numbers(const char* from, const char* end, ScanMemo& memo);
// A run of numbers in groups of three counted from its right end:
// \p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))
ScanMatch scan_right_groups(const char* from, const char* end, ScanMemo& memo);
// \d{1,3}(?=(?:\d{3})*\b), where a word is letters, marks, Nd, Nl and Pc.
ScanMatch scan_right_groups_at_boundary(const char* from, const char* end, ScanMemo& memo);
// What lies between the empty matches of (?=(\d{3})+(?!\d)).
ScanMatch scan_between_right_groups(const char* from, const char* end, ScanMemo& memo);

}  // namespace hearth::text
