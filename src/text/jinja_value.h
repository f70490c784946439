// Values of the template language: what a template's variables, literals and results are. Modelled
// on Python's, because chat templates are written for Python's Jinja. Built by callers of
// ChatTemplate and by the interpreter.
//
// All containers are immutable once made; a Value is a handle that may be copied freely. The only
// mutable things are the interpreter's own objects (namespace, loop, ...), which one rendering owns
// and takes apart at its end. A container knows how deeply it is nested, and none is made deeper
// than kMaxNesting: recursion over values is bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "text/marked_text.h"

namespace hearth::text::jinja {

inline constexpr int kMaxNesting = 200;

class Value;

enum class Kind : uint8_t {
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kSequence,
  kDict,
  kObject
};

struct Str {
  MarkedText text;
  bool safe =
      false;  // went through `safe` or `escape`: `+` then HTML-escapes the other side, as in Python
};

// What Python calls the sequence decides how it prints and what it can do.
enum class SequenceKind : uint8_t { kList, kTuple, kRange, kGenerator, kKeys, kValues, kItems };

struct Sequence;
class Dict;

enum class ObjectType : uint8_t { kFunction, kMacro, kNamespace, kLoop, kCycler, kJoiner };

// The interpreter's own things (jinja_runtime.h); `type` says which.
struct Object {
  explicit Object(ObjectType t) : type(t) {}
  virtual ~Object() = default;
  ObjectType type;
  int nesting = 1;
};

class Value {
 public:
  Value() : data_(std::shared_ptr<const std::string>()) {}  // undefined
  Value(std::nullptr_t) : data_(nullptr) {}                 // none
  Value(bool b) : data_(b) {}
  Value(int i) : data_(int64_t(i)) {}
  Value(int64_t i) : data_(i) {}
  Value(double d) : data_(d) {}
  // A string of the template's; for words of a person, see user_text().
  Value(const char* text) : Value(MarkedText(text)) {}
  Value(std::string text) : Value(MarkedText(std::move(text))) {}
  Value(MarkedText text, bool safe = false)
      : data_(std::make_shared<const Str>(Str{std::move(text), safe})) {}
  Value(std::shared_ptr<const Sequence> s) : data_(std::move(s)) {}
  Value(std::shared_ptr<const Dict> d) : data_(std::move(d)) {}
  Value(std::shared_ptr<Object> o) : data_(std::move(o)) {}

  // `message` is what an attempt to use it reports.
  static Value undefined(std::string message);
  // Bytes that came from a person: special tokens in them are never honoured.
  static Value user_text(std::string text) { return Value(MarkedText(std::move(text), true)); }
  // Containers; an undefined value instead if they would nest too deeply (Runtime reports that as
  // an error).
  static Value list(std::vector<Value> items, SequenceKind kind = SequenceKind::kList);
  static Value dict(Dict dict);

  [[nodiscard]] Kind kind() const { return Kind(data_.index()); }
  [[nodiscard]] bool is_undefined() const { return kind() == Kind::kUndefined; }
  [[nodiscard]] bool is_none() const { return kind() == Kind::kNone; }
  [[nodiscard]] bool is_bool() const { return kind() == Kind::kBool; }
  [[nodiscard]] bool is_int() const { return kind() == Kind::kInt; }
  [[nodiscard]] bool is_float() const { return kind() == Kind::kFloat; }
  [[nodiscard]] bool is_number() const { return is_bool() || is_int() || is_float(); }
  [[nodiscard]] bool is_string() const { return kind() == Kind::kString; }
  [[nodiscard]] bool is_sequence() const { return kind() == Kind::kSequence; }
  [[nodiscard]] bool is_dict() const { return kind() == Kind::kDict; }
  [[nodiscard]] bool is_object(ObjectType type) const {
    return kind() == Kind::kObject && object().type == type;
  }

  // REQUIRES: the kind fits.
  [[nodiscard]] bool as_bool() const { return std::get<bool>(data_); }
  [[nodiscard]] int64_t as_int() const {
    return is_bool() ? int64_t(as_bool()) : std::get<int64_t>(data_);
  }
  [[nodiscard]] double as_double() const {
    return is_float() ? std::get<double>(data_) : double(as_int());
  }
  [[nodiscard]] const MarkedText& text() const { return str().text; }
  [[nodiscard]] const std::string& bytes() const { return str().text.bytes(); }
  [[nodiscard]] bool is_safe() const { return is_string() && str().safe; }
  [[nodiscard]] const Sequence& sequence() const {
    return *std::get<std::shared_ptr<const Sequence>>(data_);
  }
  [[nodiscard]] const Dict& as_dict() const {
    return *std::get<std::shared_ptr<const Dict>>(data_);
  }
  [[nodiscard]] Object& object() const { return *std::get<std::shared_ptr<Object>>(data_); }
  [[nodiscard]] std::shared_ptr<Object> shared_object() const {
    return std::get<std::shared_ptr<Object>>(data_);
  }
  [[nodiscard]] std::string undefined_message() const;

  // 0 for scalars, 1 + the deepest item for containers.
  [[nodiscard]] int nesting() const;
  // The same container or string object (for `is sameas`).
  [[nodiscard]] bool same_as(const Value& other) const { return data_ == other.data_; }

 private:
  [[nodiscard]] const Str& str() const { return *std::get<std::shared_ptr<const Str>>(data_); }

  // In the order of Kind.
  std::variant<std::shared_ptr<const std::string>, std::nullptr_t, bool, int64_t, double,
               std::shared_ptr<const Str>, std::shared_ptr<const Sequence>,
               std::shared_ptr<const Dict>, std::shared_ptr<Object>>
      data_;
};

struct Sequence {
  std::vector<Value> items;
  SequenceKind kind = SequenceKind::kList;
  int nesting = 1;
  mutable size_t taken =
      0;  // kGenerator only: items already handed out; a generator can be read once
};

// Keeps the order of insertion. Keys are strings, numbers, booleans or none; 1, 1.0 and true are
// the same key.
class Dict {
 public:
  // Replaces the value (not the place) of an equal key.
  void set(Value key, Value value);
  [[nodiscard]] const Value* find(const Value& key) const;
  [[nodiscard]] const Value* get(std::string_view key) const;
  [[nodiscard]] const std::vector<std::pair<Value, Value>>& entries() const { return entries_; }
  [[nodiscard]] size_t size() const { return entries_.size(); }

  int nesting = 1;

 private:
  std::vector<std::pair<Value, Value>> entries_;
  std::unordered_map<std::string_view, size_t>
      index_;  // places of string keys; views into the keys' own bytes
};

}  // namespace hearth::text::jinja
