// The parser's class, shared by its two files. Recursive descent after the grammar of Jinja 3.1;
// the depth of calls and of the tree is bounded, so that no source can exhaust the stack here or in
// the interpreter.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja_ast.h"
#include "text/jinja_lexer.h"

namespace hearth::text::jinja {

class Parser {
 public:
  Parser(std::vector<Token> tokens, int max_depth)
      : tokens_(std::move(tokens)), max_depth_(max_depth) {}
  Result<Body> parse();

 private:
  class DepthGuard {
   public:
    explicit DepthGuard(Parser& p) : parser_(p) { ++parser_.depth_; }
    ~DepthGuard() { --parser_.depth_; }
    DepthGuard(const DepthGuard&) = delete;
    DepthGuard& operator=(const DepthGuard&) = delete;
    [[nodiscard]] bool ok() const { return parser_.depth_ <= parser_.max_depth_; }

   private:
    Parser& parser_;
  };

  struct TupleRules {
    bool conditional = true;         // items may be "a if b else c"
    bool in_parentheses = false;     // may be empty
    std::string_view end_name = {};  // a name that ends the tuple
  };
  // Names whose mention changes what a macro accepts.
  struct Mentioned {
    bool caller = false;
    bool varargs = false;
    bool kwargs = false;
  };

  // tokens
  [[nodiscard]] const Token& peek(size_t n = 0) const {
    return tokens_[std::min(at_ + n, tokens_.size() - 1)];
  }
  bool skip_op(std::string_view op) { return peek().is(op) && (++at_, true); }
  bool skip_name(std::string_view name) { return peek().is_name(name) && (++at_, true); }
  Result<void> expect(TokenKind kind, std::string_view wanted);
  Result<void> expect_op(std::string_view op);
  Result<void> block_end() { return expect(TokenKind::kBlockEnd, "'%}'"); }
  [[nodiscard]] std::unexpected<Error> unexpected(std::string_view wanted) const;
  [[nodiscard]] std::unexpected<Error> too_deep() const {
    return syntax_error(peek().line, "nested too deeply");
  }

  // statements
  Result<Body> statements(std::vector<std::string_view> ends, std::string_view opener);
  Result<Body> body_until(std::string_view end, std::string_view opener);
  Result<std::unique_ptr<Stmt>> statement();
  Result<std::unique_ptr<Stmt>> if_tag();
  Result<std::unique_ptr<Stmt>> for_tag();
  Result<std::unique_ptr<Stmt>> set_tag();
  Result<std::unique_ptr<Stmt>> macro_tag();
  Result<std::unique_ptr<Stmt>> call_tag();
  Result<std::unique_ptr<Stmt>> filter_tag();
  Result<std::unique_ptr<Stmt>> with_tag();
  Result<std::unique_ptr<Stmt>> scope_tag();
  Result<std::unique_ptr<Stmt>> generation_tag();
  Result<std::unique_ptr<Stmt>> print_tag();
  Result<std::unique_ptr<Stmt>> jump_tag();
  Result<void> signature(Stmt& stmt);
  Result<Target> target(std::string_view end, bool with_namespace);
  [[nodiscard]] std::unique_ptr<Stmt> make(StmtKind kind) const {
    auto stmt = std::make_unique<Stmt>();
    stmt->kind = kind;
    stmt->line = peek().line;
    return stmt;
  }

  // expressions, loosest first
  Result<ExprPtr> tuple(TupleRules rules);
  Result<ExprPtr> expression();
  Result<ExprPtr> disjunction();
  Result<ExprPtr> conjunction();
  Result<ExprPtr> negation();
  Result<ExprPtr> comparison();
  Result<ExprPtr> sum();
  Result<ExprPtr> concatenation();
  Result<ExprPtr> product();
  Result<ExprPtr> power();
  Result<ExprPtr> unary(bool with_filters);
  Result<ExprPtr> primary();
  Result<ExprPtr> list();
  Result<ExprPtr> dict();
  Result<ExprPtr> postfix(ExprPtr e);
  Result<ExprPtr> filters_and_tests(ExprPtr e);
  Result<ExprPtr> subscript(ExprPtr e);
  Result<ExprPtr> slice(ExprPtr object, ExprPtr first);
  Result<ExprPtr> call(ExprPtr callee);
  Result<ExprPtr> filter(ExprPtr input);
  Result<ExprPtr> test(ExprPtr input);
  Result<void> arguments(Expr& e);
  Result<ExprPtr> node(ExprKind kind, std::vector<ExprPtr> kids);
  Result<ExprPtr> binary(Op op, ExprPtr left, ExprPtr right);
  Result<ExprPtr> finished(ExprPtr e);

  std::vector<Token> tokens_;
  int max_depth_;
  size_t at_ = 0;
  int depth_ = 0;
  int loops_ = 0;  // around the current place
  std::string end_tag_;
  Mentioned mentioned_;
};

}  // namespace hearth::text::jinja
