#include "sample/automaton.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "sample/rule_nfa.h"

namespace hearth::sample {
namespace {

using StateSet = std::vector<uint32_t>;  // sorted

struct SetHash {
  size_t operator()(const StateSet& set) const {
    uint64_t h = 1469598103934665603u;
    for (const uint32_t s : set) h = (h ^ s) * 1099511628211u;
    return size_t(h ^ (h >> 29));
  }
};

// An edge of the automaton under construction; bytes are not classes yet.
struct RawState {
  std::vector<RuleNfa::ByteEdge> bytes;
  std::vector<RuleNfa::CallEdge> calls;
  bool is_final = false;
};

std::unexpected<Error> too_much() {
  return fail(ErrorCode::kUnsupported, "the grammar is too large to be compiled",
              "lower its repetition counts, or split it");
}

}  // namespace

class AutomatonBuilder {
 public:
  AutomatonBuilder(const Grammar& grammar, const AutomatonLimits& limits)
      : grammar_(grammar), limits_(limits) {}

  Result<Automaton> build();

 private:
  void find_nullable();
  bool computes_nullable(const RuleNfa& nfa) const;
  StateSet closure(const RuleNfa& nfa, StateSet set);
  Result<void> determinize(uint32_t rule);
  bool subset_construction(const RuleNfa& nfa);
  void expand_subset(const RuleNfa& nfa, size_t first, const StateSet& set,
                     std::unordered_map<StateSet, uint32_t, SetHash>& ids,
                     std::vector<StateSet>& sets);
  void drop_empty_edges(const RuleNfa& nfa);
  [[nodiscard]] std::string rule_name(uint32_t rule) const;
  [[nodiscard]] Result<void> check_left_recursion() const;
  void trim();
  void make_classes(Automaton& out) const;
  Automaton finish();

