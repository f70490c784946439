// Arithmetic and slices of values, after Python.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "text/jinja_runtime.h"
#include "text/jinja_text.h"

namespace hearth::text::jinja {
namespace {

constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

MarkedText escaped(const Value& v, MarkedText text) {
  if (v.is_safe()) return text;
  return MarkedText(escape_html(text.bytes()), text.from_user());
}

}  // namespace

Value Runtime::wrong_operands(std::string_view op, const Value& a, const Value& b) {
  if (a.is_undefined()) return fail(a.undefined_message());
  if (b.is_undefined()) return fail(b.undefined_message());
  if (op == "+" && a.is_string())
    return fail(fmt::format("can only concatenate str (not \"{}\") to str", type_name(b)));
  if (op == "+" && a.is_sequence() && a.sequence().kind == SequenceKind::kList)
    return fail(fmt::format("can only concatenate list (not \"{}\") to list", type_name(b)));
  return fail(fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", op, type_name(a),
                          type_name(b)));
}

Value Runtime::add(const Value& a, const Value& b) {
  if (a.is_string() && b.is_string()) {
    const bool safe = a.is_safe() || b.is_safe();
    MarkedText sum = safe ? escaped(a, a.text()) : a.text();
    sum.append(safe ? escaped(b, b.text()) : b.text());
    return text(std::move(sum), safe);
  }
  const auto joinable = [](const Value& v) {
    return v.is_sequence() &&
           (v.sequence().kind == SequenceKind::kList || v.sequence().kind == SequenceKind::kTuple);
  };
  if (joinable(a) && joinable(b) && a.sequence().kind == b.sequence().kind) {
    if (!tick(a.sequence().items.size() + b.sequence().items.size())) return {};
    std::vector<Value> items = a.sequence().items;
    items.insert(items.end(), b.sequence().items.begin(), b.sequence().items.end());
    return list(std::move(items), a.sequence().kind);
  }
  return wrong_operands("+", a, b);
}

// "ab" * 3, [x] * 3
Value Runtime::multiply(const Value& a, const Value& b) {
  const bool count_first = a.is_int() || a.is_bool();
  const Value& thing = count_first ? b : a;
  const Value& count = count_first ? a : b;
  if (!(count.is_int() || count.is_bool())) return wrong_operands("*", a, b);
  const auto n = size_t(std::max<int64_t>(count.as_int(), 0));
  if (thing.is_string()) {
    if (n > 0 && thing.text().size() > limits_.max_output_bytes / n)
      return fail(fmt::format("a string passed the limit of {} bytes", limits_.max_output_bytes));
    if (!tick(n)) return {};
    MarkedText out;
    for (size_t i = 0; i < n; ++i) out.append(thing.text());
    return text(std::move(out), thing.is_safe());
  }
  if (thing.is_sequence() && thing.sequence().kind <= SequenceKind::kTuple) {
    const auto& unit = thing.sequence().items;
    if (unit.empty()) return thing;
    if (n > limits_.max_steps / unit.size() || !tick(n * unit.size()))
      return fail(fmt::format("the template needs more than {} steps", limits_.max_steps));
    std::vector<Value> items;
    for (size_t i = 0; i < n; ++i) items.insert(items.end(), unit.begin(), unit.end());
    return list(std::move(items), thing.sequence().kind);
  }
  return wrong_operands("*", a, b);
}

Value Runtime::integer_arithmetic(Op op, int64_t a, int64_t b) {
  int64_t out = 0;
  bool overflow = false;
  switch (op) {
    case Op::kAdd:
      overflow = __builtin_add_overflow(a, b, &out);
      break;
    case Op::kSub:
      overflow = __builtin_sub_overflow(a, b, &out);
      break;
    case Op::kMul:
      overflow = __builtin_mul_overflow(a, b, &out);
      break;
    case Op::kFloorDiv:
    case Op::kMod: {
      if (b == 0) return fail("integer division or modulo by zero");
      if (b == -1) return op == Op::kMod ? Value(int64_t(0)) : integer_arithmetic(Op::kSub, 0, a);
      const bool inexact = a % b != 0 && (a < 0) != (b < 0);  // Python rounds down, C towards zero
      out = op == Op::kFloorDiv ? a / b - inexact : a % b + (inexact ? b : 0);
      break;
    }
    case Op::kPow: {
      if (b < 0) return float_arithmetic(op, double(a), double(b));
      out = 1;
      for (int64_t base = a; b > 0 && !overflow; b >>= 1) {
        if ((b & 1) != 0) overflow = __builtin_mul_overflow(out, base, &out);
        if (b > 1) overflow = overflow || __builtin_mul_overflow(base, base, &base);
      }
      break;
    }
    default:
      return float_arithmetic(op, double(a), double(b));
  }
  if (overflow) return fail("a number is too large for 64 bits");
  return out;
}

