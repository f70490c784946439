// Expressions of the template language.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "text/jinja_parser_impl.h"

namespace hearth::text::jinja {

// The depth of a node is known when all its children are there.
Result<ExprPtr> Parser::finished(ExprPtr e) {
  const auto take = [&e](const ExprPtr& kid) {
    if (kid) e->depth = std::max(e->depth, kid->depth + 1);
  };
  for (const ExprPtr& kid : e->kids) take(kid);
  for (const auto& [name, kid] : e->named) take(kid);
  take(e->star);
  take(e->star_star);
  if (e->depth > max_depth_) return too_deep();
  return e;
}

Result<ExprPtr> Parser::node(ExprKind kind, std::vector<ExprPtr> kids) {
  auto e = std::make_unique<Expr>();
  e->kind = kind;
  e->line = peek().line;
  e->kids = std::move(kids);
  return finished(std::move(e));
}

namespace {

std::vector<ExprPtr> kids_of(ExprPtr a, ExprPtr b) {
  std::vector<ExprPtr> kids;
  kids.push_back(std::move(a));
  kids.push_back(std::move(b));
  return kids;
}

}  // namespace

Result<ExprPtr> Parser::binary(Op op, ExprPtr left, ExprPtr right) {
  HEARTH_ASSIGN(ExprPtr e, node(ExprKind::kBinary, kids_of(std::move(left), std::move(right))));
  e->ops.push_back(op);
  return e;
}

Result<ExprPtr> Parser::tuple(TupleRules rules) {
  std::vector<ExprPtr> items;
  bool is_tuple = false;
  for (;;) {
    const Token& t = peek();
    if (t.kind == TokenKind::kVariableEnd || t.kind == TokenKind::kBlockEnd || t.is(")") ||
        (!rules.end_name.empty() && t.is_name(rules.end_name)))
      break;
    HEARTH_ASSIGN(ExprPtr item, rules.conditional ? expression() : disjunction());
    items.push_back(std::move(item));
    if (!skip_op(",")) break;
    is_tuple = true;
  }
  if (is_tuple) return node(ExprKind::kTuple, std::move(items));
  if (!items.empty()) return std::move(items[0]);
  if (!rules.in_parentheses) return unexpected("an expression");
  return node(ExprKind::kTuple, {});
}

Result<ExprPtr> Parser::expression() {
  const DepthGuard guard(*this);
  if (!guard.ok()) return too_deep();
  HEARTH_ASSIGN(ExprPtr value, disjunction());
  while (skip_name("if")) {
    HEARTH_ASSIGN(ExprPtr condition, disjunction());
    std::vector<ExprPtr> kids = kids_of(std::move(condition), std::move(value));
    kids.emplace_back();
    if (skip_name("else")) {
      HEARTH_ASSIGN(kids[2], expression());
    }
    HEARTH_ASSIGN(value, node(ExprKind::kConditional, std::move(kids)));
  }
  return value;
}

Result<ExprPtr> Parser::disjunction() {
  HEARTH_ASSIGN(ExprPtr first, conjunction());
  if (!peek().is_name("or")) return first;
  std::vector<ExprPtr> kids;
  kids.push_back(std::move(first));
  while (skip_name("or")) {
    HEARTH_ASSIGN(ExprPtr next, conjunction());
    kids.push_back(std::move(next));
  }
  return node(ExprKind::kOr, std::move(kids));
}

Result<ExprPtr> Parser::conjunction() {
  HEARTH_ASSIGN(ExprPtr first, negation());
  if (!peek().is_name("and")) return first;
  std::vector<ExprPtr> kids;
  kids.push_back(std::move(first));
  while (skip_name("and")) {
    HEARTH_ASSIGN(ExprPtr next, negation());
    kids.push_back(std::move(next));
  }
  return node(ExprKind::kAnd, std::move(kids));
}

Result<ExprPtr> Parser::negation() {
  const DepthGuard guard(*this);
  if (!guard.ok()) return too_deep();
  if (!skip_name("not")) return comparison();
  HEARTH_ASSIGN(ExprPtr e, negation());
  std::vector<ExprPtr> kids;
  kids.push_back(std::move(e));
  return node(ExprKind::kNot, std::move(kids));
}

Result<ExprPtr> Parser::comparison() {
  struct Name {
    std::string_view op;
    Op value;
  };
  static constexpr Name kNames[] = {{"==", Op::kEq}, {"!=", Op::kNe}, {"<", Op::kLt},
                                    {"<=", Op::kLe}, {">", Op::kGt},  {">=", Op::kGe}};
  HEARTH_ASSIGN(ExprPtr first, sum());
  std::vector<ExprPtr> kids;
  std::vector<Op> ops;
  kids.push_back(std::move(first));
  for (;;) {
    const auto* found = std::find_if(std::begin(kNames), std::end(kNames),
                                     [this](const Name& n) { return peek().is(n.op); });
    if (found != std::end(kNames)) {
      ops.push_back(found->value);
      ++at_;
    } else if (skip_name("in")) {
      ops.push_back(Op::kIn);
    } else if (peek().is_name("not") && peek(1).is_name("in")) {
      ops.push_back(Op::kNotIn);
      at_ += 2;
    } else {
      break;
    }
    HEARTH_ASSIGN(ExprPtr next, sum());
    kids.push_back(std::move(next));
  }
  if (ops.empty()) return std::move(kids[0]);
  HEARTH_ASSIGN(ExprPtr e, node(ExprKind::kCompare, std::move(kids)));
  e->ops = std::move(ops);
  return e;
}

Result<ExprPtr> Parser::sum() {
  HEARTH_ASSIGN(ExprPtr left, concatenation());
  while (peek().is("+") || peek().is("-")) {
    const Op op = peek().is("+") ? Op::kAdd : Op::kSub;
    ++at_;
    HEARTH_ASSIGN(ExprPtr right, concatenation());
    HEARTH_ASSIGN(left, binary(op, std::move(left), std::move(right)));
  }
  return left;
}

Result<ExprPtr> Parser::concatenation() {
  HEARTH_ASSIGN(ExprPtr first, product());
  if (!peek().is("~")) return first;
  std::vector<ExprPtr> kids;
  kids.push_back(std::move(first));
  while (skip_op("~")) {
    HEARTH_ASSIGN(ExprPtr next, product());
    kids.push_back(std::move(next));
  }
  return node(ExprKind::kConcat, std::move(kids));
}

Result<ExprPtr> Parser::product() {
  HEARTH_ASSIGN(ExprPtr left, power());
  for (;;) {
    Op op;
    if (peek().is("*")) {
      op = Op::kMul;
    } else if (peek().is("/")) {
      op = Op::kDiv;
    } else if (peek().is("//")) {
      op = Op::kFloorDiv;
    } else if (peek().is("%")) {
      op = Op::kMod;
    } else {
      return left;
    }
    ++at_;
    HEARTH_ASSIGN(ExprPtr right, power());
    HEARTH_ASSIGN(left, binary(op, std::move(left), std::move(right)));
  }
}

Result<ExprPtr> Parser::power() {
  HEARTH_ASSIGN(ExprPtr left, unary(true));
  while (skip_op("**")) {
    HEARTH_ASSIGN(ExprPtr right, unary(true));
    HEARTH_ASSIGN(left, binary(Op::kPow, std::move(left), std::move(right)));
  }
  return left;
}

Result<ExprPtr> Parser::unary(bool with_filters) {
  const DepthGuard guard(*this);
  if (!guard.ok()) return too_deep();
  ExprPtr e;
  if (peek().is("-") || peek().is("+")) {
    const ExprKind kind = peek().is("-") ? ExprKind::kNegative : ExprKind::kPositive;
    ++at_;
    HEARTH_ASSIGN(ExprPtr operand, unary(false));
    std::vector<ExprPtr> kids;
    kids.push_back(std::move(operand));
    HEARTH_ASSIGN(e, node(kind, std::move(kids)));
  } else {
    HEARTH_ASSIGN(e, primary());
  }
  HEARTH_ASSIGN(e, postfix(std::move(e)));
  if (with_filters) return filters_and_tests(std::move(e));
  return e;
}

namespace {

std::optional<Value> number(const Token& t) {
  const char* begin = t.value.data();
  const char* end = begin + t.value.size();
  if (t.kind == TokenKind::kInteger) {
    int64_t i = 0;
    if (std::from_chars(begin, end, i).ec != std::errc()) return std::nullopt;
    return Value(i);
  }
  double d = 0;
  if (std::from_chars(begin, end, d).ec != std::errc()) return std::nullopt;
  return Value(d);
}

std::optional<Value> constant(std::string_view name) {
  if (name == "true" || name == "True") return Value(true);
  if (name == "false" || name == "False") return Value(false);
  if (name == "none" || name == "None") return Value(nullptr);
  return std::nullopt;
}

}  // namespace

Result<ExprPtr> Parser::primary() {
  const Token& t = peek();
  if (t.is("[")) return list();
  if (t.is("{")) return dict();
  if (skip_op("(")) {
    HEARTH_ASSIGN(ExprPtr inner, tuple({.in_parentheses = true}));
    HEARTH_TRY(expect_op(")"));
    return inner;
  }
  HEARTH_ASSIGN(ExprPtr e, node(ExprKind::kLiteral, {}));
  if (t.kind == TokenKind::kName) {
    if (const auto value = constant(t.value)) {
      e->literal = *value;
    } else {
      e->kind = ExprKind::kName;
      e->name = t.value;
      mentioned_.caller |= t.value == "caller";
      mentioned_.varargs |= t.value == "varargs";
      mentioned_.kwargs |= t.value == "kwargs";
    }
    ++at_;
    return e;
  }
  if (t.kind == TokenKind::kString) {
    std::string text;
    while (peek().kind == TokenKind::kString) text += tokens_[at_++].value;
    e->literal = Value(std::move(text));
    return e;
  }
  if (t.kind == TokenKind::kInteger || t.kind == TokenKind::kFloat) {
    const auto value = number(t);
    if (!value) return syntax_error(t.line, fmt::format("the number {} is too large", t.value));
    e->literal = *value;
    ++at_;
    return e;
  }
  return unexpected("an expression");
}

Result<ExprPtr> Parser::list() {
  HEARTH_TRY(expect_op("["));
  std::vector<ExprPtr> items;
  while (!skip_op("]")) {
    if (!items.empty()) {
      HEARTH_TRY(expect_op(","));
      if (skip_op("]")) break;
    }
    HEARTH_ASSIGN(ExprPtr item, expression());
    items.push_back(std::move(item));
  }
  return node(ExprKind::kList, std::move(items));
}

Result<ExprPtr> Parser::dict() {
  HEARTH_TRY(expect_op("{"));
  std::vector<ExprPtr> kids;
  while (!skip_op("}")) {
    if (!kids.empty()) {
      HEARTH_TRY(expect_op(","));
      if (skip_op("}")) break;
    }
    HEARTH_ASSIGN(ExprPtr key, expression());
    HEARTH_TRY(expect_op(":"));
    HEARTH_ASSIGN(ExprPtr value, expression());
    kids.push_back(std::move(key));
    kids.push_back(std::move(value));
  }
  return node(ExprKind::kDict, std::move(kids));
}

Result<ExprPtr> Parser::postfix(ExprPtr e) {
  for (;;) {
    if (peek().is(".") || peek().is("[")) {
      HEARTH_ASSIGN(e, subscript(std::move(e)));
    } else if (peek().is("(")) {
      HEARTH_ASSIGN(e, call(std::move(e)));
    } else {
      return e;
    }
  }
}

Result<ExprPtr> Parser::filters_and_tests(ExprPtr e) {
  for (;;) {
    if (skip_op("|")) {
      HEARTH_ASSIGN(e, filter(std::move(e)));
    } else if (skip_name("is")) {
      HEARTH_ASSIGN(e, test(std::move(e)));
    } else if (peek().is("(")) {
      HEARTH_ASSIGN(e, call(std::move(e)));
    } else {
      return e;
    }
  }
}

Result<ExprPtr> Parser::subscript(ExprPtr object) {
  if (skip_op(".")) {
    const Token& t = peek();
    if (t.kind != TokenKind::kName && t.kind != TokenKind::kInteger)
      return unexpected("a name or number after '.'");
    if (t.kind == TokenKind::kName) {
      std::vector<ExprPtr> kids;
      kids.push_back(std::move(object));
      HEARTH_ASSIGN(ExprPtr e, node(ExprKind::kAttribute, std::move(kids)));
      e->name = t.value;
      ++at_;
      return e;
    }
    HEARTH_ASSIGN(ExprPtr index, primary());
    return node(ExprKind::kItem, kids_of(std::move(object), std::move(index)));
  }
  HEARTH_TRY(expect_op("["));
  ExprPtr first;
  if (!peek().is(":")) {
    HEARTH_ASSIGN(first, tuple({}));
  }
  if (peek().is(":")) return slice(std::move(object), std::move(first));
  HEARTH_TRY(expect_op("]"));
  return node(ExprKind::kItem, kids_of(std::move(object), std::move(first)));
}

Result<ExprPtr> Parser::slice(ExprPtr object, ExprPtr first) {
  std::vector<ExprPtr> kids = kids_of(std::move(object), std::move(first));
  kids.resize(4);
  for (size_t i = 2; i < 4 && skip_op(":"); ++i) {
    if (peek().is(":") || peek().is("]")) continue;
    HEARTH_ASSIGN(kids[i], expression());
  }
  HEARTH_TRY(expect_op("]"));
  return node(ExprKind::kSlice, std::move(kids));
}

Result<void> Parser::arguments(Expr& e) {
  HEARTH_TRY(expect_op("("));
  bool first = true;
  while (!skip_op(")")) {
    if (!first) {
      HEARTH_TRY(expect_op(","));
      if (skip_op(")")) break;
    }
    first = false;
    if (peek().is("*") && !e.star && !e.star_star) {
      ++at_;
      HEARTH_ASSIGN(e.star, expression());
    } else if (peek().is("**") && !e.star_star) {
      ++at_;
      HEARTH_ASSIGN(e.star_star, expression());
    } else if (peek().kind == TokenKind::kName && peek(1).is("=") && !e.star_star) {
      std::string name = peek().value;
      at_ += 2;
      HEARTH_ASSIGN(ExprPtr value, expression());
      e.named.emplace_back(std::move(name), std::move(value));
    } else {
      if (e.star || e.star_star || !e.named.empty())
        return syntax_error(peek().line, "a positional argument follows a named one");
      HEARTH_ASSIGN(ExprPtr value, expression());
      e.kids.push_back(std::move(value));
    }
  }
  return {};
}

Result<ExprPtr> Parser::call(ExprPtr callee) {
  std::vector<ExprPtr> kids;
  kids.push_back(std::move(callee));
  HEARTH_ASSIGN(ExprPtr e, node(ExprKind::kCall, std::move(kids)));
  HEARTH_TRY(arguments(*e));
  return finished(std::move(e));
}

// After the '|'.
Result<ExprPtr> Parser::filter(ExprPtr input) {
  if (peek().kind != TokenKind::kName) return unexpected("the name of a filter");
  std::vector<ExprPtr> kids;
  kids.push_back(std::move(input));
  HEARTH_ASSIGN(ExprPtr e, node(ExprKind::kFilter, std::move(kids)));
  e->name = peek().value;
  ++at_;
  if (peek().is("(")) HEARTH_TRY(arguments(*e));
  return finished(std::move(e));
}

// After `is`. One argument may follow without parentheses: "x is divisibleby 3".
Result<ExprPtr> Parser::test(ExprPtr input) {
  const bool negated = skip_name("not");
  if (peek().kind != TokenKind::kName) return unexpected("the name of a test");
  std::vector<ExprPtr> kids;
  kids.push_back(std::move(input));
  HEARTH_ASSIGN(ExprPtr e, node(ExprKind::kTest, std::move(kids)));
  e->name = peek().value;
  ++at_;
  const Token& t = peek();
  const bool starts_value = t.kind == TokenKind::kName || t.kind == TokenKind::kString ||
                            t.kind == TokenKind::kInteger || t.kind == TokenKind::kFloat ||
                            t.is("[") || t.is("{");
  const bool is_word = t.is_name("else") || t.is_name("or") || t.is_name("and");
  if (t.is("(")) {
    HEARTH_TRY(arguments(*e));
  } else if (starts_value && !is_word) {
    if (t.is_name("is")) return syntax_error(t.line, "tests cannot be chained with 'is'");
    HEARTH_ASSIGN(ExprPtr argument, primary());
    HEARTH_ASSIGN(argument, postfix(std::move(argument)));
    e->kids.push_back(std::move(argument));
  }
  HEARTH_ASSIGN(e, finished(std::move(e)));
  if (!negated) return e;
  std::vector<ExprPtr> inner;
  inner.push_back(std::move(e));
  return node(ExprKind::kNot, std::move(inner));
}

}  // namespace hearth::text::jinja
