// The parser of GBNF: recursive descent over the source, straight into a Grammar.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "sample/grammar.h"

namespace hearth::sample {
namespace {

constexpr size_t kMaxSourceBytes = size_t{1} << 20;
constexpr int kMaxNesting = 200;  // parentheses within parentheses; bounds the recursion
constexpr int kMaxMarks = 8;      // repetition marks behind each other, as in a*?{3}

class Parser {
 public:
  explicit Parser(std::string_view source) : source_(source) {}

  Result<Grammar> parse() {
    skip_space(/*lines=*/true);
    while (!at_end()) {
      HEARTH_TRY(rule());
      skip_space(/*lines=*/true);
    }
    const auto root = ids_.find("root");
    if (root == ids_.end())
      return fail(ErrorCode::kInvalidArgument, "the grammar has no rule named root",
                  "name the rule that starts: root ::= ...");
    for (size_t i = 0; i < grammar_.rules().size(); ++i) {
      if (grammar_.rules()[i].is_defined) continue;
      pos_ = first_use_[i];
      return error(
          fmt::format("the rule {} is used but nowhere defined", grammar_.rules()[i].name));
    }
    grammar_.set_root(root->second);
    return std::move(grammar_);
  }

 private:
  [[nodiscard]] bool at_end() const { return pos_ >= source_.size(); }
  [[nodiscard]] char peek() const { return at_end() ? '\0' : source_[pos_]; }
  bool take(std::string_view text) {
    if (!source_.substr(pos_).starts_with(text)) return false;
    pos_ += text.size();
    return true;
  }

  [[nodiscard]] size_t line() const {
    const auto end = source_.begin() + ptrdiff_t(std::min(pos_, source_.size()));
    return size_t(std::count(source_.begin(), end, '\n')) + 1;
  }
  [[nodiscard]] std::unexpected<Error> error(std::string_view what) const {
    return fail(ErrorCode::kInvalidArgument, fmt::format("line {}: {}", line(), what));
  }

  void skip_space(bool lines) {
    while (!at_end()) {
      const char c = peek();
      if (c == '#') {
        while (!at_end() && peek() != '\n' && peek() != '\r') ++pos_;
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        ++pos_;
      } else {
        return;
      }
    }
  }

  static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  }

  RuleId rule_id(std::string_view name) {
    const auto [it, fresh] = ids_.try_emplace(std::string(name), RuleId(ids_.size()));
    if (fresh) {
      grammar_.add_rule(std::string(name));
      first_use_.push_back(pos_);
    }
    return it->second;
  }

  std::string_view name() {
    const size_t start = pos_;
    while (!at_end() && is_name_char(peek())) ++pos_;
    return source_.substr(start, pos_ - start);
  }

  Result<void> rule() {
    const std::string_view rule_name = name();
    if (rule_name.empty()) return error("expected the name of a rule (letters, digits, - and _)");
    const RuleId id = rule_id(rule_name);
    if (grammar_.rules()[id].is_defined)
      return error(fmt::format("the rule {} is defined twice", rule_name));
    skip_space(false);
    if (!take("::=")) return error(fmt::format("expected ::= after the name {}", rule_name));
    skip_space(true);
    HEARTH_ASSIGN(const ExprId body, alternatives(0));
    grammar_.define(id, body);
    if (!at_end() && peek() != '\n' && peek() != '\r')
      return error(fmt::format("unexpected '{}' in the rule {}", peek(), rule_name));
    return {};
  }

  // Whether the next thing is '|', on this line or on one that follows.
  bool take_bar() {
    const size_t start = pos_;
    skip_space(true);
    if (take("|")) return true;
    pos_ = start;
    return false;
  }

  Result<ExprId> alternatives(int depth) {
    std::vector<ExprId> parts;
    do {
      skip_space(true);
      HEARTH_ASSIGN(const ExprId part, sequence(depth));
      parts.push_back(part);
    } while (take_bar());
    return grammar_.choice(std::move(parts));
  }

  // After "::=" or "|", a name with ::= behind it is the next rule: the alternative is empty.
  bool rule_starts_here() {
    const size_t start = pos_;
    const bool named = !name().empty();
    skip_space(false);
    const bool starts = named && take("::=");
    pos_ = start;
    return starts;
  }

  Result<ExprId> sequence(int depth) {
    std::vector<ExprId> parts;
    while (true) {
      skip_space(depth > 0);
      const char c = peek();
      if (at_end() || c == '|' || c == ')' || c == '\n' || c == '\r') break;
      if (is_name_char(c) && rule_starts_here()) break;
      HEARTH_ASSIGN(ExprId part, element(depth));
      HEARTH_TRY(repetitions(part, depth));
      parts.push_back(part);
    }
    return parts.empty() ? grammar_.empty() : grammar_.sequence(std::move(parts));
  }

