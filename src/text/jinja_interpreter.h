// Runs a syntax tree. One Interpreter is one rendering; it is used once and not shared.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/jinja_ast.h"
#include "text/jinja_runtime.h"

namespace hearth::text::jinja {

struct ByteRange {
  size_t begin;
  size_t end;

  bool operator==(const ByteRange&) const = default;
};

struct Rendering {
  MarkedText text;
  std::vector<ByteRange> generated;  // what stood in {% generation %} blocks
};

class Interpreter : public Runtime {
 public:
  Interpreter(const TemplateLimits& limits, std::optional<CivilTime> now, const Dict& context)
      : Runtime(limits, now), context_(context) {}

  // Errors name the line and the construct.
  Result<Rendering> run(const Body& body);

 private:
  // Variables of a block. A macro knows the scope around it only weakly: a scope may hold the
  // macro.
  struct Scope {
    std::shared_ptr<Scope> parent;
    std::vector<std::pair<std::string_view, Value>> variables;  // names live in the syntax tree
  };
  struct Macro : Object {
    Macro(const Stmt& s, std::weak_ptr<Scope> around)
        : Object(ObjectType::kMacro), stmt(s), scope(std::move(around)) {}
    const Stmt& stmt;
    std::weak_ptr<Scope> scope;
  };
  enum class Flow : uint8_t { kNext, kBreak, kContinue };
  class Guard;

  // statements
  Flow run_body(const Body& body);
  Flow run_stmt(const Stmt& stmt);
  Flow run_simple(const Stmt& stmt);
  Flow run_if(const Stmt& stmt);
  Flow run_for(const Stmt& stmt);
  void run_loop(const Stmt& stmt, std::vector<Value> items, int depth);
  void run_call_block(const Stmt& stmt);
  void run_with(const Stmt& stmt);
  void run_generation(const Stmt& stmt);
  Flow run_scoped(const Body& body);
  MarkedText capture(const Body& body);
  void output(const Value& v);
  void assign(const Target& target, Value v);
  void set_variable(std::string_view name, Value v);

  // expressions
  Value eval(const Expr& e);
  Value eval_kind(const Expr& e);
  Value eval_dict(const Expr& e);
  Value eval_logic(const Expr& e);
  Value eval_concat(const Expr& e);
  Value eval_compare(const Expr& e);
  Value eval_slice(const Expr& e);
  Value eval_test(const Expr& e);
  Value eval_filter(const Expr& e);
  Value lookup(const Expr& e);
  std::vector<Value> eval_all(const std::vector<ExprPtr>& kids, size_t first = 0);
  Args eval_args(const Expr& e);
  Value call(const Value& callee, const Args& args);
  Value call_macro(const Macro& macro, const Args& args);
  bool bind(const Stmt& stmt, const Args& args, Scope& scope);

  const Dict& context_;
  std::shared_ptr<Scope> scope_;
  MarkedText* out_ = nullptr;
  MarkedText main_;
  std::vector<ByteRange> generated_;
  const Value* filter_input_ = nullptr;  // what a filter chain without input starts from
  int depth_ = 0;
  int error_line_ = 0;
  std::string error_construct_;
};

}  // namespace hearth::text::jinja
