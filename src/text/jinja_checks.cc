// The tests of the language: what may stand after `is` and in select(). One line each in the table
// at the end.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text/jinja_runtime.h"
#include "text/jinja_text.h"
#include "text/utf8.h"

namespace hearth::text::jinja {
namespace {

// All cased characters are `wanted` case, and there is one.
bool all_cased(std::string_view s, bool (*wanted)(char32_t), bool (*other)(char32_t)) {
  bool any = false;
  const char* end = s.data() + s.size();
  for (const char* p = s.data(); p < end;) {
    const Char c = char_at(p, end);
    if (other(c.code)) return false;
    any |= wanted(c.code);
    p += c.length;
  }
  return any;
}

Value is_lower_text(NativeCall& c) {
  return all_cased(c.rt.to_text(c.self).bytes(), is_lower, is_upper);
}
Value is_upper_text(NativeCall& c) {
  return all_cased(c.rt.to_text(c.self).bytes(), is_upper, is_lower);
}

Value is_sequence(NativeCall& c) {
  return c.self.is_undefined() || c.self.is_string() || c.self.is_dict() ||
         (c.self.is_sequence() && c.self.sequence().kind <= SequenceKind::kRange);
}

Value is_iterable(NativeCall& c) {
  return c.self.is_undefined() || c.self.is_string() || c.self.is_dict() || c.self.is_sequence() ||
         c.self.is_object(ObjectType::kLoop);
}

Value is_callable(NativeCall& c) {
  return c.self.is_object(ObjectType::kFunction) || c.self.is_object(ObjectType::kMacro) ||
         c.self.is_object(ObjectType::kLoop) || c.self.is_object(ObjectType::kJoiner);
}

std::optional<int64_t> whole(NativeCall& c, const Value& v) {
  if (v.is_int() || v.is_bool()) return v.as_int();
  c.rt.fail(v.is_undefined() ? v.undefined_message() : "an integer is needed for this test");
  return std::nullopt;
}

Value is_odd(NativeCall& c) {
  const auto n = whole(c, c.self);
  return n && *n % 2 != 0;
}

Value is_even(NativeCall& c) {
  const auto n = whole(c, c.self);
  return n && *n % 2 == 0;
}

Value is_divisible_by(NativeCall& c) {
  const auto n = whole(c, c.self);
  const auto by = whole(c, c.at(0));
  if (!n || !by) return {};
  if (*by == 0) return c.rt.fail("integer division or modulo by zero");
  return *by == -1 || *n % *by == 0;
}

Value is_filter(NativeCall& c) {
  const auto has = [&c](std::span<const NativeEntry> table) {
    return std::any_of(table.begin(), table.end(), [&c](const NativeEntry& e) {
      return c.self.is_string() && e.name == c.self.bytes();
    });
  };
  return has(filters()) || has(sequence_filters());
}

Value is_test(NativeCall& c) {
  const auto table = tests();
  return std::any_of(table.begin(), table.end(), [&c](const NativeEntry& e) {
    return c.self.is_string() && e.name == c.self.bytes();
  });
}

constexpr Native kEqual = [](NativeCall& c) -> Value { return c.rt.equals(c.self, c.at(0)); };
constexpr Native kUnequal = [](NativeCall& c) -> Value { return !c.rt.equals(c.self, c.at(0)); };
constexpr Native kLess = [](NativeCall& c) -> Value { return c.rt.less(c.self, c.at(0)); };
constexpr Native kLessEqual = [](NativeCall& c) -> Value {
  return c.rt.equals(c.self, c.at(0)) || c.rt.less(c.self, c.at(0));
};
constexpr Native kGreater = [](NativeCall& c) -> Value { return c.rt.less(c.at(0), c.self); };
constexpr Native kGreaterEqual = [](NativeCall& c) -> Value {
  return c.rt.equals(c.self, c.at(0)) || c.rt.less(c.at(0), c.self);
};

constexpr NativeEntry kTests[] = {
    {"!=", kUnequal, "other"},
    {"<", kLess, "other"},
    {"<=", kLessEqual, "other"},
    {"==", kEqual, "other"},
    {">", kGreater, "other"},
    {">=", kGreaterEqual, "other"},
    {"boolean", [](NativeCall& c) -> Value { return c.self.is_bool(); }, ""},
    {"callable", is_callable, ""},
    {"defined", [](NativeCall& c) -> Value { return !c.self.is_undefined(); }, ""},
    {"divisibleby", is_divisible_by, "num"},
    {"eq", kEqual, "other"},
    {"equalto", kEqual, "other"},
    {"escaped", [](NativeCall& c) -> Value { return c.self.is_safe(); }, ""},
    {"even", is_even, ""},
    {"false", [](NativeCall& c) -> Value { return c.self.is_bool() && !c.self.as_bool(); }, ""},
    {"filter", is_filter, ""},
    {"float", [](NativeCall& c) -> Value { return c.self.is_float(); }, ""},
    {"ge", kGreaterEqual, "other"},
    {"greaterthan", kGreater, "other"},
    {"gt", kGreater, "other"},
    {"in", [](NativeCall& c) -> Value { return c.rt.contains(c.at(0), c.self); }, "seq"},
    {"integer", [](NativeCall& c) -> Value { return c.self.is_int(); }, ""},
    {"iterable", is_iterable, ""},
    {"le", kLessEqual, "other"},
    {"lessthan", kLess, "other"},
    {"lower", is_lower_text, ""},
    {"lt", kLess, "other"},
    {"mapping", [](NativeCall& c) -> Value { return c.self.is_dict(); }, ""},
    {"ne", kUnequal, "other"},
    {"none", [](NativeCall& c) -> Value { return c.self.is_none(); }, ""},
    {"number", [](NativeCall& c) -> Value { return c.self.is_number(); }, ""},
    {"odd", is_odd, ""},
    {"sameas", [](NativeCall& c) -> Value { return c.self.same_as(c.at(0)); }, "other"},
    {"sequence", is_sequence, ""},
    {"string", [](NativeCall& c) -> Value { return c.self.is_string(); }, ""},
    {"test", is_test, ""},
    {"true", [](NativeCall& c) -> Value { return c.self.is_bool() && c.self.as_bool(); }, ""},
    {"undefined", [](NativeCall& c) -> Value { return c.self.is_undefined(); }, ""},
    {"upper", is_upper_text, ""},
};

}  // namespace

std::span<const NativeEntry> tests() { return kTests; }

}  // namespace hearth::text::jinja
