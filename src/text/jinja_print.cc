// Values as text: str() and repr() as Python writes them.
#include <fmt/format.h>

#include "text/jinja_runtime.h"
#include "text/jinja_text.h"
#include "text/utf8.h"

namespace hearth::text::jinja {
namespace {

// A string literal as Python's repr writes it.
std::string quoted(std::string_view s) {
  const bool double_quotes =
      s.find('\'') != std::string_view::npos && s.find('"') == std::string_view::npos;
  const char quote = double_quotes ? '"' : '\'';
  std::string out(1, quote);
  const char* p = s.data();
  const char* end = p + s.size();
  while (p < end) {
    const Char c = char_at(p, end);
    const bool invisible = !is_printable(c.code);
    if (c.code == char32_t(quote) || c.code == '\\') {
      out.push_back('\\');
      out.push_back(char(c.code));
    } else if (c.code == '\n') {
      out += "\\n";
    } else if (c.code == '\r') {
      out += "\\r";
    } else if (c.code == '\t') {
      out += "\\t";
    } else if (invisible) {
      const auto code = uint32_t(c.code);
      out += code < 0x100     ? fmt::format("\\x{:02x}", code)
             : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                              : fmt::format("\\U{:08x}", code);
    } else {
      out.append(p, c.length);
    }
    p += c.length;
  }
  out.push_back(quote);
  return out;
}

std::string scalar(const Value& v) {
  switch (v.kind()) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return v.as_bool() ? "True" : "False";
    case Kind::kInt:
      return fmt::format("{}", v.as_int());
    case Kind::kFloat:
      return float_repr(v.as_double());
    default:
      return "";
  }
}

std::string range_repr(const std::vector<Value>& items) {
  if (items.empty()) return "range(0, 0)";
  const int64_t first = items[0].as_int();
  const int64_t step = items.size() > 1 ? items[1].as_int() - first : 1;
  const int64_t stop = items.back().as_int() + step;
  return step == 1 ? fmt::format("range({}, {})", first, stop)
                   : fmt::format("range({}, {}, {})", first, stop, step);
}

}  // namespace

MarkedText Runtime::to_text(const Value& v) {
  if (v.is_string()) return v.text();
  if (v.is_undefined()) return {};
  MarkedText out;
  repr(v, out);
  return out;
}

void Runtime::object_repr(const Value& v, MarkedText& out, int depth) {
  out.append(fmt::format("<{}", type_name(v)));
  if (v.is_object(ObjectType::kNamespace)) {
    const char* separator = " {";
    for (const auto& [name, value] : static_cast<const Namespace&>(v.object()).attributes) {
      out.append(fmt::format("{}{}: ", separator, quoted(name)));
      repr(value, out, depth + 1);
      separator = ", ";
    }
    out.append(separator[0] == ',' ? "}" : " {}");
  } else if (v.is_object(ObjectType::kLoop)) {
    const auto& loop = static_cast<const Loop&>(v.object());
    out.append(fmt::format(" {}/{}", loop.index + 1, loop.items.size()));
  }
  out.append(">");
}

void Runtime::repr(const Value& v, MarkedText& out, int depth) {
  if (!tick() || out.size() > limits_.max_output_bytes) {
    fail(fmt::format("a string passed the limit of {} bytes", limits_.max_output_bytes));
    return;
  }
  if (depth > kMaxNesting) return out.append("...");
  const auto all = [&](const std::vector<Value>& items, std::string_view open,
                       std::string_view close) {
    out.append(open);
    for (size_t i = 0; i < items.size() && ok(); ++i) {
      if (i > 0) out.append(", ");
      repr(items[i], out, depth + 1);
    }
    out.append(close);
  };
  switch (v.kind()) {
    case Kind::kUndefined:
      return out.append("Undefined");
    case Kind::kString:
      return v.is_safe() ? (out.append("Markup("),
                            out.append(quoted(v.bytes()), v.text().from_user()), out.append(")"))
                         : out.append(quoted(v.bytes()), v.text().from_user());
    case Kind::kSequence: {
      const Sequence& s = v.sequence();
      switch (s.kind) {
        case SequenceKind::kList:
          return all(s.items, "[", "]");
        case SequenceKind::kTuple:
          return all(s.items, "(", s.items.size() == 1 ? ",)" : ")");
        case SequenceKind::kRange:
          return out.append(range_repr(s.items));
        case SequenceKind::kGenerator:
          return out.append("<generator object>");
        case SequenceKind::kKeys:
          return all(s.items, "dict_keys([", "])");
        case SequenceKind::kValues:
          return all(s.items, "dict_values([", "])");
        case SequenceKind::kItems:
          return all(s.items, "dict_items([", "])");
      }
      return;
    }
    case Kind::kDict: {
      out.append("{");
      bool first = true;
      for (const auto& [key, value] : v.as_dict().entries()) {
        if (!ok()) return;
        if (!first) out.append(", ");
        first = false;
        repr(key, out, depth + 1);
        out.append(": ");
        repr(value, out, depth + 1);
      }
      return out.append("}");
    }
    case Kind::kObject:
      return object_repr(v, out, depth);
    default:
      return out.append(scalar(v));
  }
}

}  // namespace hearth::text::jinja
