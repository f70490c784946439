#include "text/jinja_value.h"

#include <algorithm>

namespace hearth::text::jinja {

void Dict::set(Value key, Value value) {
  nesting = std::max({nesting, 1 + key.nesting(), 1 + value.nesting()});
  if (const Value* present = find(key)) {
    *const_cast<Value*>(present) = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  const Value& stored = entries_.back().first;
  if (stored.is_string()) index_.emplace(stored.bytes(), entries_.size() - 1);
}

const Value* Dict::get(std::string_view key) const {
  const auto it = index_.find(key);
  return it == index_.end() ? nullptr : &entries_[it->second].second;
}

const Value* Dict::find(const Value& key) const {
  if (key.is_string()) return get(key.bytes());
  if (index_.size() == entries_.size()) return nullptr;  // string keys only
  for (const auto& [k, v] : entries_) {
    const bool equal = k.is_none()
                           ? key.is_none()
                           : k.is_number() && key.is_number() && k.as_double() == key.as_double();
    if (equal) return &v;
  }
  return nullptr;
}

Value Value::undefined(std::string message) {
  Value v;
  v.data_ = std::make_shared<const std::string>(std::move(message));
  return v;
}

std::string Value::undefined_message() const {
  const auto& message = std::get<std::shared_ptr<const std::string>>(data_);
  return message ? *message : "the value is undefined";
}

Value Value::list(std::vector<Value> items, SequenceKind kind) {
  int nesting = 1;
  for (const Value& v : items) nesting = std::max(nesting, 1 + v.nesting());
  if (nesting > kMaxNesting) return undefined("the list is nested too deeply");
  return std::make_shared<const Sequence>(Sequence{std::move(items), kind, nesting});
}

Value Value::dict(Dict dict) {
  if (dict.nesting > kMaxNesting) return undefined("the dict is nested too deeply");
  return std::make_shared<const Dict>(std::move(dict));
}

int Value::nesting() const {
  if (is_sequence()) return sequence().nesting;
  if (is_dict()) return as_dict().nesting;
  return kind() == Kind::kObject ? object().nesting : 0;
}

}  // namespace hearth::text::jinja
