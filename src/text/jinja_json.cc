#include "text/jinja_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "text/jinja_text.h"
#include "text/utf8.h"

namespace hearth::text::jinja {
namespace {

std::string json_string(std::string_view s, bool ensure_ascii) {
  std::string out = "\"";
  const char* p = s.data();
  const char* end = p + s.size();
  while (p < end) {
    const Char c = char_at(p, end);
    constexpr std::string_view kFrom = "\"\\\n\r\t\b\f";
    constexpr std::string_view kTo = "\"\\nrtbf";
    const size_t simple = c.code < 0x80 ? kFrom.find(char(c.code)) : std::string_view::npos;
    if (simple != std::string_view::npos) {
      out.push_back('\\');
      out.push_back(kTo[simple]);
    } else if (c.code < 0x20 || (ensure_ascii && c.code >= 0x7f && c.code < 0x10000)) {
      out += fmt::format("\\u{:04x}", uint32_t(c.code));
    } else if (ensure_ascii && c.code >= 0x10000) {
      const auto rest = uint32_t(c.code) - 0x10000;
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
    } else {
      out.append(p, c.length);
    }
    p += c.length;
  }
  out.push_back('"');
  return out;
}

class Writer {
 public:
  Writer(Runtime& rt, const JsonStyle& style, MarkedText& out)
      : rt_(rt), style_(style), out_(out) {}

  void write(const Value& v, int depth) {
    if (!rt_.tick()) return;
    if (out_.size() > rt_.limits().max_output_bytes) {
      rt_.fail(fmt::format("a string passed the limit of {} bytes", rt_.limits().max_output_bytes));
      return;
    }
    switch (v.kind()) {
      case Kind::kNone:
        return out_.append("null");
      case Kind::kBool:
        return out_.append(v.as_bool() ? "true" : "false");
      case Kind::kInt:
        return out_.append(std::to_string(v.as_int()));
      case Kind::kFloat:
        return out_.append(number(v.as_double()));
      case Kind::kString:
        return out_.append(json_string(v.bytes(), style_.ensure_ascii), v.text().from_user());
      case Kind::kSequence:
        if (v.sequence().kind <= SequenceKind::kTuple) return sequence(v.sequence().items, depth);
        break;
      case Kind::kDict:
        return dict(v.as_dict(), depth);
      default:
        break;
    }
    rt_.fail(fmt::format("Object of type {} is not JSON serializable", Runtime::type_name(v)));
  }

 private:
  static std::string number(double d) {
    if (std::isnan(d)) return "NaN";
    if (std::isinf(d)) return d > 0 ? "Infinity" : "-Infinity";
    return float_repr(d);
  }

  void new_line(int depth) {
    if (!style_.indent) return;
    out_.append("\n");
    for (int i = 0; i < depth; ++i) out_.append(*style_.indent);
  }

  void sequence(const std::vector<Value>& items, int depth) {
    if (items.empty()) return out_.append("[]");
    out_.append("[");
    for (size_t i = 0; i < items.size() && rt_.ok(); ++i) {
      if (i > 0) out_.append(style_.item_separator);
      new_line(depth + 1);
      write(items[i], depth + 1);
    }
    new_line(depth);
    out_.append("]");
  }

  MarkedText key_text(const Value& key) {
    if (key.is_string()) return key.text();
    if (key.is_none()) return MarkedText("null");
    if (key.is_bool()) return MarkedText(key.as_bool() ? "true" : "false");
    if (key.is_int()) return MarkedText(std::to_string(key.as_int()));
    if (key.is_float()) return MarkedText(number(key.as_double()));
    rt_.fail(
        fmt::format("keys must be str, int, float, bool or None, not {}", Runtime::type_name(key)));
    return {};
  }

  void dict(const Dict& d, int depth) {
    if (d.size() == 0) return out_.append("{}");
    std::vector<size_t> order;
    if (style_.sort_keys) {
      std::vector<Value> keys;
      for (const auto& entry : d.entries()) keys.push_back(entry.first);
      order = rt_.sorted_order(keys);
    }
    out_.append("{");
    for (size_t i = 0; i < d.size() && rt_.ok(); ++i) {
      const auto& [name, value] = d.entries()[order.empty() ? i : order[i]];
      if (i > 0) out_.append(style_.item_separator);
      new_line(depth + 1);
      const MarkedText key = key_text(name);
      out_.append(json_string(key.bytes(), style_.ensure_ascii), key.from_user());
      out_.append(style_.key_separator);
      write(value, depth + 1);
    }
    new_line(depth);
    out_.append("}");
  }

  Runtime& rt_;
  const JsonStyle& style_;
  MarkedText& out_;
};

// Builds values from the events of nlohmann's parser, whose own tree would lose nothing but bounds
// no depth.
class Reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Reader(bool from_user) : from_user_(from_user) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool b) override { return put(b); }
  bool number_integer(number_integer_t i) override { return put(int64_t(i)); }
  bool number_unsigned(number_unsigned_t u) override {
    return u <= uint64_t(INT64_MAX) ? put(int64_t(u)) : put(double(u));
  }
  bool number_float(number_float_t d, const string_t&) override { return put(double(d)); }
  bool string(string_t& s) override { return put(string_value(s)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return open(true); }
  bool start_array(size_t) override { return open(false); }
  bool key(string_t& s) override {
    stack_.back().key = string_value(s);
    return true;
  }
  bool end_object() override {
    Dict d = std::move(stack_.back().dict);
    stack_.pop_back();
    return put(Value::dict(std::move(d)));
  }
  bool end_array() override {
    std::vector<Value> items = std::move(stack_.back().items);
    stack_.pop_back();
    return put(Value::list(std::move(items)));
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    problem = fmt::format("it is not valid JSON near byte {}", position);
    return false;
  }

  Value result;
  std::string problem;

 private:
  struct Level {
    bool is_object;
    Value key;
    Dict dict;
    std::vector<Value> items;
  };

  Value string_value(string_t& s) const { return Value(MarkedText(std::move(s), from_user_)); }

  bool open(bool is_object) {
    if (stack_.size() + 2 >= size_t(kMaxNesting)) {
      problem = fmt::format("it is nested more than {} levels deep", kMaxNesting - 2);
      return false;
    }
    stack_.push_back({is_object, {}, {}, {}});
    return true;
  }

  bool put(Value v) {
    if (stack_.empty()) {
      result = std::move(v);
    } else if (stack_.back().is_object) {
      stack_.back().dict.set(stack_.back().key, std::move(v));
    } else {
      stack_.back().items.push_back(std::move(v));
    }
    return true;
  }

  bool from_user_;
  std::vector<Level> stack_;
};

}  // namespace

void write_json(Runtime& rt, const Value& v, const JsonStyle& style, MarkedText& out) {
  Writer(rt, style, out).write(v, 0);
}

Result<Value> value_from_json(std::string_view json, bool from_user) {
  Reader reader(from_user);
  bool read = false;
  try {
    read = nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  } catch (const std::exception&) {  // out of memory; the events themselves do not throw
    reader.problem = "it is too large";
  }
  if (read) return reader.result;
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("a value for the chat template cannot be read: {}", reader.problem));
}

}  // namespace hearth::text::jinja
