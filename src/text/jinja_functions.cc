// Global functions, and the methods of loop, cycler and joiner ("loop.cycle"). One line each in the
// table at the end.
#include <fmt/format.h>

#include "text/jinja_format.h"
#include "text/jinja_runtime.h"

namespace hearth::text::jinja {
namespace {

constexpr int64_t kMaxRange = 100'000;  // as Jinja's sandbox

Value range_function(NativeCall& c) {
  const int64_t a = c.integer(0, 0);
  const int64_t begin = c.has(1) ? a : 0;
  const int64_t end = c.has(1) ? c.integer(1, 0) : a;
  const int64_t step = c.integer(2, 1);
  if (step == 0) return c.rt.fail("range() arg 3 must not be zero");
  std::vector<Value> items;
  for (int64_t i = begin; step > 0 ? i < end : i > end;) {
    if (int64_t(items.size()) >= kMaxRange)
      return c.rt.fail(
          fmt::format("Range too big. The sandbox blocks ranges larger than {}.", kMaxRange));
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return c.rt.list(std::move(items), SequenceKind::kRange);
}

Value dict_function(NativeCall& c) {
  Dict out;
  if (c.args.positional.size() > 1) return c.rt.fail("dict expected at most 1 argument");
  if (!c.args.positional.empty()) {
    const Value& from = c.args.positional[0];
    if (from.is_dict()) {
      out = from.as_dict();
    } else {
      for (const Value& item : c.rt.iterate(from)) {
        const std::vector<Value> both = c.rt.iterate(item);
        if (both.size() != 2) return c.rt.fail("dict() needs pairs");
        out.set(both[0], both[1]);
      }
    }
  }
  for (const auto& [name, value] : c.args.named) out.set(Value(name), value);
  return c.rt.dict(std::move(out));
}

Value namespace_function(NativeCall& c) {
  std::vector<std::pair<std::string, Value>> attributes;
  for (const Value& from : c.args.positional) {
    if (!from.is_dict()) return c.rt.fail("namespace() takes a mapping and named values");
    for (const auto& [key, value] : from.as_dict().entries()) {
      if (key.is_string()) attributes.emplace_back(key.bytes(), value);
    }
  }
  attributes.insert(attributes.end(), c.args.named.begin(), c.args.named.end());
  return c.rt.new_namespace(std::move(attributes));
}

Value raise_function(NativeCall& c) { return c.rt.raise(c.rt.to_text(c.at(0)).bytes()); }

Value strftime_function(NativeCall& c) {
  if (!c.rt.now()) return c.rt.fail("the time is not known here");
  return c.rt.text(MarkedText(format_time(c.text(0, "").bytes(), *c.rt.now())));
}

Value cycler_function(NativeCall& c) {
  if (c.args.positional.empty()) return c.rt.fail("at least one item has to be provided");
  return Value(std::shared_ptr<Object>(std::make_shared<Cycler>(c.args.positional)));
}

Value cycler_next(NativeCall& c) {
  auto& cycler = static_cast<Cycler&>(c.self.object());
  const Value v = cycler.items[cycler.at];
  cycler.at = (cycler.at + 1) % cycler.items.size();
  return v;
}

Value cycler_reset(NativeCall& c) {
  static_cast<Cycler&>(c.self.object()).at = 0;
  return nullptr;
}

Value joiner_function(NativeCall& c) {
  return Value(std::shared_ptr<Object>(std::make_shared<Joiner>(c.has(0) ? c.at(0) : Value(", "))));
}

Value loop_cycle(NativeCall& c) {
  const auto& items = c.args.positional;
  if (items.empty()) return c.rt.fail("no items for cycling given");
  return items[static_cast<const Loop&>(c.self.object()).index % items.size()];
}

Value loop_changed(NativeCall& c) {
  auto& loop = static_cast<Loop&>(c.self.object());
  bool same = loop.last_changed && loop.last_changed->size() == c.args.positional.size();
  for (size_t i = 0; same && i < c.args.positional.size(); ++i)
    same = c.rt.equals((*loop.last_changed)[i], c.args.positional[i]);
  if (!same) loop.last_changed = c.args.positional;
  return !same;
}

constexpr NativeEntry kFunctions[] = {
    {"cycler", cycler_function, "*"},
    {"cycler.next", cycler_next, ""},
    {"cycler.reset", cycler_reset, ""},
    {"dict", dict_function, "*"},
    {"joiner", joiner_function, "sep?"},
    {"loop.changed", loop_changed, "*"},
    {"loop.cycle", loop_cycle, "*"},
    {"namespace", namespace_function, "*"},
    {"raise_exception", raise_function, "message"},
    {"range", range_function, "start stop? step?"},
    {"strftime_now", strftime_function, "format"},
};

}  // namespace

std::span<const NativeEntry> functions() { return kFunctions; }

}  // namespace hearth::text::jinja
