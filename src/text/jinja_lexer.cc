#include "text/jinja_lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "text/utf8.h"

namespace hearth::text::jinja {
namespace {

constexpr std::string_view kSpaces = " \t\n\r\v\f";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool is_name_char(char c) { return is_name_start(c) || is_digit(c); }

// One kind of newline, and none at the very end.
std::string normalize(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out.push_back(source[i]);
      continue;
    }
    out.push_back('\n');
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size()) HEARTH_TRY(step());
    emit(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[nodiscard]] std::string_view rest() const { return std::string_view(source_).substr(at_); }
  [[nodiscard]] char peek(size_t n = 0) const {
    return at_ + n < source_.size() ? source_[at_ + n] : '\0';
  }

  // Moves on, counting lines.
  void advance(size_t n) {
    const auto begin = source_.begin() + ptrdiff_t(at_);
    line_ += int(std::count(begin, begin + ptrdiff_t(n), '\n'));
    at_ += n;
  }
  void advance_spaces() { advance(std::min(rest().find_first_not_of(kSpaces), rest().size())); }
  void emit(TokenKind kind, std::string value) {
    tokens_.push_back({kind, std::move(value), line_});
  }

  Result<void> step();
  void literal(size_t end, bool is_variable);
  Result<void> comment();
  Result<void> raw();
  Result<void> tag(bool is_variable);
  Result<void> expression_token();
  Result<void> string(char quote);
  Result<void> number();
  Result<void> prefixed_number();
  void end_of_block();
  [[nodiscard]] std::optional<size_t> raw_tag(size_t begin, std::string_view name) const;

  std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;  // the last tag ended with a newline (or nothing came yet)
  std::vector<Token> tokens_;
};

// Literal text up to the next tag, then the tag.
Result<void> Lexer::step() {
  size_t begin = at_;
  for (;; ++begin) {
    begin = source_.find('{', begin);
    if (begin == std::string::npos || begin + 1 >= source_.size()) {
      literal(source_.size(), true);
      return {};
    }
    const char next = source_[begin + 1];
    if (next == '{' || next == '%' || next == '#') break;
  }
  const char next = source_[begin + 1];
  literal(begin, next == '{');
  if (next == '#') return comment();
  if (next == '%' && raw_tag(at_, "raw")) return raw();
  return tag(next == '{');
}

// Emits [at_, end) after the strip rules of the tag that begins at `end`.
void Lexer::literal(size_t end, bool is_variable) {
  std::string_view text = std::string_view(source_).substr(at_, end - at_);
  const char mark = end + 2 < source_.size() ? source_[end + 2] : '\0';
  if (mark == '-' && end < source_.size()) {
    text = text.substr(0, text.find_last_not_of(kSpaces) + 1);  // npos + 1 = 0
  } else if (mark != '+' && !is_variable) {
    const size_t line_begin = text.rfind('\n') + 1;
    if ((line_begin > 0 || line_starting_) &&
        text.find_first_not_of(kSpaces, line_begin) == std::string_view::npos)
      text = text.substr(0, line_begin);
  }
  if (!text.empty()) emit(TokenKind::kText, std::string(text));
  advance(end - at_);
}

// At the '%' or '#' mark that closes: handles "-%}", "+%}" and "%}" with its newline.
void Lexer::end_of_block() {
  if (peek() == '-') {
    advance(3);
    advance_spaces();
  } else if (peek() == '+') {
    advance(3);
  } else {
    advance(2);
    if (peek() == '\n') advance(1);
  }
  line_starting_ = source_[at_ - 1] == '\n';
}

Result<void> Lexer::comment() {
  const size_t end = source_.find("#}", at_ + 2);
  if (end == std::string::npos)
    return syntax_error(line_, "the comment '{#' is never closed with '#}'");
  const bool marked = end > at_ + 2 && (source_[end - 1] == '-' || source_[end - 1] == '+');
  advance((marked ? end - 1 : end) - at_);
  end_of_block();
  return {};
}

// The length of a "{%- name -%}" tag at `begin`, up to and without its end mark.
std::optional<size_t> Lexer::raw_tag(size_t begin, std::string_view name) const {
  std::string_view s = std::string_view(source_).substr(begin);
  if (!s.starts_with("{%")) return std::nullopt;
  size_t i = 2;
  if (i < s.size() && (s[i] == '-' || s[i] == '+')) ++i;
  i = std::min(s.find_first_not_of(kSpaces, i), s.size());
  if (!s.substr(i).starts_with(name)) return std::nullopt;
  i = std::min(s.find_first_not_of(kSpaces, i + name.size()), s.size());
  const std::string_view end = s.substr(i);
  if (end.starts_with("%}") || end.starts_with("-%}") || end.starts_with("+%}")) return i;
  return std::nullopt;
}

