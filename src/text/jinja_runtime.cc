// Errors, limits, comparison, iteration and attributes of values.
#include "text/jinja_runtime.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja_text.h"

namespace hearth::text::jinja {

Runtime::~Runtime() {
  for (const auto& ns : namespaces_) ns->attributes.clear();
}

Value Runtime::fail(std::string message) {
  if (!failed_) {
    failed_ = true;
    error_ = std::move(message);
  }
  return {};
}

Value Runtime::raise(std::string message) {
  if (!failed_) raised_ = true;
  return fail(std::move(message));
}

bool Runtime::tick(size_t n) {
  if (failed_) return false;
  if (n > limits_.max_steps - steps_) {
    fail(fmt::format("the template needs more than {} steps", limits_.max_steps));
    return false;
  }
  steps_ += n;
  return true;
}

Value Runtime::text(MarkedText text, bool safe) {
  if (text.size() > limits_.max_output_bytes)
    return fail(fmt::format("a string passed the limit of {} bytes", limits_.max_output_bytes));
  tick(1 + text.size() / 16);
  return Value(std::move(text), safe);
}

Value Runtime::list(std::vector<Value> items, SequenceKind kind) {
  tick(1 + items.size() / 4);
  Value v = Value::list(std::move(items), kind);
  return v.is_undefined() ? fail(v.undefined_message()) : v;
}

Value Runtime::dict(Dict dict) {
  tick(1 + dict.size() / 4);
  Value v = Value::dict(std::move(dict));
  return v.is_undefined() ? fail(v.undefined_message()) : v;
}

Value Runtime::new_namespace(std::vector<std::pair<std::string, Value>> attributes) {
  auto ns = std::make_shared<Namespace>();
  ns->attributes = std::move(attributes);
  namespaces_.push_back(ns);
  return Value(std::shared_ptr<Object>(std::move(ns)));
}

bool Runtime::truthy(const Value& v) {
  switch (v.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
      return v.as_bool();
    case Kind::kInt:
      return v.as_int() != 0;
    case Kind::kFloat:
      return v.as_double() != 0;
    case Kind::kString:
      return !v.text().empty();
    case Kind::kSequence:
      return v.sequence().kind == SequenceKind::kGenerator || !v.sequence().items.empty();
    case Kind::kDict:
      return v.as_dict().size() > 0;
    case Kind::kObject:
      return true;
  }
  return false;
}

std::string Runtime::type_name(const Value& v) {
  switch (v.kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return v.is_safe() ? "Markup" : "str";
    case Kind::kSequence: {
      constexpr std::array kNames = {"list",      "tuple",       "range",     "generator",
                                     "dict_keys", "dict_values", "dict_items"};
      return kNames[size_t(v.sequence().kind)];
    }
    case Kind::kDict:
      return "dict";
    case Kind::kObject: {
      constexpr std::array kNames = {
          "builtin_function_or_method", "Macro", "Namespace", "LoopContext", "Cycler", "Joiner"};
      return kNames[size_t(v.object().type)];
    }
  }
  return "object";
}

namespace {

bool same_sequence_type(const Sequence& a, const Sequence& b) {
  return a.kind == b.kind && a.kind != SequenceKind::kGenerator;
}

}  // namespace

bool Runtime::equals(const Value& a, const Value& b) {
  if (!tick()) return false;
  if (a.is_number() && b.is_number()) {
    return a.is_float() || b.is_float() ? a.as_double() == b.as_double() : a.as_int() == b.as_int();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kString:
      return a.bytes() == b.bytes();
    case Kind::kSequence: {
      const Sequence& x = a.sequence();
      const Sequence& y = b.sequence();
      if (!same_sequence_type(x, y)) return a.same_as(b);
      return x.items.size() == y.items.size() &&
             std::equal(x.items.begin(), x.items.end(), y.items.begin(),
                        [this](const Value& p, const Value& q) { return equals(p, q); });
    }
    case Kind::kDict: {
      if (a.as_dict().size() != b.as_dict().size()) return false;
      for (const auto& [key, value] : a.as_dict().entries()) {
        const Value* other = b.as_dict().find(key);
        if (other == nullptr || !equals(value, *other)) return false;
      }
      return true;
    }
    default:
      return a.same_as(b);
  }
}

bool Runtime::less(const Value& a, const Value& b) {
  if (!tick()) return false;
  if (a.is_number() && b.is_number()) {
    return a.is_float() || b.is_float() ? a.as_double() < b.as_double() : a.as_int() < b.as_int();
  }
  if (a.is_string() && b.is_string())
    return a.bytes() < b.bytes();  // byte order of UTF-8 is code point order
  if (a.is_sequence() && b.is_sequence() && a.sequence().kind == b.sequence().kind &&
      (a.sequence().kind == SequenceKind::kList || a.sequence().kind == SequenceKind::kTuple)) {
    const auto& x = a.sequence().items;
    const auto& y = b.sequence().items;
    for (size_t i = 0; i < x.size() && i < y.size(); ++i) {
      if (!equals(x[i], y[i])) return less(x[i], y[i]);
    }
    return x.size() < y.size();
  }
  if (a.is_undefined()) return fail(a.undefined_message()), false;
  if (b.is_undefined()) return fail(b.undefined_message()), false;
  fail(fmt::format("'<' not supported between instances of '{}' and '{}'", type_name(a),
                   type_name(b)));
  return false;
}

// Bottom-up merge sort: std::sort reads out of bounds if the order is inconsistent, which after an
// error it is.
std::vector<size_t> Runtime::sorted_order(const std::vector<Value>& keys, bool descending) {
  std::vector<size_t> order(keys.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::vector<size_t> merged(order.size());
  for (size_t width = 1; width < order.size() && ok(); width *= 2) {
    for (size_t begin = 0; begin < order.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, order.size());
      const size_t end = std::min(middle + width, order.size());
      size_t left = begin;
      size_t right = middle;
      for (size_t out = begin; out < end; ++out) {
        const bool take_right =
            right < end &&
            (left == middle || (descending ? less(keys[order[left]], keys[order[right]])
                                           : less(keys[order[right]], keys[order[left]])));
        merged[out] = order[take_right ? right++ : left++];
      }
    }
    order.swap(merged);
  }
  return order;
}

bool Runtime::contains(const Value& container, const Value& item) {
  if (container.is_string()) {
    if (!item.is_string()) {
      fail(fmt::format("'in <string>' requires string as left operand, not {}", type_name(item)));
      return false;
    }
    tick(container.text().size() / 16);
    return container.bytes().find(item.bytes()) != std::string::npos;
  }
  if (container.is_dict()) return container.as_dict().find(item) != nullptr;
  for (const Value& v : iterate(container)) {
    if (equals(v, item)) return true;
  }
  return false;
}

std::vector<Value> Runtime::iterate(const Value& v) {
  std::vector<Value> items;
  if (v.is_undefined()) return items;
  if (v.is_sequence()) {
    const Sequence& s = v.sequence();
    if (!tick(1 + s.items.size() / 4)) return items;
    if (s.kind != SequenceKind::kGenerator) return s.items;
    items.assign(s.items.begin() + ptrdiff_t(s.taken), s.items.end());
    s.taken = s.items.size();
  } else if (v.is_dict()) {
    if (!tick(1 + v.as_dict().size() / 4)) return items;
    for (const auto& entry : v.as_dict().entries()) items.push_back(entry.first);
  } else if (v.is_string()) {
    if (!tick(v.text().size())) return items;
    const std::vector<size_t> offsets = character_offsets(v.bytes());
    for (size_t i = 0; i + 1 < offsets.size(); ++i)
      items.emplace_back(v.text().slice(offsets[i], offsets[i + 1] - offsets[i]));
  } else if (v.is_object(ObjectType::kLoop)) {
    fail("a loop cannot be iterated again");
  } else {
    fail(fmt::format("'{}' object is not iterable", type_name(v)));
  }
  return items;
}

std::optional<int64_t> Runtime::length(const Value& v) {
  if (v.is_undefined()) return 0;
  if (v.is_string()) return int64_t(count_characters(v.bytes()));
  if (v.is_dict()) return int64_t(v.as_dict().size());
  if (v.is_sequence() && v.sequence().kind != SequenceKind::kGenerator)
    return int64_t(v.sequence().items.size());
  if (v.is_object(ObjectType::kLoop))
    return int64_t(static_cast<const Loop&>(v.object()).items.size());
  fail(fmt::format("object of type '{}' has no len()", type_name(v)));
  return std::nullopt;
}

namespace {

const NativeEntry* find_entry(std::span<const NativeEntry> table, std::string_view name) {
  const auto it = std::find_if(table.begin(), table.end(),
                               [name](const NativeEntry& e) { return e.name == name; });
  return it == table.end() ? nullptr : &*it;
}

Value method(const NativeEntry& entry, const Value& self) {
  return Value(std::shared_ptr<Object>(std::make_shared<Function>(entry, self)));
}

bool changes_container(const Value& object, std::string_view name) {
  constexpr std::array kList = {"append", "extend",  "insert", "pop",
                                "remove", "reverse", "sort",   "clear"};
  constexpr std::array kDict = {"clear", "pop", "popitem", "setdefault", "update"};
  const auto has = [name](const auto& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (object.is_dict()) return has(kDict);
  return object.is_sequence() && object.sequence().kind == SequenceKind::kList && has(kList);
}

}  // namespace

Value Runtime::object_attribute(const Value& object, const std::string& name) {
  if (object.is_object(ObjectType::kNamespace)) {
    for (const auto& [key, value] : static_cast<const Namespace&>(object.object()).attributes) {
      if (key == name) return value;
    }
  } else if (object.is_object(ObjectType::kCycler)) {
    const auto& cycler = static_cast<const Cycler&>(object.object());
    if (name == "current") return cycler.items[cycler.at];
    if (const NativeEntry* e = find_entry(functions(), "cycler." + name)) return method(*e, object);
  } else if (object.is_object(ObjectType::kLoop)) {
    const auto& loop = static_cast<const Loop&>(object.object());
    const auto n = int64_t(loop.items.size());
    const auto i = int64_t(loop.index);
    if (name == "index") return i + 1;
    if (name == "index0") return i;
    if (name == "revindex") return n - i;
    if (name == "revindex0") return n - i - 1;
    if (name == "first") return i == 0;
    if (name == "last") return i + 1 >= n;
    if (name == "length") return n;
    if (name == "depth") return loop.depth + 1;
    if (name == "depth0") return loop.depth;
    if (name == "previtem")
      return i == 0 ? Value::undefined("there is no previous item") : loop.items[size_t(i - 1)];
    if (name == "nextitem")
      return i + 1 >= n ? Value::undefined("there is no next item") : loop.items[size_t(i + 1)];
    if (const NativeEntry* e = find_entry(functions(), "loop." + name)) return method(*e, object);
  }
  return Value::undefined(
      fmt::format("'{} object' has no attribute '{}'", type_name(object), name));
}

// object.name: a method or attribute first, then an item.
Value Runtime::attribute(const Value& object, const std::string& name) {
  if (!tick()) return {};
  const NativeEntry* entry = nullptr;
  switch (object.kind()) {
    case Kind::kUndefined:
      return fail(object.undefined_message());
    case Kind::kString:
      entry = find_entry(string_methods(), name);
      break;
    case Kind::kDict:
      entry = find_entry(dict_methods(), name);
      break;
    case Kind::kSequence: {
      const Sequence& s = object.sequence();
      const bool is_list = s.kind == SequenceKind::kList || s.kind == SequenceKind::kTuple;
      if (is_list) entry = find_entry(list_methods(), name);
      // what groupby yields
      if (s.kind == SequenceKind::kTuple && s.items.size() == 2 &&
          (name == "grouper" || name == "list"))
        return s.items[name == "list"];
      break;
    }
    case Kind::kObject:
      return object_attribute(object, name);
    default:
      break;
  }
  if (entry != nullptr) return method(*entry, object);
  if (changes_container(object, name))
    return Value::undefined(
        fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, type_name(object)));
  if (object.is_dict()) {
    if (const Value* found = object.as_dict().get(name)) return *found;
  }
  const std::string type = object.is_none() ? "None" : type_name(object) + " object";
  return Value::undefined(fmt::format("'{}' has no attribute '{}'", type, name));
}

Value Runtime::sequence_item(const Value& object, const Value& key) {
  const bool is_string = object.is_string();
  const int64_t n = is_string ? int64_t(count_characters(object.bytes()))
                              : int64_t(object.sequence().items.size());
  const int64_t i = key.as_int() < 0 ? key.as_int() + n : key.as_int();
  if (i < 0 || i >= n)
    return Value::undefined(
        fmt::format("{} object has no element {}", type_name(object), key.as_int()));
  if (!is_string) return object.sequence().items[size_t(i)];
  tick(object.text().size() / 16);
  if (is_ascii(object.bytes())) return text(object.text().slice(size_t(i), 1));
  const std::vector<size_t> offsets = character_offsets(object.bytes());
  return text(object.text().slice(offsets[size_t(i)], offsets[size_t(i) + 1] - offsets[size_t(i)]));
}

// object[key]: an item first, then an attribute.
Value Runtime::item(const Value& object, const Value& key) {
  if (!tick()) return {};
  if (object.is_undefined()) return fail(object.undefined_message());
  if (object.is_dict()) {
    if (const Value* found = object.as_dict().find(key)) return *found;
  }
  const bool indexable = object.is_string() ||
                         (object.is_sequence() && object.sequence().kind <= SequenceKind::kRange);
  if (indexable && (key.is_int() || key.is_bool())) return sequence_item(object, key);
  if (key.is_string()) return attribute(object, key.bytes());
  MarkedText shown;
  repr(key, shown);
  return Value::undefined(fmt::format("{} has no element {}",
                                      object.is_none() ? "None" : type_name(object) + " object",
                                      shown.bytes()));
}

Value Runtime::call_filter(std::string_view name, const Value& input, const Args& args) {
  const NativeEntry* entry = find_entry(filters(), name);
  if (entry == nullptr) entry = find_entry(sequence_filters(), name);
  if (entry == nullptr) return fail(fmt::format("No filter named '{}' found.", name));
  return call_native(*entry, input, args);
}

std::optional<bool> Runtime::call_test(std::string_view name, const Value& input,
                                       const Args& args) {
  const NativeEntry* entry = find_entry(tests(), name);
  if (entry == nullptr) {
    fail(fmt::format("No test named '{}' found.", name));
    return std::nullopt;
  }
  return truthy(call_native(*entry, input, args));
}

Value Runtime::call_native(const NativeEntry& entry, const Value& self, const Args& args) {
  if (!tick()) return {};
  NativeCall call{*this, self, args};
  if (entry.params == "*") return entry.run(call);
  // Python: positional by place, named by name, no name twice.
  std::array<std::string_view, 6> names;
  size_t n_names = 0;
  size_t n_required = 0;
  for (std::string_view rest = entry.params; !rest.empty();) {
    const size_t end = std::min(rest.find(' '), rest.size());
    std::string_view name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const bool optional = name.ends_with('?');
    if (optional) name.remove_suffix(1);
    names[n_names++] = name;
    if (!optional) n_required = n_names;
  }
  if (args.positional.size() > n_names)
    return fail(fmt::format("{}() takes at most {} argument(s), {} given", entry.name, n_names,
                            args.positional.size()));
  for (size_t i = 0; i < args.positional.size(); ++i) call.params[i] = &args.positional[i];
  for (const auto& [name, value] : args.named) {
    const size_t i =
        size_t(std::find(names.begin(), names.begin() + n_names, name) - names.begin());
    if (i == n_names)
      return fail(fmt::format("{}() got an unexpected keyword argument '{}'", entry.name, name));
    if (call.params[i] != nullptr)
      return fail(fmt::format("{}() got multiple values for '{}'", entry.name, name));
    call.params[i] = &value;
  }
  for (size_t i = 0; i < n_required; ++i) {
    if (call.params[i] == nullptr)
      return fail(fmt::format("{}() is missing the argument '{}'", entry.name, names[i]));
  }
  return entry.run(call);
}

int64_t NativeCall::integer(size_t i, int64_t otherwise) const {
  if (!has(i) || at(i).is_none()) return otherwise;
  if (at(i).is_int() || at(i).is_bool()) return at(i).as_int();
  rt.fail(at(i).is_undefined() ? at(i).undefined_message()
                               : fmt::format("'{}' object cannot be interpreted as an integer",
                                             Runtime::type_name(at(i))));
  return otherwise;
}

bool NativeCall::flag(size_t i, bool otherwise) const {
  return has(i) ? Runtime::truthy(at(i)) : otherwise;
}

MarkedText NativeCall::text(size_t i, std::string_view otherwise) const {
  if (!has(i) || at(i).is_none()) return MarkedText(std::string(otherwise));
  if (at(i).is_string()) return at(i).text();
  rt.fail(at(i).is_undefined()
              ? at(i).undefined_message()
              : fmt::format("a string is needed, not '{}'", Runtime::type_name(at(i))));
  return {};
}

}  // namespace hearth::text::jinja
