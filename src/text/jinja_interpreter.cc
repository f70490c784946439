// Statements. Expressions are in jinja_interpreter_expr.cc.
#include "text/jinja_interpreter.h"

#include <fmt/format.h>

#include "text/jinja_interpreter_guard.h"

namespace hearth::text::jinja {
namespace {

std::string_view construct_name(StmtKind kind) {
  switch (kind) {
    case StmtKind::kText:
    case StmtKind::kOutput:
      return "{{ }}";
    case StmtKind::kIf:
      return "{% if %}";
    case StmtKind::kFor:
      return "{% for %}";
    case StmtKind::kSet:
    case StmtKind::kSetBlock:
      return "{% set %}";
    case StmtKind::kMacro:
      return "{% macro %}";
    case StmtKind::kCallBlock:
      return "{% call %}";
    case StmtKind::kFilterBlock:
      return "{% filter %}";
    case StmtKind::kWith:
      return "{% with %}";
    case StmtKind::kScope:
      return "{% block %}";
    case StmtKind::kGeneration:
      return "{% generation %}";
    case StmtKind::kBreak:
    case StmtKind::kContinue:
      return "{% break %}";
  }
  return "";
}

}  // namespace

Result<Rendering> Interpreter::run(const Body& body) {
  scope_ = std::make_shared<Scope>();
  out_ = &main_;
  run_body(body);
  scope_.reset();
  if (ok()) return Rendering{std::move(main_), std::move(generated_)};
  if (raised_)
    return ::hearth::fail(
        ErrorCode::kInvalidArgument,
        fmt::format("the model's chat template refuses this conversation: {}", error_),
        fmt::format("it says so in line {}; change the messages, or use another template",
                    error_line_));
  return ::hearth::fail(
      ErrorCode::kInvalidArgument,
      fmt::format("chat template, line {}, {}: {}", error_line_, error_construct_, error_),
      "the messages may lack something that this template needs; or use another template");
}

Interpreter::Flow Interpreter::run_body(const Body& body) {
  for (const auto& stmt : body) {
    const Flow flow = run_stmt(*stmt);
    if (!ok() || flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run_stmt(const Stmt& stmt) {
  const Guard guard(*this, stmt.line);
  if (!guard.ok()) return Flow::kNext;
  const Flow flow = run_simple(stmt);
  if (!ok() && error_construct_.empty()) error_construct_ = construct_name(stmt.kind);
  return flow;
}

Interpreter::Flow Interpreter::run_simple(const Stmt& stmt) {
  switch (stmt.kind) {
    case StmtKind::kText:
      tick(stmt.text.size() / 16);
      out_->append(stmt.text);
      break;
    case StmtKind::kOutput:
      for (const ExprPtr& e : stmt.exprs) output(eval(*e));
      break;
    case StmtKind::kIf:
      return run_if(stmt);
    case StmtKind::kFor:
      return run_for(stmt);
    case StmtKind::kSet:
      assign(stmt.targets[0], eval(*stmt.exprs[0]));
      break;
    case StmtKind::kSetBlock:
    case StmtKind::kFilterBlock: {
      Value v = text(capture(stmt.bodies[0]));
      if (stmt.exprs[0]) {
        const Value input = v;
        const Value* outer = std::exchange(filter_input_, &input);
        v = eval(*stmt.exprs[0]);
        filter_input_ = outer;
      }
      if (stmt.kind == StmtKind::kFilterBlock) {
        output(v);
      } else {
        assign(stmt.targets[0], std::move(v));
      }
      break;
    }
    case StmtKind::kMacro:
      set_variable(stmt.text,
                   Value(std::shared_ptr<Object>(std::make_shared<Macro>(stmt, scope_))));
      break;
    case StmtKind::kCallBlock:
      run_call_block(stmt);
      break;
    case StmtKind::kWith:
      run_with(stmt);
      break;
    case StmtKind::kScope:
      return run_scoped(stmt.bodies[0]);
    case StmtKind::kGeneration:
      run_generation(stmt);
      break;
    case StmtKind::kBreak:
      return Flow::kBreak;
    case StmtKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

void Interpreter::output(const Value& v) {
  if (!ok()) return;
  const MarkedText shown = to_text(v);
  tick(shown.size() / 16);
  if (shown.size() >
      limits().max_output_bytes - std::min(out_->size(), limits().max_output_bytes)) {
    fail(fmt::format("the output passed the limit of {} bytes", limits().max_output_bytes));
    return;
  }
  out_->append(shown);
}

MarkedText Interpreter::capture(const Body& body) {
  MarkedText captured;
  MarkedText* outer = std::exchange(out_, &captured);
  run_scoped(body);
  out_ = outer;
  return captured;
}

Interpreter::Flow Interpreter::run_scoped(const Body& body) {
  auto inner = std::make_shared<Scope>();
  inner->parent = scope_;
  const auto outer = std::exchange(scope_, std::move(inner));
  const Flow flow = run_body(body);
  scope_ = outer;
  return flow;
}

Interpreter::Flow Interpreter::run_if(const Stmt& stmt) {
  for (size_t i = 0; i < stmt.exprs.size(); ++i) {
    const bool holds = truthy(eval(*stmt.exprs[i]));
    if (!ok()) return Flow::kNext;
    if (holds) return run_body(stmt.bodies[i]);
  }
  return stmt.bodies.size() > stmt.exprs.size() ? run_body(stmt.bodies.back()) : Flow::kNext;
}

Interpreter::Flow Interpreter::run_for(const Stmt& stmt) {
  const Value iterable = eval(*stmt.exprs[0]);
  if (!ok()) return Flow::kNext;
  run_loop(stmt, iterate(iterable), 0);
  return Flow::kNext;
}

void Interpreter::run_loop(const Stmt& stmt, std::vector<Value> items, int depth) {
  const auto outer = scope_;
  const auto enter = [&] {
    scope_ = std::make_shared<Scope>();
    scope_->parent = outer;
  };
  if (stmt.exprs[1]) {
    std::vector<Value> kept;
    for (Value& item : items) {
      enter();
      assign(stmt.targets[0], item);
      const bool keep = truthy(eval(*stmt.exprs[1]));
      if (!ok()) break;
      if (keep) kept.push_back(std::move(item));
    }
    items = std::move(kept);
  }
  auto loop = std::make_shared<Loop>(std::move(items));
  if (loop->nesting > kMaxNesting) {
    fail("the loop's items are nested too deeply");
    scope_ = outer;
    return;
  }
  loop->depth = depth;
  loop->recursive = stmt.recursive ? &stmt : nullptr;
  const Value loop_value{std::shared_ptr<Object>(loop)};
  const size_t n = loop->items.size();
  for (; loop->index < n && tick(); ++loop->index) {
    enter();
    set_variable("loop", loop_value);
    assign(stmt.targets[0], loop->items[loop->index]);
    if (!ok() || run_body(stmt.bodies[0]) == Flow::kBreak) break;
  }
  loop->last_changed.reset();  // may hold the loop itself
  scope_ = outer;
  if (n == 0 && ok()) run_scoped(stmt.bodies[1]);
}

void Interpreter::run_call_block(const Stmt& stmt) {
  const Expr& e = *stmt.exprs[0];
  const Value callee = eval(*e.kids[0]);
  Args args = eval_args(e);
  // A macro like any other, but without a name; it sees the variables around the block.
  args.named.emplace_back("caller",
                          Value(std::shared_ptr<Object>(std::make_shared<Macro>(stmt, scope_))));
  if (ok()) output(call(callee, args));
}

void Interpreter::run_with(const Stmt& stmt) {
  std::vector<Value> values;
  for (const ExprPtr& e : stmt.exprs) values.push_back(eval(*e));
  auto inner = std::make_shared<Scope>();
  inner->parent = scope_;
  const auto outer = std::exchange(scope_, std::move(inner));
  for (size_t i = 0; i < values.size(); ++i) assign(stmt.targets[i], std::move(values[i]));
  run_body(stmt.bodies[0]);
  scope_ = outer;
}

void Interpreter::run_generation(const Stmt& stmt) {
  const size_t begin = out_->size();
  run_scoped(stmt.bodies[0]);
  if (out_ == &main_ && ok()) generated_.push_back({begin, out_->size()});
}

void Interpreter::set_variable(std::string_view name, Value v) {
  for (auto& [known, value] : scope_->variables) {
    if (known == name) {
      value = std::move(v);
      return;
    }
  }
  scope_->variables.emplace_back(name, std::move(v));
}

void Interpreter::assign(const Target& target, Value v) {
  if (!ok()) return;
  if (!target.items.empty()) {
    const std::vector<Value> values = iterate(v);
    if (!ok()) return;
    if (values.size() != target.items.size()) {
      fail(fmt::format("cannot unpack {} value(s) into {} name(s)", values.size(),
                       target.items.size()));
      return;
    }
    for (size_t i = 0; i < values.size(); ++i) assign(target.items[i], values[i]);
    return;
  }
  if (target.attribute.empty()) return set_variable(target.name, std::move(v));
  Expr name{};
  name.kind = ExprKind::kName;
  name.name = target.name;
  const Value holder = lookup(name);
  if (!holder.is_object(ObjectType::kNamespace)) {
    fail("cannot assign attribute on non-namespace object");
    return;
  }
  auto& attributes = static_cast<Namespace&>(holder.object()).attributes;
  for (auto& [known, value] : attributes) {
    if (known == target.attribute) {
      value = std::move(v);
      return;
    }
  }
  attributes.emplace_back(target.attribute, std::move(v));
}

}  // namespace hearth::text::jinja
