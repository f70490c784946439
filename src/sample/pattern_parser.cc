// The parser of patterns: recursive descent over ECMA-262's grammar of regular expressions, with
// the leniencies of its Annex B that are in use (a lone ] or {).
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sample/pattern_syntax.h"

namespace hearth::sample {
namespace {

constexpr int kMaxNesting = 100;
constexpr int64_t kMaxCount = 10'000;

CharSet digits() { return CharSet({{'0', '9'}}); }
CharSet word() { return CharSet({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}); }
CharSet space() {
  return CharSet({{0x09, 0x0d},
                  {0x20, 0x20},
                  {0xa0, 0xa0},
                  {0x1680, 0x1680},
                  {0x2000, 0x200a},
                  {0x2028, 0x2029},
                  {0x202f, 0x202f},
                  {0x205f, 0x205f},
                  {0x3000, 0x3000},
                  {0xfeff, 0xfeff}});
}
CharSet one(uint32_t c) { return CharSet({{c, c}}); }

class PatternParser {
 public:
  explicit PatternParser(std::string_view source) : source_(source) {}

  Result<PatternNode> parse() {
    HEARTH_ASSIGN(PatternNode node, choice(0));
    if (!at_end()) return error("an unmatched )");
    return node;
  }

 private:
  [[nodiscard]] bool at_end() const { return pos_ >= source_.size(); }
  [[nodiscard]] char peek() const { return at_end() ? '\0' : source_[pos_]; }
  bool take(std::string_view text) {
    if (!source_.substr(pos_).starts_with(text)) return false;
    pos_ += text.size();
    return true;
  }
  static std::unexpected<Error> error(std::string_view what) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("the regular expression has {}", what));
  }
  static std::unexpected<Error> unsupported(std::string_view what) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} in a regular expression cannot be turned into a grammar", what),
                "write the pattern without it");
  }

  Result<PatternNode> choice(int depth) {
    if (depth > kMaxNesting) return error("groups that are nested too deeply");
    PatternNode out{.kind = PatternNode::Kind::kChoice};
    do {
      HEARTH_ASSIGN(PatternNode part, sequence(depth));
      out.parts.push_back(std::move(part));
    } while (take("|"));
    return out;
  }

  Result<PatternNode> sequence(int depth) {
    PatternNode out{.kind = PatternNode::Kind::kSequence};
    while (!at_end() && peek() != '|' && peek() != ')') {
      HEARTH_ASSIGN(PatternNode part, atom(depth));
      HEARTH_TRY(quantifier(part));
      out.parts.push_back(std::move(part));
    }
    return out;
  }

  Result<PatternNode> atom(int depth) {
    if (take("^")) return PatternNode{.kind = PatternNode::Kind::kStart};
    if (take("$")) return PatternNode{.kind = PatternNode::Kind::kEnd};
    if (take("(")) return group(depth);
    if (take("[")) {
      HEARTH_ASSIGN(CharSet set, char_class());
      return chars(std::move(set));
    }
    if (take(".")) {
      return chars(CharSet({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}).complement());
    }
    if (peek() == '*' || peek() == '+' || peek() == '?') return error("nothing to repeat");
    if (take("\\")) {
      HEARTH_ASSIGN(CharSet set, escape(/*in_class=*/false));
      return chars(std::move(set));
    }
    const uint32_t c = next_char(source_, pos_);
    if (c == kNoChar) return error("bytes that are not UTF-8");
    return chars(one(c));
  }

  static PatternNode chars(CharSet set) {
    return {.kind = PatternNode::Kind::kChars, .chars = std::move(set)};
  }

  Result<PatternNode> group(int depth) {
    if (take("?=") || take("?!") || take("?<=") || take("?<!")) return unsupported("look-around");
    if (take("?<")) {
      while (!at_end() && peek() != '>') ++pos_;
      if (!take(">")) return error("a group name that does not end");
    } else if (take("?") && !take(":")) {
      return unsupported("a modifier group");
    }
    HEARTH_ASSIGN(PatternNode inner, choice(depth + 1));
    if (!take(")")) return error("a group that does not end");
    return inner;
  }

  [[nodiscard]] std::optional<int64_t> number() {
    if (peek() < '0' || peek() > '9') return std::nullopt;
    int64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++pos_)
      value = std::min(value * 10 + (peek() - '0'), kMaxCount + 1);
    return value;
  }

  // {m}, {m,} or {m,n}; anything else that begins with { is text.
  bool counts(int64_t& min, int64_t& max) {
    const size_t start = pos_;
    if (!take("{")) return false;
    const auto low = number();
    if (low) {
      min = max = *low;
      if (take(",")) max = number().value_or(-1);
      if (take("}")) return true;
    }
    pos_ = start;
    return false;
  }

  Result<void> quantifier(PatternNode& part) {
    int64_t min = 0;
    int64_t max = -1;
    if (take("+")) {
      min = 1;
    } else if (take("?")) {
      max = 1;
    } else if (!take("*") && !counts(min, max)) {
      return {};
    }
    take("?");  // lazy: the same texts
    if (std::max(min, max) > kMaxCount) return unsupported("a count above 10000");
    if (max >= 0 && max < min) return error("counts that run backwards");
    PatternNode repeat{.kind = PatternNode::Kind::kRepeat, .min = min, .max = max};
    repeat.parts.push_back(std::move(part));
    part = std::move(repeat);
    if (peek() == '*' || peek() == '+' || peek() == '?') return error("nothing to repeat");
    return {};
  }

  Result<CharSet> char_class() {
    const bool inverted = take("^");
    CharSet set;
    while (!take("]")) {
      if (at_end()) return error("a class ([...]) that does not end");
      HEARTH_ASSIGN(const CharSet low, class_atom());
      const bool range = peek() == '-' && pos_ + 1 < source_.size() && source_[pos_ + 1] != ']';
      if (!range) {
        set = set.united(low);
        continue;
      }
      ++pos_;
      HEARTH_ASSIGN(const CharSet high, class_atom());
      if (!is_single(low) || !is_single(high)) {  // [\w-.]: three things
        set = set.united(low).united(high).united(one('-'));
        continue;
      }
      const CharRange r = {low.ranges()[0].lo, high.ranges()[0].lo};
      if (r.hi < r.lo) return error("a range of characters that runs backwards");
      set = set.united(CharSet({r}));
    }
    return inverted ? set.complement() : set;
  }

  static bool is_single(const CharSet& set) {
    return set.ranges().size() == 1 && set.ranges()[0].lo == set.ranges()[0].hi;
  }

  Result<CharSet> class_atom() {
    if (take("\\")) return escape(/*in_class=*/true);
    const uint32_t c = next_char(source_, pos_);
    if (c == kNoChar) return error("bytes that are not UTF-8");
    return one(c);
  }

  std::optional<uint32_t> hex(int n) {
    if (source_.size() - pos_ < size_t(n)) return std::nullopt;
    uint32_t value = 0;
    for (int i = 0; i < n; ++i) {
      const char c = source_[pos_ + size_t(i)];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return std::nullopt;
      value = value * 16 + uint32_t(digit);
    }
    pos_ += size_t(n);
    return value;
  }

  // Behind \u: {1F600}, or four digits, which may be half of a surrogate pair.
  Result<CharSet> unicode_escape() {
    if (take("{")) {
      uint32_t value = 0;
      size_t n = 0;
      for (; peek() != '}'; ++n) {
        const auto digit = hex(1);
        if (!digit || n > 6) return error("a wrong \\u{...}");
        value = value * 16 + *digit;
      }
      if (!take("}") || n == 0 || value > kMaxChar) return error("a wrong \\u{...}");
      return one(value);
    }
    auto high = hex(4);
    if (!high) return one('u');
    if (*high >= 0xd800 && *high < 0xdc00 && take("\\u")) {
      const auto low = hex(4);
      if (!low || *low < 0xdc00 || *low > 0xdfff) return error("half a surrogate pair");
      return one(0x10000 + ((*high - 0xd800) << 10) + (*low - 0xdc00));
    }
    return one(*high);
  }

  Result<CharSet> escape(bool in_class) {
    if (at_end()) return error("a \\ at its end");
    const uint32_t c = next_char(source_, pos_);
    if (c >= '1' && c <= '9') return unsupported("a back-reference");
    switch (c) {
      case 'd':
        return digits();
      case 'D':
        return digits().complement();
      case 'w':
        return word();
      case 'W':
        return word().complement();
      case 's':
        return space();
      case 'S':
        return space().complement();
      case 'b':
        if (in_class) return one('\b');
        return unsupported("\\b");
      case 'B':
      case 'p':
      case 'P':
      case 'k':
        return unsupported(fmt::format("\\{}", char(c)));
      case 't':
        return one('\t');
      case 'n':
        return one('\n');
      case 'r':
        return one('\r');
      case 'f':
        return one('\f');
      case 'v':
        return one('\v');
      case '0':
        return one(0);
      case 'c': {
        const char letter = peek();
        const bool is_letter = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
        if (!is_letter) return error("a wrong \\c");
        ++pos_;
        return one(uint32_t(letter) & 31);
      }
      case 'x': {
        const auto value = hex(2);
        return one(value.value_or('x'));
      }
      case 'u':
        return unicode_escape();
      case kNoChar:
        return error("bytes that are not UTF-8");
      default:
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
          return error(fmt::format("an unknown escape \\{}", char(c)));
        return one(c);
    }
  }

  std::string_view source_;
  size_t pos_ = 0;
};

}  // namespace

Result<PatternNode> parse_pattern(std::string_view pattern) {
  return PatternParser(pattern).parse();
}

}  // namespace hearth::sample
