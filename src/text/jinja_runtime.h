// What a rendering shares: limits, the first error, and the operations on values that the
// interpreter, the filters, the tests and the methods are made of. Follows Python's semantics and,
// where templates see them, its error texts.
//
// Errors are sticky: fail() keeps the first one and returns undefined; callers go on or return as
// they like, but loops ask tick() or ok(). Nothing is printed after an error, because the whole
// rendering is then an Error.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja_ast.h"
#include "text/jinja_limits.h"
#include "text/jinja_value.h"

namespace hearth::text::jinja {

struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Runtime;

// One call of a filter, test, method or function.
struct NativeCall {
  Runtime& rt;
  const Value& self;  // the filter's input, the method's object
  const Args& args;
  std::array<const Value*, 6> params = {};  // by place in NativeEntry::params; null = not given

  [[nodiscard]] bool has(size_t i) const { return params[i] != nullptr; }
  [[nodiscard]] const Value& at(size_t i) const { return *params[i]; }
  // Given and not none, else the default; wrong types are an error of the rendering.
  [[nodiscard]] int64_t integer(size_t i, int64_t otherwise) const;
  [[nodiscard]] bool flag(size_t i, bool otherwise) const;
  [[nodiscard]] MarkedText text(size_t i, std::string_view otherwise) const;
};

using Native = Value (*)(NativeCall&);

struct NativeEntry {
  std::string_view name;
  Native run;
  std::string_view
      params;  // "old new count?": names in order, '?' = optional; "*" = reads args itself
};

// The tables, one entry per name. Sorted by nothing; looked up rarely and linearly.
std::span<const NativeEntry> filters();           // jinja_filters.cc
std::span<const NativeEntry> sequence_filters();  // jinja_filters_list.cc
std::span<const NativeEntry> tests();             // jinja_checks.cc
std::span<const NativeEntry> string_methods();    // jinja_methods.cc
std::span<const NativeEntry> list_methods();
std::span<const NativeEntry> dict_methods();
std::span<const NativeEntry> functions();  // jinja_functions.cc

// Objects of a rendering. Those that hold values are nested one deeper than these, which bounds
// chains of them.
struct Function : Object {
  Function(const NativeEntry& e, Value s)
      : Object(ObjectType::kFunction), entry(e), self(std::move(s)) {
    nesting = 1 + self.nesting();
  }
  const NativeEntry& entry;
  Value self;
};
struct Namespace : Object {
  Namespace() : Object(ObjectType::kNamespace) {}
  std::vector<std::pair<std::string, Value>> attributes;
};
struct Cycler : Object {
  explicit Cycler(std::vector<Value> v) : Object(ObjectType::kCycler), items(std::move(v)) {
    for (const Value& item : items) nesting = std::max(nesting, 1 + item.nesting());
  }
  std::vector<Value> items;
  size_t at = 0;
};
struct Joiner : Object {
  explicit Joiner(Value s) : Object(ObjectType::kJoiner), separator(std::move(s)) {
    nesting = 1 + separator.nesting();
  }
  Value separator;
  bool used = false;
};
struct Loop : Object {
  explicit Loop(std::vector<Value> v) : Object(ObjectType::kLoop), items(std::move(v)) {
    for (const Value& item : items) nesting = std::max(nesting, 1 + item.nesting());
  }
  std::vector<Value> items;
  size_t index = 0;
  int depth = 0;
  const Stmt* recursive = nullptr;  // the statement, if it can be called again
  std::optional<std::vector<Value>> last_changed;
};

class Runtime {
 public:
  Runtime(const TemplateLimits& limits, std::optional<CivilTime> now)
      : limits_(limits), now_(now) {}
  virtual ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] bool ok() const { return !failed_; }
  Value fail(std::string message);
  // An error that the template raised itself.
  Value raise(std::string message);
  // False after an error, which may be that the steps are used up.
  bool tick(size_t n = 1);
  [[nodiscard]] const TemplateLimits& limits() const { return limits_; }
  [[nodiscard]] const std::optional<CivilTime>& now() const { return now_; }

  // Checked making of values.
  Value text(MarkedText text, bool safe = false);
  Value list(std::vector<Value> items, SequenceKind kind = SequenceKind::kList);
  Value dict(Dict dict);
  Value new_namespace(std::vector<std::pair<std::string, Value>> attributes);

  [[nodiscard]] static bool truthy(const Value& v);
  // "str", "int", "NoneType", ... as Python calls it.
  [[nodiscard]] static std::string type_name(const Value& v);
  bool equals(const Value& a, const Value& b);
  bool less(const Value& a, const Value& b);
  // The places of `keys` in ascending (or descending) order; equal keys keep theirs. Safe though
  // less() may fail.
  std::vector<size_t> sorted_order(const std::vector<Value>& keys, bool descending = false);
  bool contains(const Value& container, const Value& item);
  // The items of anything iterable; characters of a string, keys of a dict. Reads generators empty.
  std::vector<Value> iterate(const Value& v);
  std::optional<int64_t> length(const Value& v);
  Value attribute(const Value& object, const std::string& name);
  Value item(const Value& object, const Value& key);
  Value slice(const Value& object, const Value& first, const Value& last, const Value& step);
  Value binary(Op op, const Value& a, const Value& b);
  Value negative(const Value& v);

  // str(v)
  MarkedText to_text(const Value& v);
  // repr(v) appended to `out`
  void repr(const Value& v, MarkedText& out, int depth = 0);

  Value call_filter(std::string_view name, const Value& input, const Args& args);
  std::optional<bool> call_test(std::string_view name, const Value& input, const Args& args);
  Value call_native(const NativeEntry& entry, const Value& self, const Args& args);

 protected:
  bool failed_ = false;
  bool raised_ = false;
  std::string error_;

 private:
  Value object_attribute(const Value& object, const std::string& name);
  void object_repr(const Value& v, MarkedText& out, int depth);
  Value sequence_item(const Value& object, const Value& key);
  Value add(const Value& a, const Value& b);
  Value multiply(const Value& a, const Value& b);
  Value integer_arithmetic(Op op, int64_t a, int64_t b);
  Value float_arithmetic(Op op, double a, double b);
  Value wrong_operands(std::string_view op, const Value& a, const Value& b);

  TemplateLimits limits_;
  std::optional<CivilTime> now_;
  size_t steps_ = 0;
  // Namespaces can point at each other; emptied at the end, so that none keeps another alive.
  std::vector<std::shared_ptr<Namespace>> namespaces_;
};

}  // namespace hearth::text::jinja
