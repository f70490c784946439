// Expressions, calls and macros.
#include <algorithm>

#include "text/jinja_interpreter_guard.h"

namespace hearth::text::jinja {

Value Interpreter::eval(const Expr& e) {
  const Guard guard(*this, e.line);
  if (!guard.ok()) return {};
  return eval_kind(e);
}

Value Interpreter::eval_kind(const Expr& e) {
  switch (e.kind) {
    case ExprKind::kLiteral:
      return e.literal;
    case ExprKind::kName:
      return lookup(e);
    case ExprKind::kList:
      return list(eval_all(e.kids));
    case ExprKind::kTuple:
      return list(eval_all(e.kids), SequenceKind::kTuple);
    case ExprKind::kDict:
      return eval_dict(e);
    case ExprKind::kAttribute: {
      const Value object = eval(*e.kids[0]);
      return ok() ? attribute(object, e.name) : Value();
    }
    case ExprKind::kItem: {
      const Value object = eval(*e.kids[0]);
      const Value key = eval(*e.kids[1]);
      return ok() ? item(object, key) : Value();
    }
    case ExprKind::kSlice:
      return eval_slice(e);
    case ExprKind::kCall: {
      const Value callee = eval(*e.kids[0]);
      if (!ok()) return {};
      const Args args = eval_args(e);
      return ok() ? call(callee, args) : Value();
    }
    case ExprKind::kFilter:
      return eval_filter(e);
    case ExprKind::kTest:
      return eval_test(e);
    case ExprKind::kNot:
      return !truthy(eval(*e.kids[0]));
    case ExprKind::kNegative: {
      const Value v = eval(*e.kids[0]);
      return ok() ? negative(v) : Value();
    }
    case ExprKind::kPositive: {
      const Value v = eval(*e.kids[0]);
      return ok() ? negative(negative(v)) : Value();
    }
    case ExprKind::kBinary: {
      const Value a = eval(*e.kids[0]);
      const Value b = eval(*e.kids[1]);
      return ok() ? binary(e.ops[0], a, b) : Value();
    }
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return eval_logic(e);
    case ExprKind::kConcat:
      return eval_concat(e);
    case ExprKind::kCompare:
      return eval_compare(e);
    case ExprKind::kConditional: {
      const bool holds = truthy(eval(*e.kids[0]));
      if (!ok()) return {};
      if (holds) return eval(*e.kids[1]);
      if (e.kids[2]) return eval(*e.kids[2]);
      return Value::undefined(
          "the inline if-expression evaluated to false and no else section was defined.");
    }
  }
  return {};
}

Value Interpreter::eval_dict(const Expr& e) {
  Dict out;
  for (size_t i = 0; i + 1 < e.kids.size(); i += 2) {
    Value key = eval(*e.kids[i]);
    Value value = eval(*e.kids[i + 1]);
    if (!ok()) return {};
    if (!key.is_string() && !key.is_number() && !key.is_none())
      return fail(fmt::format("unhashable type: '{}'", type_name(key)));
    out.set(std::move(key), std::move(value));
  }
  return dict(std::move(out));
}

// The operand that decides, as in Python, not a boolean.
Value Interpreter::eval_logic(const Expr& e) {
  const bool stop_at = e.kind == ExprKind::kOr;
  Value v;
  for (const ExprPtr& kid : e.kids) {
    v = eval(*kid);
    if (!ok() || truthy(v) == stop_at) break;
  }
  return v;
}

Value Interpreter::eval_concat(const Expr& e) {
  MarkedText out;
  for (const ExprPtr& kid : e.kids) {
    out.append(to_text(eval(*kid)));
    if (!ok() || out.size() > limits().max_output_bytes) break;
  }
  return text(std::move(out));
}

Value Interpreter::eval_compare(const Expr& e) {
  Value left = eval(*e.kids[0]);
  for (size_t i = 0; i < e.ops.size(); ++i) {
    Value right = eval(*e.kids[i + 1]);
    if (!ok()) return {};
    bool holds = false;
    switch (e.ops[i]) {
      case Op::kEq:
        holds = equals(left, right);
        break;
      case Op::kNe:
        holds = !equals(left, right);
        break;
      case Op::kLt:
        holds = less(left, right);
        break;
      case Op::kGt:
        holds = less(right, left);
        break;
      case Op::kLe:
        holds = less(left, right) || (ok() && equals(left, right));
        break;
      case Op::kGe:
        holds = less(right, left) || (ok() && equals(left, right));
        break;
      case Op::kIn:
        holds = contains(right, left);
        break;
      default:
        holds = !contains(right, left);
    }
    if (!holds || !ok()) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::eval_slice(const Expr& e) {
  std::array<Value, 4> parts;
  for (size_t i = 0; i < 4; ++i) parts[i] = e.kids[i] ? eval(*e.kids[i]) : Value(nullptr);
  return ok() ? slice(parts[0], parts[1], parts[2], parts[3]) : Value();
}

Value Interpreter::eval_test(const Expr& e) {
  const Value input = eval(*e.kids[0]);
  const Args args = eval_args(e);
  if (!ok()) return {};
  return call_test(e.name, input, args).value_or(false);
}

Value Interpreter::eval_filter(const Expr& e) {
  const Value input = e.kids[0] ? eval(*e.kids[0]) : filter_input_ ? *filter_input_ : Value();
  const Args args = eval_args(e);
  return ok() ? call_filter(e.name, input, args) : Value();
}

Value Interpreter::lookup(const Expr& e) {
  for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    for (const auto& [name, value] : scope->variables) {
      if (name == e.name) return value;
    }
  }
  if (const Value* found = context_.get(e.name)) return *found;
  for (const NativeEntry& entry : functions()) {
    if (entry.name != e.name || entry.name.find('.') != std::string_view::npos) continue;
    if (entry.name == "strftime_now" && !now()) break;
    return Value(std::shared_ptr<Object>(std::make_shared<Function>(entry, Value())));
  }
  return Value::undefined(fmt::format("'{}' is undefined", e.name));
}

std::vector<Value> Interpreter::eval_all(const std::vector<ExprPtr>& kids, size_t first) {
  std::vector<Value> values;
  for (size_t i = first; i < kids.size() && ok(); ++i) values.push_back(eval(*kids[i]));
  return values;
}

// kids[0] is what is called.
Args Interpreter::eval_args(const Expr& e) {
  Args args;
  args.positional = eval_all(e.kids, 1);
  for (const auto& [name, value] : e.named) args.named.emplace_back(name, eval(*value));
  if (e.star) {
    for (Value& v : iterate(eval(*e.star))) args.positional.push_back(std::move(v));
  }
  if (e.star_star) {
    const Value more = eval(*e.star_star);
    if (!more.is_dict()) {
      fail("the argument after ** must be a mapping");
      return args;
    }
    for (const auto& [key, value] : more.as_dict().entries()) {
      if (key.is_string()) args.named.emplace_back(key.bytes(), value);
    }
  }
  return args;
}

Value Interpreter::call(const Value& callee, const Args& args) {
  if (callee.is_undefined()) return fail(callee.undefined_message());
  if (callee.is_object(ObjectType::kFunction)) {
    const auto& function = static_cast<const Function&>(callee.object());
    return call_native(function.entry, function.self, args);
  }
  if (callee.is_object(ObjectType::kMacro))
    return call_macro(static_cast<const Macro&>(callee.object()), args);
  if (callee.is_object(ObjectType::kJoiner)) {
    auto& joiner = static_cast<Joiner&>(callee.object());
    return std::exchange(joiner.used, true) ? joiner.separator : Value("");
  }
  if (callee.is_object(ObjectType::kLoop)) {
    const auto& loop = static_cast<const Loop&>(callee.object());
    if (loop.recursive == nullptr)
      return fail("The loop must have the 'recursive' marker to be called recursively.");
    if (args.positional.size() != 1) return fail("loop() takes one argument");
    MarkedText captured;
    MarkedText* outer = std::exchange(out_, &captured);
    run_loop(*loop.recursive, iterate(args.positional[0]), loop.depth + 1);
    out_ = outer;
    return text(std::move(captured));
  }
  return fail(fmt::format("'{}' object is not callable", type_name(callee)));
}

// Fills the macro's scope from the arguments. False after an error.
bool Interpreter::bind(const Stmt& stmt, const Args& args, Scope& scope) {
  const std::string name = stmt.text.empty() ? "caller" : stmt.text;
  const size_t n = stmt.params.size();
  const size_t n_given = std::min(args.positional.size(), n);
  std::vector<bool> used(args.named.size(), false);
  for (size_t i = 0; i < n; ++i) {
    if (i < n_given) {
      scope.variables.emplace_back(stmt.params[i], args.positional[i]);
      continue;
    }
    size_t k = 0;
    while (k < args.named.size() && args.named[k].first != stmt.params[i]) ++k;
    if (k < args.named.size()) {
      used[k] = true;
      scope.variables.emplace_back(stmt.params[i], args.named[k].second);
    } else if (i + stmt.defaults.size() >= n) {
      // Defaults see the parameters before them.
      scope.variables.emplace_back(stmt.params[i],
                                   eval(*stmt.defaults[i + stmt.defaults.size() - n]));
    } else {
      scope.variables.emplace_back(
          stmt.params[i],
          Value::undefined(fmt::format("parameter '{}' was not provided", stmt.params[i])));
    }
  }
  Value caller = Value::undefined("No caller defined");
  Dict kwargs;
  for (size_t k = 0; k < args.named.size(); ++k) {
    if (used[k]) continue;
    const auto& [key, value] = args.named[k];
    if (key == "caller" && (stmt.uses_caller || value.is_object(ObjectType::kMacro))) {
      caller = value;
    } else if (stmt.uses_kwargs) {
      kwargs.set(Value(key), value);
    } else {
      fail(fmt::format("macro '{}' takes no keyword argument '{}'", name, key));
    }
  }
  if (stmt.uses_caller) scope.variables.emplace_back("caller", caller);
  if (stmt.uses_kwargs) scope.variables.emplace_back("kwargs", dict(std::move(kwargs)));
  if (stmt.uses_varargs) {
    std::vector<Value> rest(args.positional.begin() + ptrdiff_t(n_given), args.positional.end());
    scope.variables.emplace_back("varargs", list(std::move(rest), SequenceKind::kTuple));
  } else if (args.positional.size() > n) {
    fail(fmt::format("macro '{}' takes not more than {} argument(s)", name, n));
  }
  return ok();
}

Value Interpreter::call_macro(const Macro& macro, const Args& args) {
  const Stmt& stmt = macro.stmt;
  const Guard guard(*this, stmt.line);
  if (!guard.ok()) return {};
  const std::shared_ptr<Scope> around = macro.scope.lock();
  if (!around) return fail("a macro was called after the block that defined it ended");
  auto inner = std::make_shared<Scope>();
  inner->parent = around;
  const auto outer = std::exchange(scope_, inner);
  MarkedText captured;
  if (bind(stmt, args, *inner)) {
    MarkedText* outer_out = std::exchange(out_, &captured);
    run_body(stmt.bodies[0]);
    out_ = outer_out;
  }
  scope_ = outer;
  return text(std::move(captured));
}

}  // namespace hearth::text::jinja