  Result<ExprId> element(int depth) {
    const char c = peek();
    if (c == '"') return quoted();
    if (c == '[') return bracketed();
    if (c == '.') {
      ++pos_;
      return grammar_.chars(CharSet::all());
    }
    if (c == '(') {
      if (depth >= kMaxNesting) return error("parentheses are nested too deeply");
      ++pos_;
      HEARTH_ASSIGN(const ExprId inner, alternatives(depth + 1));
      skip_space(true);
      if (!take(")")) return error("expected )");
      return inner;
    }
    if (is_name_char(c)) return grammar_.rule(rule_id(name()));
    if (c == '<' || (c == '!' && source_.substr(pos_).starts_with("!<")))
      return fail(ErrorCode::kUnsupported,
                  fmt::format("line {}: token references (<...>) are not supported", line()),
                  "write the text of the token in quotes");
    return error(fmt::format("unexpected '{}'", c));
  }

  Result<ExprId> quoted() {
    ++pos_;
    std::string bytes;
    while (true) {
      if (at_end() || peek() == '\n') return error("a text in quotes does not end");
      if (take("\"")) return grammar_.literal(bytes);
      HEARTH_ASSIGN(const uint32_t ch, character());
      append_utf8(bytes, ch);
    }
  }

  Result<ExprId> bracketed() {
    ++pos_;
    const bool inverted = take("^");
    std::vector<CharRange> ranges;
    while (true) {
      if (at_end() || peek() == '\n') return error("a set of characters ([...]) does not end");
      if (take("]")) break;
      HEARTH_ASSIGN(const uint32_t lo, character());
      uint32_t hi = lo;
      if (peek() == '-' && pos_ + 1 < source_.size() && source_[pos_ + 1] != ']') {
        ++pos_;
        HEARTH_ASSIGN(hi, character());
        if (hi < lo) return error("a range of characters runs backwards");
      }
      ranges.push_back({lo, hi});
    }
    const CharSet set(std::move(ranges));
    return grammar_.chars(inverted ? set.complement() : set);
  }

  Result<uint32_t> hex(int digits) {
    uint32_t value = 0;
    for (int i = 0; i < digits; ++i, ++pos_) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return error(fmt::format("expected {} hexadecimal digits", digits));
      value = value * 16 + uint32_t(digit);
    }
    if (value > kMaxChar || (value >= 0xd800 && value <= 0xdfff))
      return error("an escape names no character");
    return value;
  }

  Result<uint32_t> character() {
    if (at_end()) return error("unexpected end");
    if (!take("\\")) {
      const uint32_t c = next_char(source_, pos_);
      if (c == kNoChar) return error("the bytes here are not UTF-8");
      return c;
    }
    const char c = peek();
    ++pos_;
    switch (c) {
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'U':
        return hex(8);
      case 't':
        return uint32_t('\t');
      case 'r':
        return uint32_t('\r');
      case 'n':
        return uint32_t('\n');
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
        return uint32_t(uint8_t(c));
      default:
        return error(fmt::format("unknown escape \\{}", c));
    }
  }

  Result<int64_t> number() {
    if (peek() < '0' || peek() > '9') return error("expected a number");
    int64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++pos_) {
      value = value * 10 + (peek() - '0');
      if (value > Grammar::kMaxRepeat)
        return error(fmt::format("a repetition of more than {} is too large", Grammar::kMaxRepeat));
    }
    return value;
  }

  // * + ? {m} {m,} {,n} {m,n}, any number of them.
  Result<void> repetitions(ExprId& part, int depth) {
    for (int n_marks = 0;; ++n_marks) {
      if (n_marks > kMaxMarks) return error("too many repetition marks behind each other");
      skip_space(depth > 0);
      int64_t min = 0;
      int64_t max = Grammar::kUnlimited;
      if (take("+")) {
        min = 1;
      } else if (take("?")) {
        max = 1;
      } else if (take("{")) {
        skip_space(false);
        if (peek() != ',') {
          HEARTH_ASSIGN(min, number());
        }
        skip_space(false);
        max = min;
        if (take(",")) {
          skip_space(false);
          max = Grammar::kUnlimited;
          if (peek() != '}') {
            HEARTH_ASSIGN(max, number());
          }
        }
        skip_space(false);
        if (!take("}")) return error("expected } after the counts of a repetition");
        if (max >= 0 && max < min) return error("a repetition's counts run backwards");
      } else if (!take("*")) {
        return {};
      }
      part = grammar_.repeat(part, min, max);
    }
  }

  std::string_view source_;
  size_t pos_ = 0;
  Grammar grammar_;
  std::unordered_map<std::string, RuleId> ids_;
  std::vector<size_t> first_use_;  // [n_rules] place in the source
};

}  // namespace

Result<Grammar> parse_gbnf(std::string_view source) {
  if (source.size() > kMaxSourceBytes)
    return fail(ErrorCode::kUnsupported,
                fmt::format("the grammar is larger than {} MiB", kMaxSourceBytes >> 20));
  return Parser(source).parse();
}

}  // namespace hearth::sample
