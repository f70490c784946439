#include "text/reply/json_scan.h"

#include <fmt/format.h>

#include <iterator>

namespace hearth::text::reply {
namespace {

constexpr size_t kDepthMax = 180;        // templates nest values 200 deep at most
constexpr size_t kScalarBytesMax = 400;  // more than the longest double

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

size_t skip_digits(std::string_view text, size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

// -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
bool is_number(std::string_view text) {
  size_t at = text.starts_with('-') ? 1 : 0;
  size_t end = skip_digits(text, at);
  if (end == at || (text[at] == '0' && end > at + 1)) return false;
  at = end;
  if (at < text.size() && text[at] == '.') {
    end = skip_digits(text, at + 1);
    if (end == at + 1) return false;
    at = end;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    end = skip_digits(text, at);
    if (end == at) return false;
    at = end;
  }
  return at == text.size();
}

}  // namespace

void append_json_escaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(text, out);
  return out + '"';
}

JsonScan::Step JsonScan::ended_value() {
  state_ = State::kAfter;
  return open_.empty() ? Step::kEnded : Step::kTaken;
}

bool JsonScan::end_number_or_word(std::string& out) {
  if (state_ == State::kNumber) {
    if (!is_number(scalar_)) return false;
    out += scalar_;
  } else if (scalar_ == "true" || scalar_ == "True") {
    out += "true";
  } else if (scalar_ == "false" || scalar_ == "False") {
    out += "false";
  } else if (scalar_ == "null" || scalar_ == "None") {
    out += "null";
  } else {
    return false;
  }
  scalar_.clear();
  state_ = State::kAfter;
  return true;
}

JsonScan::Step JsonScan::end_scalar(char c, std::string& out) {
  if (!end_number_or_word(out)) return Step::kWrong;
  return open_.empty() ? Step::kBefore : after(c, out);
}

JsonScan::Step JsonScan::value(char c, std::string& out) {
  if (is_space(c)) {
    out += c;
    return Step::kTaken;
  }
  const bool may_close = empty_ok_;
  empty_ok_ = false;
  if (c == ']' && may_close) return after(c, out);
  if (c == '{' || c == '[') {
    if (open_.size() >= kDepthMax) return Step::kWrong;
    open_.push_back(c);
    state_ = c == '{' ? State::kFirstKey : State::kValue;
    empty_ok_ = c == '[';
    out += c;
    return Step::kTaken;
  }
  if (c == '"') {
    is_key_ = false;
    state_ = State::kString;
    out += c;
    return Step::kTaken;
  }
  if (!is_digit(c) && c != '-' && !is_letter(c)) return Step::kWrong;
  state_ = is_letter(c) ? State::kWord : State::kNumber;
  scalar_ = c;
  return Step::kTaken;
}

// Behind a value within a list or an object.
JsonScan::Step JsonScan::after(char c, std::string& out) {
  out += c;
  if (is_space(c)) return Step::kTaken;
  const bool object = open_.back() == '{';
  if (c == ',') {
    state_ = object ? State::kKey : State::kValue;
    return Step::kTaken;
  }
  if (c != (object ? '}' : ']')) return Step::kWrong;
  open_.pop_back();
  return ended_value();
}

JsonScan::Step JsonScan::in_string(char c, std::string& out) {
  if (c == '\\') {
    state_ = State::kEscape;
    return Step::kTaken;
  }
  if (c != '"') {
    append_json_escaped({&c, 1}, out);
    return Step::kTaken;
  }
  out += c;
  if (!is_key_) return ended_value();
  state_ = State::kColon;
  return Step::kTaken;
}

JsonScan::Step JsonScan::escape(char c, std::string& out) {
  state_ = State::kString;
  if (c == '\'') {
    out += c;
    return Step::kTaken;
  }
  if (!std::string_view("\"\\/bfnrtu").contains(c)) return Step::kWrong;
  out += '\\';
  out += c;
  if (c == 'u') {
    state_ = State::kHex;
    hex_digits_ = 0;
  }
  return Step::kTaken;
}

JsonScan::Step JsonScan::push(char c, std::string& out) {
  switch (state_) {
    case State::kValue:
      return value(c, out);
    case State::kFirstKey:
      if (c == '}') return after(c, out);
      [[fallthrough]];
    case State::kKey:
      if (!is_space(c) && c != '"') return Step::kWrong;
      out += c;
      is_key_ = c == '"';
      if (is_key_) state_ = State::kString;
      return Step::kTaken;
    case State::kColon:
      if (!is_space(c) && c != ':') return Step::kWrong;
      out += c;
      if (c == ':') state_ = State::kValue;
      return Step::kTaken;
    case State::kAfter:
      return after(c, out);
    case State::kString:
      return in_string(c, out);
    case State::kEscape:
      return escape(c, out);
    case State::kHex:
      if (!is_hex(c)) return Step::kWrong;
      out += c;
      if (++hex_digits_ == 4) state_ = State::kString;
      return Step::kTaken;
    case State::kNumber:
    case State::kWord:
      if (is_digit(c) || is_letter(c) || c == '+' || c == '-' || c == '.') {
        scalar_ += c;
        return scalar_.size() > kScalarBytesMax ? Step::kWrong : Step::kTaken;
      }
      return end_scalar(c, out);
  }
  return Step::kWrong;
}

bool JsonScan::finish(std::string& out) {
  if (!open_.empty()) return false;
  return (state_ == State::kNumber || state_ == State::kWord) && end_number_or_word(out);
}

bool read_json(std::string_view text, std::string& out) {
  JsonScan scan;
  std::string value;
  size_t at = 0;
  while (at < text.size() && is_space(text[at])) ++at;
  bool ended = false;
  while (at < text.size() && !ended) {
    const JsonScan::Step step = scan.push(text[at], value);
    if (step == JsonScan::Step::kWrong) return false;
    ended = step == JsonScan::Step::kEnded || step == JsonScan::Step::kBefore;
    if (step != JsonScan::Step::kBefore) ++at;
  }
  if (!ended && !scan.finish(value)) return false;
  while (at < text.size() && is_space(text[at])) ++at;
  if (at < text.size()) return false;
  out += value;
  return true;
}

}  // namespace hearth::text::reply