  const Grammar& grammar_;
  AutomatonLimits limits_;
  std::vector<RuleNfa> nfas_;
  std::vector<bool> nullable_;
  std::vector<RawState> raw_;
  std::vector<StateId> starts_;
  size_t work_ = 0;
};

bool AutomatonBuilder::computes_nullable(const RuleNfa& nfa) const {
  std::vector<bool> seen(nfa.states.size());
  std::vector<uint32_t> stack = {nfa.start};
  while (!stack.empty()) {
    const uint32_t s = stack.back();
    stack.pop_back();
    if (seen[s]) continue;
    seen[s] = true;
    if (s == nfa.end) return true;
    for (const uint32_t t : nfa.states[s].empties) stack.push_back(t);
    for (const auto& c : nfa.states[s].calls)
      if (nullable_[c.rule]) stack.push_back(c.target);
  }
  return false;
}

// Rules that match the empty text: to a fixpoint, looking again only at callers of a new one.
void AutomatonBuilder::find_nullable() {
  nullable_.assign(nfas_.size(), false);
  std::vector<std::vector<uint32_t>> callers(nfas_.size());
  std::vector<uint32_t> work;
  for (uint32_t r = 0; r < nfas_.size(); ++r) {
    work.push_back(r);
    for (const auto& s : nfas_[r].states)
      for (const auto& c : s.calls) callers[c.rule].push_back(r);
  }
  for (auto& list : callers) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
  while (!work.empty() && work_ <= limits_.work_max) {
    const uint32_t r = work.back();
    work.pop_back();
    work_ += nfas_[r].states.size() / 8 + 1;
    if (nullable_[r] || !computes_nullable(nfas_[r])) continue;
    nullable_[r] = true;
    work.insert(work.end(), callers[r].begin(), callers[r].end());
  }
}

// The states reached without reading: over empty edges, and over calls of rules that may be empty.
StateSet AutomatonBuilder::closure(const RuleNfa& nfa, StateSet set) {
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
  std::vector<uint32_t> stack = set;
  const auto add = [&](uint32_t s) {
    const auto at = std::lower_bound(set.begin(), set.end(), s);
    if (at != set.end() && *at == s) return;
    set.insert(at, s);
    stack.push_back(s);
  };
  while (!stack.empty() && work_ <= limits_.work_max) {
    const auto& state = nfa.states[stack.back()];
    stack.pop_back();
    work_ += 1 + set.size() / 64;
    for (const uint32_t t : state.empties) add(t);
    for (const auto& c : state.calls)
      if (nullable_[c.rule]) add(c.target);
  }
  // States that only lead on by empty edges tell nothing: without them equal sets are found equal.
  std::erase_if(set, [&](uint32_t s) {
    return s != nfa.end && nfa.states[s].bytes.empty() && nfa.states[s].calls.empty();
  });
  return set;
}

void AutomatonBuilder::expand_subset(const RuleNfa& nfa, size_t first, const StateSet& set,
                                     std::unordered_map<StateSet, uint32_t, SetHash>& ids,
                                     std::vector<StateSet>& sets) {
  const auto id_of = [&](StateSet targets) {
    StateSet closed = closure(nfa, std::move(targets));
    work_ += closed.size();
    const auto [it, fresh] = ids.try_emplace(closed, uint32_t(sets.size()));
    if (fresh) sets.push_back(std::move(closed));
    return uint32_t(first) + it->second;
  };
  RawState out;
  std::vector<uint32_t> cuts;
  std::vector<RuleNfa::CallEdge> calls;
  for (const uint32_t s : set) {
    out.is_final |= s == nfa.end;
    for (const auto& e : nfa.states[s].bytes) {
      cuts.push_back(e.bytes.lo);
      cuts.push_back(uint32_t(e.bytes.hi) + 1);
    }
    calls.insert(calls.end(), nfa.states[s].calls.begin(), nfa.states[s].calls.end());
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  std::vector<StateSet> targets(cuts.size());
  for (const uint32_t s : set) {
    for (const auto& e : nfa.states[s].bytes) {
      auto i = size_t(std::lower_bound(cuts.begin(), cuts.end(), e.bytes.lo) - cuts.begin());
      for (; cuts[i] <= e.bytes.hi; ++i) targets[i].push_back(e.target);
    }
  }
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    if (targets[i].empty()) continue;
    const uint8_t lo = uint8_t(cuts[i]);
    const uint8_t hi = uint8_t(cuts[i + 1] - 1);
    const uint32_t target = id_of(std::move(targets[i]));
    if (!out.bytes.empty() && out.bytes.back().target == target &&
        out.bytes.back().bytes.hi + 1 == lo)
      out.bytes.back().bytes.hi = hi;
    else
      out.bytes.push_back({{lo, hi}, target});
  }
  std::sort(calls.begin(), calls.end(), [](auto& a, auto& b) { return a.rule < b.rule; });
  for (size_t i = 0; i < calls.size();) {
    StateSet after;
    const uint32_t rule = calls[i].rule;
    for (; i < calls.size() && calls[i].rule == rule; ++i) after.push_back(calls[i].target);
    out.calls.push_back({rule, id_of(std::move(after))});
  }
  raw_.push_back(std::move(out));
}

// False if the deterministic automaton grows too much; then raw_ is as before.
bool AutomatonBuilder::subset_construction(const RuleNfa& nfa) {
  const size_t first = raw_.size();
  const size_t max = 4 * nfa.states.size() + 2'000;
  std::unordered_map<StateSet, uint32_t, SetHash> ids;
  std::vector<StateSet> sets = {closure(nfa, {nfa.start})};
  ids.emplace(sets[0], 0);
  const size_t work_before = work_;
  for (size_t i = 0; i < sets.size(); ++i) {
    if (work_ > limits_.work_max) return false;
    if (sets.size() > max || work_ - work_before > limits_.work_max / 4) {
      raw_.resize(first);
      return false;
    }
    const StateSet set = sets[i];
    expand_subset(nfa, first, set, ids, sets);
  }
  return true;
}

void AutomatonBuilder::drop_empty_edges(const RuleNfa& nfa) {
  const uint32_t first = uint32_t(raw_.size());
  for (uint32_t s = 0; s < nfa.states.size() && work_ <= limits_.work_max; ++s) {
    RawState out;
    for (const uint32_t member : closure(nfa, {s})) {
      out.is_final |= member == nfa.end;
      for (const auto& e : nfa.states[member].bytes)
        out.bytes.push_back({e.bytes, first + e.target});
      for (const auto& c : nfa.states[member].calls)
        out.calls.push_back({c.rule, first + c.target});
      work_ += out.bytes.size() + out.calls.size();
    }
    raw_.push_back(std::move(out));
  }
}

Result<void> AutomatonBuilder::determinize(uint32_t rule) {
  const RuleNfa& nfa = nfas_[rule];
  starts_.push_back(StateId(raw_.size()));
  if (!subset_construction(nfa) && work_ <= limits_.work_max) {
    drop_empty_edges(nfa);
    starts_.back() += nfa.start;
  }
  if (work_ > limits_.work_max || raw_.size() > limits_.states_max) return too_much();
  return {};
}

std::string AutomatonBuilder::rule_name(uint32_t rule) const {
  return rule < grammar_.rules().size() ? grammar_.rules()[rule].name : "(...)";
}

// A rule that calls itself before reading anything would call itself for ever. Depth-first search
// over "may call first"; iterative, because chains of rules may be long.
Result<void> AutomatonBuilder::check_left_recursion() const {
  enum : uint8_t { kNew, kOpen, kDone };
  std::vector<uint8_t> mark(starts_.size(), kNew);
  for (uint32_t root = 0; root < starts_.size(); ++root) {
    if (mark[root] != kNew) continue;
    std::vector<std::pair<uint32_t, size_t>> path = {{root, 0}};
    mark[root] = kOpen;
    while (!path.empty()) {
      auto& [rule, next] = path.back();
      const auto& calls = raw_[starts_[rule]].calls;
      if (next == calls.size()) {
        mark[rule] = kDone;
        path.pop_back();
        continue;
      }
      const uint32_t callee = calls[next++].rule;
      if (mark[callee] == kOpen)
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("the rule {} is left-recursive: it may begin with itself",
                                rule_name(callee)),
                    "write it as a repetition: a ::= a \"x\" | b becomes a ::= b \"x\"*");
      if (mark[callee] == kNew) {
        mark[callee] = kOpen;
        path.emplace_back(callee, 0);
      }
    }
  }
  return {};
}