Value Runtime::float_arithmetic(Op op, double a, double b) {
  switch (op) {
    case Op::kAdd:
      return a + b;
    case Op::kSub:
      return a - b;
    case Op::kMul:
      return a * b;
    case Op::kPow:
      return std::pow(a, b);
    default:
      break;
  }
  if (b == 0) return fail("division by zero");
  if (op == Op::kDiv) return a / b;
  const double quotient = std::floor(a / b);
  return op == Op::kFloorDiv ? quotient : a - quotient * b;
}

Value Runtime::binary(Op op, const Value& a, const Value& b) {
  if (!tick()) return {};
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float() || op == Op::kDiv)
      return float_arithmetic(op, a.as_double(), b.as_double());
    return integer_arithmetic(op, a.as_int(), b.as_int());
  }
  if (op == Op::kAdd) return add(a, b);
  if (op == Op::kMul) return multiply(a, b);
  if (op == Op::kMod && a.is_string()) {
    Args args;
    const bool is_tuple = b.is_sequence() && b.sequence().kind == SequenceKind::kTuple;
    if (is_tuple) args.positional = b.sequence().items;
    if (!is_tuple) args.positional.push_back(b);
    return call_filter("format", a, args);
  }
  return wrong_operands(kSymbols[size_t(op)], a, b);
}

Value Runtime::negative(const Value& v) {
  if (v.is_float()) return -v.as_double();
  if (v.is_number()) return integer_arithmetic(Op::kSub, 0, v.as_int());
  if (v.is_undefined()) return fail(v.undefined_message());
  return fail(fmt::format("bad operand type for unary -: '{}'", type_name(v)));
}

Value Runtime::slice(const Value& object, const Value& first, const Value& last,
                     const Value& step_value) {
  if (object.is_undefined()) return fail(object.undefined_message());
  const bool is_string = object.is_string();
  if (!is_string && !(object.is_sequence() && object.sequence().kind <= SequenceKind::kRange))
    return fail(fmt::format("'{}' object is not subscriptable", type_name(object)));
  for (const Value* bound : {&first, &last, &step_value}) {
    if (bound->is_undefined()) return fail(bound->undefined_message());
    if (!bound->is_none() && !bound->is_int() && !bound->is_bool())
      return fail("slice indices must be integers or None");
  }
  const int64_t step = step_value.is_none() ? 1 : step_value.as_int();
  if (step == 0) return fail("slice step cannot be zero");
  std::vector<size_t> offsets;
  if (is_string) {
    if (!tick(object.text().size() / 4)) return {};
    offsets = character_offsets(object.bytes());
  }
  const int64_t n =
      is_string ? int64_t(offsets.size()) - 1 : int64_t(object.sequence().items.size());
  // As PySlice_AdjustIndices.
  const auto adjust = [n, step](const Value& bound, int64_t otherwise) {
    if (bound.is_none()) return otherwise;
    const int64_t i = bound.as_int() < 0 ? bound.as_int() + n : bound.as_int();
    return step > 0 ? std::clamp<int64_t>(i, 0, n) : std::clamp<int64_t>(i, -1, n - 1);
  };
  const int64_t begin = adjust(first, step > 0 ? 0 : n - 1);
  const int64_t end = adjust(last, step > 0 ? n : -1);
  if (is_string && step == 1)
    return text(begin < end ? object.text().slice(offsets[size_t(begin)],
                                                  offsets[size_t(end)] - offsets[size_t(begin)])
                            : MarkedText());
  MarkedText characters;
  std::vector<Value> items;
  for (int64_t i = begin; step > 0 ? i < end : i > end;) {
    if (!tick()) return {};
    if (is_string) {
      characters.append(
          object.text().slice(offsets[size_t(i)], offsets[size_t(i) + 1] - offsets[size_t(i)]));
    } else {
      items.push_back(object.sequence().items[size_t(i)]);
    }
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return is_string ? text(std::move(characters)) : list(std::move(items), object.sequence().kind);
}

}  // namespace hearth::text::jinja