Result<void> Lexer::raw() {
  const int line = line_;
  advance(*raw_tag(at_, "raw"));
  if (peek() == '-') {
    advance(3);
    advance_spaces();
  } else {
    advance(peek() == '+' ? 3 : 2);
  }
  for (size_t end = at_; (end = source_.find("{%", end)) != std::string::npos; ++end) {
    if (const auto length = raw_tag(end, "endraw")) {
      std::string_view text = std::string_view(source_).substr(at_, end - at_);
      if (source_[end + 2] == '-') text = text.substr(0, text.find_last_not_of(kSpaces) + 1);
      if (!text.empty()) emit(TokenKind::kText, std::string(text));
      advance(end + *length - at_);
      end_of_block();
      return {};
    }
  }
  return syntax_error(line, "'{% raw %}' is never closed with '{% endraw %}'");
}

Result<void> Lexer::tag(bool is_variable) {
  const int line = line_;
  emit(is_variable ? TokenKind::kVariableBegin : TokenKind::kBlockBegin, "");
  advance(2);
  if (peek() == '-' || peek() == '+') advance(1);
  const std::string_view end = is_variable ? "}}" : "%}";
  std::string brackets;  // inside of any, '}}' and '%}' do not end the tag
  for (;;) {
    advance_spaces();
    if (at_ >= source_.size())
      return syntax_error(
          line, is_variable ? "'{{' is never closed with '}}'" : "'{%' is never closed with '%}'");
    if (brackets.empty()) {
      const bool marked =
          (peek() == '-' || (peek() == '+' && !is_variable)) && rest().substr(1).starts_with(end);
      if (marked || rest().starts_with(end)) break;
    }
    HEARTH_TRY(expression_token());
    const Token& last = tokens_.back();
    if (last.kind != TokenKind::kOperator) continue;
    const char c = last.value[0];
    if (c == '(' || c == '[' || c == '{') brackets.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    if (c != ')' && c != ']' && c != '}') continue;
    if (brackets.empty() || brackets.back() != c)
      return syntax_error(line_, fmt::format("unexpected '{}'", c));
    brackets.pop_back();
  }
  emit(is_variable ? TokenKind::kVariableEnd : TokenKind::kBlockEnd, "");
  if (!is_variable) {
    end_of_block();
    return {};
  }
  const bool strips = peek() == '-';
  advance(strips ? 3 : 2);
  if (strips) advance_spaces();
  line_starting_ = source_[at_ - 1] == '\n';
  return {};
}

Result<void> Lexer::expression_token() {
  const char c = peek();
  if (c == '\'' || c == '"') return string(c);
  if (is_digit(c)) return number();
  if (is_name_start(c)) {
    size_t n = 1;
    while (is_name_char(peek(n))) ++n;
    emit(TokenKind::kName, std::string(rest().substr(0, n)));
    advance(n);
    return {};
  }
  constexpr std::array<std::string_view, 6> kTwo = {"//", "**", "==", "!=", ">=", "<="};
  size_t length = 1;
  if (std::find(kTwo.begin(), kTwo.end(), rest().substr(0, 2)) != kTwo.end()) length = 2;
  if (length == 1 && std::string_view("+-*/%~[](){}<>=.:|,;").find(c) == std::string_view::npos)
    return syntax_error(line_, fmt::format("unexpected character '{}'", c));
  emit(TokenKind::kOperator, std::string(rest().substr(0, length)));
  advance(length);
  return {};
}

// Reads the hexadecimal digits of \x41 and the like. nullopt if they are not there.
std::optional<char32_t> hex(std::string_view s, size_t digits) {
  if (s.size() < digits) return std::nullopt;
  char32_t code = 0;
  for (size_t i = 0; i < digits; ++i) {
    const char c = s[i];
    const int digit = is_digit(c)              ? c - '0'
                      : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                      : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                               : -1;
    if (digit < 0) return std::nullopt;
    code = code * 16 + char32_t(digit);
  }
  return code;
}

