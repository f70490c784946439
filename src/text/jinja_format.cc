#include "text/jinja_format.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "text/jinja_text.h"

namespace hearth::text::jinja {
namespace {

// What stands between '%' and its letter, or after ':' in braces.
struct Spec {
  std::string fill = " ";
  char align = 0;  // '<', '>', '^', '='
  bool plus = false;
  bool blank = false;
  bool zero = false;
  bool alternate = false;
  bool thousands = false;
  int width = 0;
  int precision = -1;
  char type = 0;
};

constexpr int kMaxWidth = 10000;

// Reads digits; -1 if they are too many for any sane width.
int read_number(std::string_view s, size_t& i) {
  int n = 0;
  while (i < s.size() && s[i] >= '0' && s[i] <= '9') {
    n = n * 10 + (s[i++] - '0');
    if (n > kMaxWidth) return -1;
  }
  return n;
}

std::string group_thousands(std::string digits) {
  const size_t point = std::min(digits.find_first_of(".e"), digits.size());
  for (size_t i = point; i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

// The digits of a number, without sign. nullopt: the type does not fit.
std::optional<std::string> magnitude(const Value& v, const Spec& spec) {
  const int precision = spec.precision < 0 ? 6 : spec.precision;
  const double d = std::fabs(v.as_double());
  switch (spec.type) {
    case 'f':
    case 'F':
      return fmt::format("{:.{}f}", d, precision);
    case 'e':
      return fmt::format("{:.{}e}", d, precision);
    case 'E':
      return fmt::format("{:.{}E}", d, precision);
    case 'g':
      return fmt::format("{:.{}g}", d, precision);
    case 'G':
      return fmt::format("{:.{}G}", d, precision);
    case '%':
      return fmt::format("{:.{}f}%", d * 100, precision);
    default:
      break;
  }
  if (v.is_float() && spec.type != 0) return std::nullopt;
  if (v.is_float())
    return spec.precision < 0 ? float_repr(d) : fmt::format("{:.{}g}", d, precision);
  const int64_t i = v.as_int();
  const uint64_t u = i < 0 ? 0 - uint64_t(i) : uint64_t(i);
  switch (spec.type) {
    case 0:
    case 'd':
      return fmt::format("{}", u);
    case 'x':
      return fmt::format("{}{:x}", spec.alternate ? "0x" : "", u);
    case 'X':
      return fmt::format("{}{:X}", spec.alternate ? "0X" : "", u);
    case 'o':
      return fmt::format("{}{:o}", spec.alternate ? "0o" : "", u);
    case 'b':
      return fmt::format("{}{:b}", spec.alternate ? "0b" : "", u);
    default:
      return std::nullopt;
  }
}

// Sign, digits and padding.
std::optional<std::string> format_number(const Value& v, const Spec& spec) {
  std::optional<std::string> digits = magnitude(v, spec);
  if (!digits) return std::nullopt;
  if (spec.thousands) digits = group_thousands(*digits);
  const bool negative = v.is_float() ? std::signbit(v.as_double()) : v.as_int() < 0;
  std::string sign = negative ? "-" : spec.plus ? "+" : spec.blank ? " " : "";
  const auto missing =
      size_t(std::max(0, spec.width - int(sign.size() + count_characters(*digits))));
  std::string padding;
  for (size_t i = 0; i < missing; ++i) padding += spec.fill;
  switch (spec.align) {
    case '<':
      return sign + *digits + padding;
    case '=':
      return sign + padding + *digits;
    case '^': {
      const size_t left = missing / 2 * spec.fill.size();
      return padding.substr(0, left) + sign + *digits + padding.substr(left);
    }
    default:
      return padding + sign + *digits;
  }
}

MarkedText format_string(MarkedText s, const Spec& spec) {
  const std::vector<size_t> offsets = character_offsets(s.bytes());
  size_t length = offsets.size() - 1;
  if (spec.precision >= 0 && size_t(spec.precision) < length) {
    length = size_t(spec.precision);
    s = s.slice(0, offsets[length]);
  }
  const auto missing = size_t(std::max(0, spec.width - int(length)));
  const size_t left = spec.align == '>' ? missing : spec.align == '^' ? missing / 2 : 0;
  MarkedText out;
  for (size_t i = 0; i < left; ++i) out.append(spec.fill);
  out.append(s);
  for (size_t i = left; i < missing; ++i) out.append(spec.fill);
  return out;
}

// One "%..." after its '%'.
class PercentFormatter {
 public:
  PercentFormatter(Runtime& rt, const MarkedText& format, const Args& args)
      : rt_(rt), format_(format), s_(format.bytes()), args_(args) {}

  Value run() {
    while (at_ < s_.size()) {
      const size_t percent = std::min(s_.find('%', at_), s_.size());
      out_.append(format_.slice(at_, percent - at_));
      at_ = percent + 1;
      if (percent < s_.size()) conversion();
      if (!rt_.ok() || !rt_.tick(1 + out_.size() / 1024)) return {};
      if (out_.size() > rt_.limits().max_output_bytes) return rt_.text(std::move(out_));
    }
    const bool takes_all = used_ < args_.positional.size() && !named_;
    if (takes_all && !(args_.positional.size() == 1 && args_.positional[0].is_dict()))
      return rt_.fail("not all arguments converted during string formatting");
    return rt_.text(std::move(out_));
  }

 private:
  const Value* argument(std::string_view name) {
    if (!name.empty()) {
      named_ = true;
      for (const auto& [key, value] : args_.named) {
        if (key == name) return &value;
      }
      if (args_.positional.size() == 1 && args_.positional[0].is_dict())
        return args_.positional[0].as_dict().get(name);
      return nullptr;
    }
    return used_ < args_.positional.size() ? &args_.positional[used_++] : nullptr;
  }

  void conversion() {
    std::string name;
    if (at_ < s_.size() && s_[at_] == '(') {
      const size_t end = s_.find(')', at_);
      if (end == std::string_view::npos) return void(rt_.fail("incomplete format key"));
      name = s_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
    }
    Spec spec;
    spec.align = '>';
    bool minus = false;
    for (; at_ < s_.size() && std::string_view("-+ #0").find(s_[at_]) != std::string_view::npos;
         ++at_) {
      minus |= s_[at_] == '-';
      spec.plus |= s_[at_] == '+';
      spec.blank |= s_[at_] == ' ';
      spec.alternate |= s_[at_] == '#';
      spec.zero |= s_[at_] == '0';
    }
    spec.width = read_number(s_, at_);
    if (at_ < s_.size() && s_[at_] == '.') spec.precision = read_number(s_, ++at_);
    if (at_ >= s_.size()) return void(rt_.fail("incomplete format"));
    if (spec.width < 0 || spec.precision < -1)
      return void(rt_.fail("the width of a format is too large"));
    if (minus) spec.align = '<';
    const char type = s_[at_++];
    if (type == '%') return out_.append("%");
    const Value* v = argument(name);
    if (v == nullptr)
      return void(
          rt_.fail(name.empty() ? "not enough arguments for format string" : "KeyError: " + name));
    if (type == 's' || type == 'r' || (type == 'c' && v->is_string())) {
      MarkedText text;
      if (type != 'r') text = rt_.to_text(*v);
      if (type == 'r') rt_.repr(*v, text);
      return out_.append(format_string(std::move(text), spec));
    }
    if (spec.zero && !minus) spec.fill = "0", spec.align = '=';
    number(*v, type, spec);
  }

  void number(const Value& v, char type, Spec& spec) {
    const bool whole = std::string_view("diuxXo").find(type) != std::string_view::npos;
    if (!v.is_number() ||
        (!whole && std::string_view("eEfFgG").find(type) == std::string_view::npos))
      return void(rt_.fail(
          fmt::format("%{} format: a number is required, not {}", type, Runtime::type_name(v))));
    spec.type = type == 'i' || type == 'u' ? 'd' : type;
    Value n = v;
    if (whole && v.is_float()) {
      if (!(std::fabs(v.as_double()) < 9e18))
        return void(rt_.fail("a number is too large for 64 bits"));
      n = int64_t(v.as_double());
    }
    const std::optional<std::string> text = format_number(n, spec);
    if (!text) return void(rt_.fail(fmt::format("unsupported format character '{}'", type)));
    out_.append(*text);
  }

  Runtime& rt_;
  const MarkedText& format_;
  std::string_view s_;
  const Args& args_;
  MarkedText out_;
  size_t at_ = 0;
  size_t used_ = 0;
  bool named_ = false;
};

// The text after ':' in "{0:*^10,.2f}". False: malformed.
bool parse_spec(std::string_view s, Spec& spec) {
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  const std::vector<size_t> offsets = character_offsets(s);
  size_t i = 0;
  if (offsets.size() > 2 && is_align(s[offsets[1]])) {
    spec.fill = s.substr(0, offsets[1]);
    spec.align = s[offsets[1]];
    i = offsets[1] + 1;
  } else if (!s.empty() && is_align(s[0])) {
    spec.align = s[i++];
  }
  if (i < s.size() && (s[i] == '+' || s[i] == '-' || s[i] == ' ')) {
    spec.plus = s[i] == '+';
    spec.blank = s[i++] == ' ';
  }
  if (i < s.size() && s[i] == '#') spec.alternate = (++i, true);
  if (i < s.size() && s[i] == '0') {
    ++i;
    if (spec.align == 0) spec.fill = "0", spec.align = '=';
  }
  spec.width = read_number(s, i);
  if (i < s.size() && s[i] == ',') spec.thousands = (++i, true);
  if (i < s.size() && s[i] == '.') spec.precision = read_number(s, ++i);
  if (i < s.size()) spec.type = s[i++];
  return i == s.size() && spec.width >= 0 && spec.precision >= -1;
}

}  // namespace

Value format_percent(Runtime& rt, const MarkedText& format, const Args& args) {
  return PercentFormatter(rt, format, args).run();
}

namespace {

// "{...}" between its braces, appended to `out`.
void brace_field(Runtime& rt, std::string_view field, const Args& args, size_t& automatic,
                 MarkedText& out) {
  const size_t colon = std::min(field.find(':'), field.size());
  std::string_view name = field.substr(0, colon);
  char conversion = 0;
  if (const size_t bang = name.find('!'); bang != std::string_view::npos) {
    conversion = bang + 2 == name.size() ? name[bang + 1] : '?';
    name = name.substr(0, bang);
  }
  const Value* v = nullptr;
  size_t place = 0;
  const auto digits = std::from_chars(name.data(), name.data() + name.size(), place);
  if (name.empty()) {
    place = automatic++;
  }
  if (name.empty() || (digits.ec == std::errc() && digits.ptr == name.data() + name.size())) {
    if (place < args.positional.size()) v = &args.positional[place];
  } else {
    for (const auto& [key, value] : args.named) {
      if (key == name) v = &value;
    }
  }
  if (v == nullptr)
    return void(rt.fail(fmt::format("no argument for the field '{{{}}}' of format", field)));
  Spec spec;
  const bool known = conversion == 0 || conversion == 's' || conversion == 'r';
  if (!known || !parse_spec(field.substr(std::min(colon + 1, field.size())), spec))
    return void(rt.fail(fmt::format("malformed field '{{{}}}' in format", field)));
  if (v->is_number() && !v->is_bool() && conversion == 0) {
    const std::optional<std::string> text = format_number(*v, spec);
    if (!text) return void(rt.fail(fmt::format("Unknown format code '{}'", spec.type)));
    return out.append(*text);
  }
  MarkedText text;
  if (conversion == 'r') rt.repr(*v, text);
  if (conversion != 'r') text = rt.to_text(*v);
  out.append(format_string(std::move(text), spec));
}

}  // namespace

Value format_braces(Runtime& rt, const MarkedText& format, const Args& args) {
  const std::string_view s = format.bytes();
  MarkedText out;
  size_t automatic = 0;
  for (size_t i = 0; i < s.size();) {
    const size_t brace = std::min(s.find_first_of("{}", i), s.size());
    out.append(format.slice(i, brace - i));
    if (brace == s.size()) break;
    if (brace + 1 < s.size() && s[brace + 1] == s[brace]) {
      out.append(format.slice(brace, 1));
      i = brace + 2;
      continue;
    }
    const size_t end = s[brace] == '{' ? s.find('}', brace) : std::string_view::npos;
    if (end == std::string_view::npos)
      return rt.fail(fmt::format("single '{}' encountered in format string", s[brace]));
    brace_field(rt, s.substr(brace + 1, end - brace - 1), args, automatic, out);
    if (!rt.tick(1 + out.size() / 1024)) return {};
    if (out.size() > rt.limits().max_output_bytes) break;
    i = end + 1;
  }
  return rt.text(std::move(out));
}

namespace {

constexpr std::array kMonths = {"January",   "February", "March",    "April",
                                "May",       "June",     "July",     "August",
                                "September", "October",  "November", "December"};
constexpr std::array kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                              "Thursday", "Friday", "Saturday"};

bool is_leap(int y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; }

int day_of_year(const CivilTime& t) {
  constexpr std::array kBefore = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  return kBefore[size_t(t.month - 1)] + t.day + (t.month > 2 && is_leap(t.year) ? 1 : 0);
}

// 0 = Sunday (Zeller, by Sakamoto's table).
int weekday(const CivilTime& t) {
  constexpr std::array kShift = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
  const int y = t.month < 3 ? t.year - 1 : t.year;
  return (y + y / 4 - y / 100 + y / 400 + kShift[size_t(t.month - 1)] + t.day) % 7;
}

std::string time_field(char code, bool unpadded, const CivilTime& t) {
  const auto two = [unpadded](int n) {
    return unpadded ? fmt::format("{}", n) : fmt::format("{:02}", n);
  };
  const std::string month = kMonths[size_t(t.month - 1)];
  const std::string day = kDays[size_t(weekday(t))];
  const int hour12 = t.hour % 12 == 0 ? 12 : t.hour % 12;
  switch (code) {
    case 'Y':
      return fmt::format("{}", t.year);
    case 'y':
      return two(t.year % 100);
    case 'm':
      return two(t.month);
    case 'd':
      return two(t.day);
    case 'e':
      return fmt::format("{:2}", t.day);
    case 'H':
      return two(t.hour);
    case 'I':
      return two(hour12);
    case 'M':
      return two(t.minute);
    case 'S':
      return two(t.second);
    case 'p':
      return t.hour < 12 ? "AM" : "PM";
    case 'B':
      return month;
    case 'b':
    case 'h':
      return month.substr(0, 3);
    case 'A':
      return day;
    case 'a':
      return day.substr(0, 3);
    case 'w':
      return fmt::format("{}", weekday(t));
    case 'u':
      return fmt::format("{}", weekday(t) == 0 ? 7 : weekday(t));
    case 'j':
      return unpadded ? fmt::format("{}", day_of_year(t)) : fmt::format("{:03}", day_of_year(t));
    case 'f':
      return "000000";
    case 'F':
      return fmt::format("{}-{:02}-{:02}", t.year, t.month, t.day);
    case 'D':
      return fmt::format("{:02}/{:02}/{:02}", t.month, t.day, t.year % 100);
    case 'T':
      return fmt::format("{:02}:{:02}:{:02}", t.hour, t.minute, t.second);
    case 'R':
      return fmt::format("{:02}:{:02}", t.hour, t.minute);
    case 'c':
      return fmt::format("{} {} {:2} {:02}:{:02}:{:02} {}", day.substr(0, 3), month.substr(0, 3),
                         t.day, t.hour, t.minute, t.second, t.year);
    case 'Z':
    case 'z':
      return "";
    case 'n':
      return "\n";
    case 't':
      return "\t";
    case '%':
      return "%";
    default:
      return std::string("%") + code;
  }
}

}  // namespace

std::string format_time(std::string_view format, const CivilTime& time) {
  if (time.month < 1 || time.month > 12 || time.year < 1) return "";
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out.push_back(format[i]);
      continue;
    }
    const bool unpadded = format[i + 1] == '-' && i + 2 < format.size();
    i += unpadded ? 2 : 1;
    out += time_field(format[i], unpadded, time);
  }
  return out;
}

}  // namespace hearth::text::jinja
