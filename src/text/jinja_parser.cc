// Statements of the template language. Expressions are in jinja_parser_expr.cc.
#include "text/jinja_parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja_parser_impl.h"

namespace hearth::text::jinja {

Result<Body> Parser::parse() {
  HEARTH_ASSIGN(Body body, statements({}, "template"));
  return body;
}

std::unexpected<Error> Parser::unexpected(std::string_view wanted) const {
  const Token& t = peek();
  std::string got;
  switch (t.kind) {
    case TokenKind::kEnd:
      got = "end of template";
      break;
    case TokenKind::kVariableEnd:
      got = "'}}'";
      break;
    case TokenKind::kBlockEnd:
      got = "'%}'";
      break;
    default:
      got = fmt::format("'{}'", t.value);
  }
  return syntax_error(t.line, fmt::format("expected {}, found {}", wanted, got));
}

Result<void> Parser::expect(TokenKind kind, std::string_view wanted) {
  if (peek().kind != kind) return unexpected(wanted);
  ++at_;
  return {};
}

Result<void> Parser::expect_op(std::string_view op) {
  if (!skip_op(op)) return unexpected(fmt::format("'{}'", op));
  return {};
}

// Until a block tag whose name is in `ends`; that tag's name is consumed and left in end_tag_.
Result<Body> Parser::statements(std::vector<std::string_view> ends, std::string_view opener) {
  const int line = peek().line;
  const DepthGuard guard(*this);
  if (!guard.ok()) return too_deep();
  Body body;
  for (;;) {
    const Token& t = peek();
    if (t.kind == TokenKind::kEnd) {
      if (ends.empty()) return body;
      return syntax_error(
          line, fmt::format("'{{% {} %}}' is never closed with '{{% {} %}}'", opener, ends.back()));
    }
    if (t.kind == TokenKind::kText) {
      body.push_back(make(StmtKind::kText));
      body.back()->text = t.value;
      ++at_;
    } else if (t.kind == TokenKind::kVariableBegin) {
      body.push_back(make(StmtKind::kOutput));
      ++at_;
      HEARTH_ASSIGN(ExprPtr e, tuple({}));
      body.back()->exprs.push_back(std::move(e));
      HEARTH_TRY(expect(TokenKind::kVariableEnd, "'}}'"));
    } else {
      HEARTH_TRY(expect(TokenKind::kBlockBegin, "a tag"));
      if (peek().kind != TokenKind::kName) return unexpected("the name of a tag");
      if (std::find(ends.begin(), ends.end(), peek().value) != ends.end()) {
        end_tag_ = peek().value;
        ++at_;
        return body;
      }
      HEARTH_ASSIGN(auto stmt, statement());
      if (stmt) body.push_back(std::move(stmt));
    }
  }
}

// The body after the '%}' of an opening tag, and its end tag with '%}'.
Result<Body> Parser::body_until(std::string_view end, std::string_view opener) {
  HEARTH_TRY(block_end());
  HEARTH_ASSIGN(Body body, statements({end}, opener));
  // {% endblock name %} and {% endmacro name %} may repeat the name
  if ((end == "endblock" || end == "endmacro") && peek().kind == TokenKind::kName) ++at_;
  HEARTH_TRY(block_end());
  return body;
}

Result<std::unique_ptr<Stmt>> Parser::statement() {
  struct Tag {
    std::string_view name;
    Result<std::unique_ptr<Stmt>> (Parser::*parse)();
  };
  static constexpr Tag kTags[] = {
      {"if", &Parser::if_tag},
      {"for", &Parser::for_tag},
      {"set", &Parser::set_tag},
      {"macro", &Parser::macro_tag},
      {"call", &Parser::call_tag},
      {"filter", &Parser::filter_tag},
      {"with", &Parser::with_tag},
      {"block", &Parser::scope_tag},
      {"autoescape", &Parser::scope_tag},
      {"generation", &Parser::generation_tag},
      {"print", &Parser::print_tag},
      {"break", &Parser::jump_tag},
      {"continue", &Parser::jump_tag},
  };
  const Token& name = peek();
  for (const Tag& tag : kTags) {
    if (tag.name == name.value) return (this->*tag.parse)();
  }
  for (const std::string_view other : {"include", "import", "from", "extends"}) {
    if (name.value == other)
      return syntax_error(
          name.line,
          fmt::format("'{{% {} %}}' is not supported: a chat template is one file", other));
  }
  if (name.value.starts_with("end") || name.value == "else" || name.value == "elif")
    return syntax_error(name.line, fmt::format("'{{% {} %}}' closes nothing", name.value));
  return syntax_error(name.line, fmt::format("unknown tag '{{% {} %}}'", name.value));
}

Result<std::unique_ptr<Stmt>> Parser::if_tag() {
  auto stmt = make(StmtKind::kIf);
  for (;;) {
    ++at_;  // if, elif
    HEARTH_ASSIGN(ExprPtr condition, tuple({.conditional = false}));
    stmt->exprs.push_back(std::move(condition));
    HEARTH_TRY(block_end());
    HEARTH_ASSIGN(Body body, statements({"elif", "else", "endif"}, "if"));
    stmt->bodies.push_back(std::move(body));
    if (end_tag_ != "elif") break;
    --at_;
  }
  if (end_tag_ == "else") {
    HEARTH_ASSIGN(Body body, body_until("endif", "if"));
    stmt->bodies.push_back(std::move(body));
    return stmt;
  }
  HEARTH_TRY(block_end());
  return stmt;
}

Result<std::unique_ptr<Stmt>> Parser::for_tag() {
  auto stmt = make(StmtKind::kFor);
  ++at_;
  HEARTH_ASSIGN(Target t, target("in", false));
  stmt->targets.push_back(std::move(t));
  if (!skip_name("in")) return unexpected("'in'");
  HEARTH_ASSIGN(ExprPtr iterable, tuple({.conditional = false, .end_name = "recursive"}));
  stmt->exprs.push_back(std::move(iterable));
  stmt->exprs.push_back(nullptr);
  if (skip_name("if")) {
    HEARTH_ASSIGN(stmt->exprs[1], expression());
  }
  stmt->recursive = skip_name("recursive");
  HEARTH_TRY(block_end());
  ++loops_;
  HEARTH_ASSIGN(Body body, statements({"else", "endfor"}, "for"));
  --loops_;
  stmt->bodies.push_back(std::move(body));
  stmt->bodies.emplace_back();
  if (end_tag_ == "else") {
    HEARTH_ASSIGN(stmt->bodies[1], body_until("endfor", "for"));
    return stmt;
  }
  HEARTH_TRY(block_end());
  return stmt;
}

Result<std::unique_ptr<Stmt>> Parser::set_tag() {
  auto stmt = make(StmtKind::kSet);
  ++at_;
  HEARTH_ASSIGN(Target t, target("", true));
  stmt->targets.push_back(std::move(t));
  if (skip_op("=")) {
    HEARTH_ASSIGN(ExprPtr value, tuple({}));
    stmt->exprs.push_back(std::move(value));
    HEARTH_TRY(block_end());
    return stmt;
  }
  stmt->kind = StmtKind::kSetBlock;
  ExprPtr filters;
  while (skip_op("|")) {
    HEARTH_ASSIGN(filters, filter(std::move(filters)));
  }
  stmt->exprs.push_back(std::move(filters));
  HEARTH_ASSIGN(Body body, body_until("endset", "set"));
  stmt->bodies.push_back(std::move(body));
  return stmt;
}

Result<std::unique_ptr<Stmt>> Parser::macro_tag() {
  auto stmt = make(StmtKind::kMacro);
  ++at_;
  if (peek().kind != TokenKind::kName) return unexpected("the name of the macro");
  stmt->text = peek().value;
  ++at_;
  HEARTH_TRY(signature(*stmt));
  // A loop around the macro is not one that the macro's body can break.
  const int outer_loops = std::exchange(loops_, 0);
  const Mentioned outer = std::exchange(mentioned_, {});
  HEARTH_ASSIGN(Body body, body_until("endmacro", "macro"));
  loops_ = outer_loops;
  stmt->bodies.push_back(std::move(body));
  stmt->uses_caller = mentioned_.caller;
  stmt->uses_varargs = mentioned_.varargs;
  stmt->uses_kwargs = mentioned_.kwargs;
  mentioned_ = outer;
  return stmt;
}

Result<void> Parser::signature(Stmt& stmt) {
  HEARTH_TRY(expect_op("("));
  while (!skip_op(")")) {
    if (!stmt.params.empty()) HEARTH_TRY(expect_op(","));
    if (peek().kind != TokenKind::kName) return unexpected("the name of a parameter");
    stmt.params.push_back(peek().value);
    ++at_;
    if (skip_op("=")) {
      HEARTH_ASSIGN(ExprPtr value, expression());
      stmt.defaults.push_back(std::move(value));
    } else if (!stmt.defaults.empty()) {
      return syntax_error(peek().line, "a parameter without default follows one with a default");
    }
  }
  return {};
}

Result<std::unique_ptr<Stmt>> Parser::call_tag() {
  auto stmt = make(StmtKind::kCallBlock);
  ++at_;
  if (peek().is("(")) HEARTH_TRY(signature(*stmt));
  HEARTH_ASSIGN(ExprPtr call, expression());
  if (call->kind != ExprKind::kCall)
    return syntax_error(stmt->line, "'{% call %}' needs a call of a macro");
  stmt->exprs.push_back(std::move(call));
  const int outer_loops = std::exchange(loops_, 0);
  HEARTH_ASSIGN(Body body, body_until("endcall", "call"));
  loops_ = outer_loops;
  stmt->bodies.push_back(std::move(body));
  return stmt;
}

Result<std::unique_ptr<Stmt>> Parser::filter_tag() {
  auto stmt = make(StmtKind::kFilterBlock);
  ++at_;
  HEARTH_ASSIGN(ExprPtr filters, filter(nullptr));
  while (skip_op("|")) {
    HEARTH_ASSIGN(filters, filter(std::move(filters)));
  }
  stmt->exprs.push_back(std::move(filters));
  HEARTH_ASSIGN(Body body, body_until("endfilter", "filter"));
  stmt->bodies.push_back(std::move(body));
  return stmt;
}

Result<std::unique_ptr<Stmt>> Parser::with_tag() {
  auto stmt = make(StmtKind::kWith);
  ++at_;
  while (peek().kind != TokenKind::kBlockEnd) {
    if (!stmt->targets.empty()) HEARTH_TRY(expect_op(","));
    HEARTH_ASSIGN(Target t, target("", false));
    stmt->targets.push_back(std::move(t));
    HEARTH_TRY(expect_op("="));
    HEARTH_ASSIGN(ExprPtr value, expression());
    stmt->exprs.push_back(std::move(value));
  }
  HEARTH_ASSIGN(Body body, body_until("endwith", "with"));
  stmt->bodies.push_back(std::move(body));
  return stmt;
}

// block and autoescape: nothing to inherit from and nothing to escape, so what remains is the
// scope.
Result<std::unique_ptr<Stmt>> Parser::scope_tag() {
  auto stmt = make(StmtKind::kScope);
  const std::string name = peek().value;
  ++at_;
  HEARTH_ASSIGN(ExprPtr ignored, expression());
  while (skip_name("scoped") || skip_name("required")) {
  }
  HEARTH_ASSIGN(Body body, body_until(name == "block" ? "endblock" : "endautoescape", name));
  stmt->bodies.push_back(std::move(body));
  return stmt;
}

Result<std::unique_ptr<Stmt>> Parser::generation_tag() {
  auto stmt = make(StmtKind::kGeneration);
  ++at_;
  HEARTH_ASSIGN(Body body, body_until("endgeneration", "generation"));
  stmt->bodies.push_back(std::move(body));
  return stmt;
}

Result<std::unique_ptr<Stmt>> Parser::print_tag() {
  auto stmt = make(StmtKind::kOutput);
  ++at_;
  while (peek().kind != TokenKind::kBlockEnd) {
    if (!stmt->exprs.empty()) HEARTH_TRY(expect_op(","));
    HEARTH_ASSIGN(ExprPtr e, expression());
    stmt->exprs.push_back(std::move(e));
  }
  HEARTH_TRY(block_end());
  return stmt;
}

Result<std::unique_ptr<Stmt>> Parser::jump_tag() {
  auto stmt = make(peek().value == "break" ? StmtKind::kBreak : StmtKind::kContinue);
  if (loops_ == 0)
    return syntax_error(peek().line, fmt::format("'{{% {} %}}' outside of a loop", peek().value));
  ++at_;
  HEARTH_TRY(block_end());
  return stmt;
}

// Names, tuples of names, in `set` also namespace attributes. Ends before the name `end`.
Result<Target> Parser::target(std::string_view end, bool with_namespace) {
  const DepthGuard guard(*this);
  if (!guard.ok()) return too_deep();
  std::vector<Target> items;
  bool is_tuple = false;
  for (;;) {
    if (peek().is_name(end) || peek().is(")") || peek().is("=")) break;
    Target item;
    if (skip_op("(")) {
      HEARTH_ASSIGN(item, target("", with_namespace));
      HEARTH_TRY(expect_op(")"));
    } else {
      if (peek().kind != TokenKind::kName) return unexpected("the name of a variable");
      for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
        if (peek().value == constant)
          return syntax_error(peek().line, fmt::format("cannot assign to '{}'", constant));
      }
      item.name = peek().value;
      ++at_;
      if (with_namespace && skip_op(".")) {
        if (peek().kind != TokenKind::kName) return unexpected("the name of an attribute");
        item.attribute = peek().value;
        ++at_;
      }
    }
    items.push_back(std::move(item));
    if (!skip_op(",")) break;
    is_tuple = true;
  }
  if (items.empty()) return unexpected("the name of a variable");
  if (!is_tuple) return std::move(items[0]);
  Target tuple_target;
  tuple_target.items = std::move(items);
  return tuple_target;
}

Result<Body> parse_template(std::string_view source, int max_depth) {
  HEARTH_ASSIGN(std::vector<Token> tokens, tokenize_template(source));
  return Parser(std::move(tokens), max_depth).parse();
}

}  // namespace hearth::text::jinja