// The escape after a backslash: appends what it means and returns its length (without the
// backslash), or 0 if it is malformed. Python keeps the backslash of an escape it does not know.
size_t unescape(std::string_view s, std::string& out) {
  constexpr std::string_view kFrom = "\\'\"abfnrtv\n";
  constexpr std::string_view kTo = "\\'\"\a\b\f\n\r\t\v";
  const size_t simple = kFrom.find(s[0]);
  if (simple < kTo.size()) {
    out.push_back(kTo[simple]);
    return 1;
  }
  if (simple != std::string_view::npos) return 1;  // a line that goes on
  if (s[0] >= '0' && s[0] <= '7') {
    char32_t code = 0;
    size_t n = 0;
    while (n < 3 && n < s.size() && s[n] >= '0' && s[n] <= '7')
      code = code * 8 + char32_t(s[n++] - '0');
    append_utf8(out, code);
    return n;
  }
  if (s[0] == 'x' || s[0] == 'u' || s[0] == 'U') {
    const size_t digits = s[0] == 'x' ? 2 : s[0] == 'u' ? 4 : 8;
    const auto code = hex(s.substr(1), digits);
    if (!code || *code > 0x10FFFF || (*code >= 0xD800 && *code <= 0xDFFF)) return 0;
    append_utf8(out, *code);
    return 1 + digits;
  }
  if (s[0] == 'N') return 0;  // names of characters are not known
  out.push_back('\\');
  out.push_back(s[0]);
  return 1;
}

Result<void> Lexer::string(char quote) {
  const int line = line_;
  std::string value;
  size_t i = 1;
  for (;;) {
    const std::string_view left = rest().substr(std::min(i, rest().size()));
    if (left.empty()) return syntax_error(line, "the string is never closed");
    if (left[0] == quote) break;
    if (left[0] != '\\') {
      value.push_back(left[0]);
      ++i;
      continue;
    }
    if (left.size() < 2) return syntax_error(line, "the string is never closed");
    const size_t length = unescape(left.substr(1), value);
    if (length == 0)
      return syntax_error(line, fmt::format("malformed escape '\\{}' in a string", left[1]));
    i += 1 + length;
  }
  emit(TokenKind::kString, std::move(value));
  advance(i + 1);
  return {};
}

// 0x1f, 0o17, 0b11
Result<void> Lexer::prefixed_number() {
  size_t end = 2;
  while (is_name_char(peek(end))) ++end;
  std::string digits(rest().substr(2, end - 2));
  std::erase(digits, '_');
  const int base = (peek(1) | 32) == 'x' ? 16 : (peek(1) | 32) == 'o' ? 8 : 2;
  int64_t value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size())
    return syntax_error(line_, fmt::format("malformed number '{}'", rest().substr(0, end)));
  emit(TokenKind::kInteger, std::to_string(value));
  advance(end);
  return {};
}

Result<void> Lexer::number() {
  const std::string_view s = rest();
  const auto digits = [&s](size_t i) {
    while (i < s.size() &&
           (is_digit(s[i]) || (s[i] == '_' && i + 1 < s.size() && is_digit(s[i + 1]))))
      ++i;
    return i;
  };
  const auto starts_number = [&s](size_t i) { return i < s.size() && is_digit(s[i]); };
  if (s[0] == '0' && s.size() > 1 &&
      std::string_view("xXoObB").find(s[1]) != std::string_view::npos)
    return prefixed_number();
  size_t end = digits(0);
  TokenKind kind = TokenKind::kInteger;
  // "a.0.1" is two subscripts, not a float
  const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
  if (!after_dot && end < s.size() && s[end] == '.' && starts_number(end + 1)) {
    kind = TokenKind::kFloat;
    end = digits(end + 1);
  }
  if (!after_dot && end < s.size() && (s[end] == 'e' || s[end] == 'E')) {
    const size_t sign = end + 1 < s.size() && (s[end + 1] == '+' || s[end + 1] == '-') ? 1 : 0;
    if (starts_number(end + 1 + sign)) {
      kind = TokenKind::kFloat;
      end = digits(end + 1 + sign);
    }
  }
  std::string value(s.substr(0, end));
  std::erase(value, '_');
  emit(kind, std::move(value));
  advance(end);
  return {};
}

}  // namespace

std::unexpected<Error> syntax_error(int line, std::string_view what) {
  return fail(ErrorCode::kCorrupt, fmt::format("chat template, line {}: {}", line, what),
              "use another template (--chat-template-file), or report it to the model's author");
}

Result<std::vector<Token>> tokenize_template(std::string_view source) {
  return Lexer(normalize(source)).run();
}

}  // namespace hearth::text::jinja