// Keeps only edges after which the rule can still be completed.
void AutomatonBuilder::trim() {
  std::vector<bool> useful(raw_.size());
  std::vector<std::vector<StateId>> sources(raw_.size());  // of byte and call edges
  std::vector<std::vector<StateId>> callers(starts_.size());
  std::unordered_map<StateId, std::vector<uint32_t>> rules_at;  // start state -> rules
  for (uint32_t r = 0; r < starts_.size(); ++r) rules_at[starts_[r]].push_back(r);
  std::vector<StateId> work;
  for (StateId s = 0; s < raw_.size(); ++s) {
    for (const auto& e : raw_[s].bytes) sources[e.target].push_back(s);
    for (const auto& c : raw_[s].calls) {
      sources[c.target].push_back(s);
      callers[c.rule].push_back(s);
    }
    if (raw_[s].is_final) work.push_back(s);
  }
  for (const StateId s : work) useful[s] = true;
  const auto leads_on = [&](StateId s) {
    for (const auto& e : raw_[s].bytes)
      if (useful[e.target]) return true;
    for (const auto& c : raw_[s].calls)
      if (useful[c.target] && useful[starts_[c.rule]]) return true;
    return false;
  };
  const auto look_at = [&](StateId s) {
    if (useful[s] || !leads_on(s)) return;
    useful[s] = true;
    work.push_back(s);
  };
  while (!work.empty()) {
    const StateId s = work.back();
    work.pop_back();
    for (const StateId from : sources[s]) look_at(from);
    const auto starting = rules_at.find(s);
    if (starting == rules_at.end()) continue;
    for (const uint32_t rule : starting->second)
      for (const StateId from : callers[rule]) look_at(from);
  }
  for (RawState& state : raw_) {
    std::erase_if(state.bytes, [&](const auto& e) { return !useful[e.target]; });
    std::erase_if(state.calls,
                  [&](const auto& c) { return !useful[c.target] || !useful[starts_[c.rule]]; });
  }
}

void AutomatonBuilder::make_classes(Automaton& out) const {
  std::array<bool, 257> cut{};
  for (const RawState& state : raw_) {
    for (const auto& e : state.bytes) {
      cut[e.bytes.lo] = true;
      cut[size_t(e.bytes.hi) + 1] = true;
    }
  }
  uint8_t klass = 0;
  for (size_t b = 0; b < 256; ++b) {
    if (b > 0 && cut[b]) ++klass;
    out.classes_[b] = klass;
  }
  out.n_classes_ = size_t(klass) + 1;
}

Automaton AutomatonBuilder::finish() {
  Automaton out;
  make_classes(out);
  out.root_ = grammar_.root();
  out.starts_ = std::move(starts_);
  for (const RawState& state : raw_) {
    out.states_.push_back(
        {.byte_begin = uint32_t(out.byte_edges_.size()),
         .call_begin = uint32_t(out.call_edges_.size()),
         .is_final = state.is_final,
         .is_only_final = state.is_final && state.bytes.empty() && state.calls.empty()});
    for (const auto& e : state.bytes)
      out.byte_edges_.push_back({out.classes_[e.bytes.lo], out.classes_[e.bytes.hi], e.target});
    for (const auto& c : state.calls) out.call_edges_.push_back({c.rule, c.target});
  }
  out.states_.push_back({.byte_begin = uint32_t(out.byte_edges_.size()),
                         .call_begin = uint32_t(out.call_edges_.size())});
  return out;
}

Result<Automaton> AutomatonBuilder::build() {
  HEARTH_ASSIGN(nfas_, NfaBuilder(grammar_, limits_.states_max).build());
  find_nullable();
  for (uint32_t r = 0; r < nfas_.size(); ++r) HEARTH_TRY(determinize(r));
  HEARTH_TRY(check_left_recursion());
  trim();
  const RawState& root = raw_[starts_[grammar_.root()]];
  if (!root.is_final && root.bytes.empty() && root.calls.empty())
    return fail(ErrorCode::kInvalidArgument, "no text at all matches the grammar");
  return finish();
}

Result<Automaton> Automaton::compile(const Grammar& grammar, const AutomatonLimits& limits) {
  return AutomatonBuilder(grammar, limits).build();
}

}  // namespace hearth::sample
