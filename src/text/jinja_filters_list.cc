// Filters on sequences and mappings. One line each in the table at the end.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "text/jinja_runtime.h"
#include "text/jinja_text.h"

namespace hearth::text::jinja {
namespace {

Value length_filter(NativeCall& c) {
  const std::optional<int64_t> n = c.rt.length(c.self);
  return n ? Value(*n) : Value();
}

Value list_filter(NativeCall& c) { return c.rt.list(c.rt.iterate(c.self)); }

Value first_filter(NativeCall& c) {
  if (c.self.is_sequence() && c.self.sequence().kind == SequenceKind::kGenerator) {
    const Sequence& s = c.self.sequence();
    if (s.taken < s.items.size()) return s.items[s.taken++];
    return Value::undefined("No first item, sequence was empty.");
  }
  const std::vector<Value> items = c.rt.iterate(c.self);
  return items.empty() ? Value::undefined("No first item, sequence was empty.") : items.front();
}

Value last_filter(NativeCall& c) {
  if (c.self.is_sequence() && c.self.sequence().kind == SequenceKind::kGenerator)
    return c.rt.fail("'generator' object is not reversible");
  const std::vector<Value> items = c.rt.iterate(c.self);
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value reverse_filter(NativeCall& c) {
  std::vector<Value> items = c.rt.iterate(c.self);
  std::reverse(items.begin(), items.end());
  if (!c.self.is_string()) return c.rt.list(std::move(items), SequenceKind::kGenerator);
  MarkedText out;
  for (const Value& v : items) out.append(v.text());
  return c.rt.text(std::move(out));
}

// "a.b.0" -> the value reached from `item` through all parts.
Value follow(Runtime& rt, Value item, const Value& path) {
  if (!path.is_string()) return rt.item(item, path);
  std::string_view rest = path.bytes();
  for (;;) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string part(rest.substr(0, dot));
    int64_t index = 0;
    const auto read = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index = !part.empty() && part[0] != '-' && read.ec == std::errc() &&
                          read.ptr == part.data() + part.size();
    item = rt.item(item, is_index ? Value(index) : Value(part));
    if (dot == rest.size() || !rt.ok()) return item;
    rest.remove_prefix(dot + 1);
  }
}

bool given(const NativeCall& c, size_t i) { return c.has(i) && !c.at(i).is_none(); }

Value without_case(Runtime& rt, const Value& v) {
  return v.is_string() ? rt.text(MarkedText(lower(v.bytes()), v.text().from_user())) : v;
}

// What `sort`, `min`, `unique` and the like compare: an attribute of the item, its case ignored.
Value sort_key(NativeCall& c, const Value& item, const Value* attribute, bool case_sensitive) {
  const Value v = attribute ? follow(c.rt, item, *attribute) : item;
  return case_sensitive ? v : without_case(c.rt, v);
}

Value sort_filter(NativeCall& c) {
  const bool case_sensitive = c.flag(1, false);
  // "a,b": first by a, then by b.
  std::vector<Value> paths;
  if (given(c, 2) && c.at(2).is_string()) {
    std::string_view rest = c.at(2).bytes();
    for (;;) {
      const size_t comma = std::min(rest.find(','), rest.size());
      paths.emplace_back(std::string(rest.substr(0, comma)));
      if (comma == rest.size()) break;
      rest.remove_prefix(comma + 1);
    }
  } else if (given(c, 2)) {
    paths.push_back(c.at(2));
  }
  const std::vector<Value> items = c.rt.iterate(c.self);
  std::vector<Value> keys;
  for (const Value& item : items) {
    std::vector<Value> key;
    if (paths.empty()) key.push_back(sort_key(c, item, nullptr, case_sensitive));
    for (const Value& path : paths) key.push_back(sort_key(c, item, &path, case_sensitive));
    keys.push_back(c.rt.list(std::move(key)));
    if (!c.rt.ok()) return {};
  }
  std::vector<Value> sorted;
  for (const size_t i : c.rt.sorted_order(keys, c.flag(0, false))) sorted.push_back(items[i]);
  return c.rt.list(std::move(sorted));
}

Value pair(Runtime& rt, const Value& a, const Value& b) {
  return rt.list({a, b}, SequenceKind::kTuple);
}

Value dictsort_filter(NativeCall& c) {
  if (!c.self.is_dict()) return c.rt.fail("dictsort needs a mapping");
  const bool case_sensitive = c.flag(0, false);
  const std::string by = c.text(1, "key").bytes();
  if (by != "key" && by != "value")
    return c.rt.fail("You can only sort by either 'key' or 'value'");
  std::vector<Value> keys;
  for (const auto& [key, value] : c.self.as_dict().entries())
    keys.push_back(sort_key(c, by == "key" ? key : value, nullptr, case_sensitive));
  std::vector<Value> out;
  for (const size_t i : c.rt.sorted_order(keys, c.flag(2, false))) {
    const auto& [key, value] = c.self.as_dict().entries()[i];
    out.push_back(pair(c.rt, key, value));
  }
  return c.rt.list(std::move(out));
}

Value items_filter(NativeCall& c) {
  if (c.self.is_undefined()) return c.rt.list({}, SequenceKind::kGenerator);
  if (!c.self.is_dict()) return c.rt.fail("Can only get item pairs from a mapping.");
  std::vector<Value> out;
  for (const auto& [key, value] : c.self.as_dict().entries()) out.push_back(pair(c.rt, key, value));
  return c.rt.list(std::move(out), SequenceKind::kGenerator);
}

Value join_filter(NativeCall& c) {
  const MarkedText separator = c.has(0) ? c.rt.to_text(c.at(0)) : MarkedText();
  MarkedText out;
  bool first = true;
  for (const Value& item : c.rt.iterate(c.self)) {
    if (!first) out.append(separator);
    first = false;
    out.append(c.rt.to_text(given(c, 1) ? follow(c.rt, item, c.at(1)) : item));
    if (out.size() > c.rt.limits().max_output_bytes || !c.rt.ok()) break;
  }
  return c.rt.text(std::move(out));
}

Value unique_filter(NativeCall& c) {
  std::vector<Value> out;
  std::vector<Value> seen;
  for (const Value& item : c.rt.iterate(c.self)) {
    const Value key = sort_key(c, item, given(c, 1) ? &c.at(1) : nullptr, c.flag(0, false));
    if (!c.rt.ok()) return {};
    if (std::any_of(seen.begin(), seen.end(), [&](const Value& s) { return c.rt.equals(s, key); }))
      continue;
    seen.push_back(key);
    out.push_back(item);
  }
  return c.rt.list(std::move(out), SequenceKind::kGenerator);
}

Value extreme(NativeCall& c, bool largest) {
  const std::vector<Value> items = c.rt.iterate(c.self);
  if (items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  const Value* attribute = given(c, 1) ? &c.at(1) : nullptr;
  const bool case_sensitive = c.flag(0, false);
  size_t best = 0;
  Value best_key = sort_key(c, items[0], attribute, case_sensitive);
  for (size_t i = 1; i < items.size() && c.rt.ok(); ++i) {
    Value key = sort_key(c, items[i], attribute, case_sensitive);
    if (!(largest ? c.rt.less(best_key, key) : c.rt.less(key, best_key))) continue;
    best = i;
    best_key = std::move(key);
  }
  return items[best];
}

Value min_filter(NativeCall& c) { return extreme(c, false); }
Value max_filter(NativeCall& c) { return extreme(c, true); }

Value sum_filter(NativeCall& c) {
  Value total = c.has(1) ? c.at(1) : Value(0);
  for (const Value& item : c.rt.iterate(c.self)) {
    total = c.rt.binary(Op::kAdd, total, given(c, 0) ? follow(c.rt, item, c.at(0)) : item);
    if (!c.rt.ok()) return {};
  }
  return total;
}

Args rest_of(const Args& args, size_t n) {
  Args rest;
  rest.positional.assign(args.positional.begin() + ptrdiff_t(n), args.positional.end());
  rest.named = args.named;
  return rest;
}

// Jinja looks at nothing else when the input is empty, none or undefined.
Value no_items(NativeCall& c) { return c.rt.list({}, SequenceKind::kGenerator); }

Value map_filter(NativeCall& c) {
  if (!Runtime::truthy(c.self)) return no_items(c);
  const Value* attribute = nullptr;
  const Value* otherwise = nullptr;
  for (const auto& [name, value] : c.args.named) {
    if (name == "attribute") attribute = &value;
    if (name == "default") otherwise = &value;
  }
  const auto& positional = c.args.positional;
  const bool by_attribute = positional.empty() && attribute != nullptr;
  if (!by_attribute && (positional.empty() || !positional[0].is_string()))
    return c.rt.fail("map requires a filter argument");
  std::vector<Value> out;
  for (const Value& item : c.rt.iterate(c.self)) {
    if (by_attribute) {
      const Value v = follow(c.rt, item, *attribute);
      out.push_back(v.is_undefined() && otherwise ? *otherwise : v);
    } else {
      out.push_back(c.rt.call_filter(positional[0].bytes(), item, rest_of(c.args, 1)));
    }
    if (!c.rt.ok()) return {};
  }
  return c.rt.list(std::move(out), SequenceKind::kGenerator);
}

struct Selection {
  bool by_attribute;
  bool wanted;
};

Value select(NativeCall& c, Selection how) {
  if (!Runtime::truthy(c.self)) return no_items(c);
  const auto& positional = c.args.positional;
  const size_t n_path = how.by_attribute ? 1 : 0;
  if (positional.size() < n_path) return c.rt.fail("Missing parameter for attribute name");
  const bool has_test = positional.size() > n_path;
  if (has_test && !positional[n_path].is_string())
    return c.rt.fail("the name of a test must be a string");
  std::vector<Value> out;
  for (const Value& item : c.rt.iterate(c.self)) {
    const Value v = how.by_attribute ? follow(c.rt, item, positional[0]) : item;
    if (!c.rt.ok()) return {};
    const std::optional<bool> holds =
        has_test ? c.rt.call_test(positional[n_path].bytes(), v, rest_of(c.args, n_path + 1))
                 : Runtime::truthy(v);
    if (!holds || !c.rt.ok()) return {};
    if (*holds == how.wanted) out.push_back(item);
  }
  return c.rt.list(std::move(out), SequenceKind::kGenerator);
}

Value select_filter(NativeCall& c) { return select(c, {.by_attribute = false, .wanted = true}); }
Value reject_filter(NativeCall& c) { return select(c, {.by_attribute = false, .wanted = false}); }
Value selectattr_filter(NativeCall& c) { return select(c, {.by_attribute = true, .wanted = true}); }
Value rejectattr_filter(NativeCall& c) {
  return select(c, {.by_attribute = true, .wanted = false});
}

Value groupby_filter(NativeCall& c) {
  const std::vector<Value> items = c.rt.iterate(c.self);
  const bool case_sensitive = c.flag(2, false);
  std::vector<Value> keys;
  std::vector<Value> shown;
  for (const Value& item : items) {
    Value v = follow(c.rt, item, c.at(0));
    if (v.is_undefined() && c.has(1)) v = c.at(1);
    shown.push_back(v);
    keys.push_back(case_sensitive ? v : without_case(c.rt, v));
    if (!c.rt.ok()) return {};
  }
  const std::vector<size_t> order = c.rt.sorted_order(keys);
  std::vector<Value> out;
  for (size_t i = 0; i < order.size() && c.rt.ok();) {
    const size_t first = order[i];
    std::vector<Value> members;
    for (; i < order.size() && c.rt.equals(keys[order[i]], keys[first]); ++i)
      members.push_back(items[order[i]]);
    if (members.empty()) break;  // only after an error
    out.push_back(pair(c.rt, shown[first], c.rt.list(std::move(members))));
  }
  return c.rt.list(std::move(out));
}

Value batch_filter(NativeCall& c) {
  const int64_t size = c.integer(0, 1);
  if (size < 1 || size > 1'000'000) return c.rt.fail("batch: the size is out of range");
  std::vector<Value> out;
  std::vector<Value> row;
  for (const Value& item : c.rt.iterate(c.self)) {
    row.push_back(item);
    if (row.size() == size_t(size)) out.push_back(c.rt.list(std::exchange(row, {})));
  }
  if (!row.empty()) {
    if (given(c, 1) && c.rt.tick(size_t(size))) row.resize(size_t(size), c.at(1));
    out.push_back(c.rt.list(std::move(row)));
  }
  return c.rt.list(std::move(out), SequenceKind::kGenerator);
}

Value slice_filter(NativeCall& c) {
  const int64_t slices = c.integer(0, 1);
  if (slices < 1 || slices > 1'000'000 || !c.rt.tick(size_t(slices)))
    return c.rt.fail("slice: the number of slices is out of range");
  const std::vector<Value> items = c.rt.iterate(c.self);
  const size_t each = items.size() / size_t(slices);
  const size_t with_extra = items.size() % size_t(slices);
  std::vector<Value> out;
  size_t at = 0;
  for (size_t i = 0; i < size_t(slices); ++i) {
    const size_t n = each + (i < with_extra);
    std::vector<Value> row(items.begin() + ptrdiff_t(at), items.begin() + ptrdiff_t(at + n));
    at += n;
    if (given(c, 1) && i >= with_extra) row.push_back(c.at(1));
    out.push_back(c.rt.list(std::move(row)));
  }
  return c.rt.list(std::move(out), SequenceKind::kGenerator);
}

constexpr NativeEntry kFilters[] = {
    {"batch", batch_filter, "linecount fill_with?"},
    {"count", length_filter, ""},
    {"dictsort", dictsort_filter, "case_sensitive? by? reverse?"},
    {"first", first_filter, ""},
    {"groupby", groupby_filter, "attribute default? case_sensitive?"},
    {"items", items_filter, ""},
    {"join", join_filter, "d? attribute?"},
    {"last", last_filter, ""},
    {"length", length_filter, ""},
    {"list", list_filter, ""},
    {"map", map_filter, "*"},
    {"max", max_filter, "case_sensitive? attribute?"},
    {"min", min_filter, "case_sensitive? attribute?"},
    {"reject", reject_filter, "*"},
    {"rejectattr", rejectattr_filter, "*"},
    {"reverse", reverse_filter, ""},
    {"select", select_filter, "*"},
    {"selectattr", selectattr_filter, "*"},
    {"slice", slice_filter, "slices fill_with?"},
    {"sort", sort_filter, "reverse? case_sensitive? attribute?"},
    {"sum", sum_filter, "attribute? start?"},
    {"unique", unique_filter, "case_sensitive? attribute?"},
};

}  // namespace

std::span<const NativeEntry> sequence_filters() { return kFilters; }

}  // namespace hearth::text::jinja
