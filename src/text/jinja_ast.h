// The syntax tree of a template: made by the parser, walked by the interpreter. Plain data; every
// node knows its line.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja_value.h"

namespace hearth::text::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

enum class ExprKind : uint8_t {
  kLiteral,    // literal
  kName,       // name
  kList,       // kids
  kTuple,      // kids
  kDict,       // kids: key, value, key, value, ...
  kAttribute,  // kids[0] . name
  kItem,       // kids[0] [ kids[1] ]
  kSlice,      // kids[0] [ kids[1] : kids[2] : kids[3] ], any of the three may be null
  kCall,       // kids[0] ( kids[1..], named, *star, **star_star )
  kFilter,     // kids[0] | name ( kids[1..], ... ); kids[0] is null at the front of a filter block
  kTest,       // kids[0] is name kids[1..]
  kNot,        // kids[0]
  kNegative,   // kids[0]
  kPositive,   // kids[0]
  kBinary,     // kids[0] op kids[1]
  kAnd,        // kids, all
  kOr,         // kids, all
  kConcat,     // kids, all
  kCompare,    // kids[0] ops[0] kids[1] ops[1] kids[2] ...
  kConditional,  // kids[1] if kids[0] else kids[2] (may be null)
};

enum class Op : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kFloorDiv,
  kMod,
  kPow,
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kIn,
  kNotIn,
};

struct Expr {
  ExprKind kind;
  int line;
  std::string name;
  Value literal;
  std::vector<Op> ops;
  std::vector<ExprPtr> kids;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star;
  ExprPtr star_star;
  int depth = 1;  // of the tree below; the parser bounds it
};

// What can stand left of '='.
struct Target {
  std::string name;
  std::string attribute;      // not empty: namespace attribute `name.attribute`
  std::vector<Target> items;  // not empty: unpacking, name is unused
};

struct Stmt;
using Body = std::vector<std::unique_ptr<Stmt>>;

enum class StmtKind : uint8_t {
  kText,         // text
  kOutput,       // exprs
  kIf,           // exprs[i] -> bodies[i]; one more body: else
  kFor,          // targets[0] in exprs[0] if exprs[1] (may be null); bodies[0], bodies[1] = else
  kSet,          // targets[0] = exprs[0]
  kSetBlock,     // targets[0] = bodies[0] through exprs[0] (filters, may be null)
  kMacro,        // text(params) bodies[0]
  kCallBlock,    // exprs[0] = the call; bodies[0] = caller(params)
  kFilterBlock,  // bodies[0] through exprs[0]
  kWith,         // targets[i] = exprs[i]; bodies[0]
  kScope,        // bodies[0] in a scope of its own (block, autoescape)
  kGeneration,   // bodies[0], its output is what the assistant wrote
  kBreak,
  kContinue,
};

struct Stmt {
  StmtKind kind;
  int line;
  std::string text;
  std::vector<ExprPtr> exprs;
  std::vector<Body> bodies;
  std::vector<Target> targets;
  std::vector<std::string> params;
  std::vector<ExprPtr> defaults;  // of the last params
  bool recursive = false;         // kFor
  bool uses_caller = false;       // kMacro: names that are bound only where the body mentions them
  bool uses_varargs = false;
  bool uses_kwargs = false;
};

}  // namespace hearth::text::jinja
