#include "sample/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "sample/pattern_syntax.h"

namespace hearth::sample {
namespace {

constexpr size_t kMaxNfaStates = 60'000;
constexpr size_t kMaxWork = 20'000'000;  // elements of state sets: a second or so

std::unexpected<Error> too_complex() {
  return fail(ErrorCode::kUnsupported, "the regular expression is too complex",
              "lower its counts, or tie it to the beginning with ^");
}

// Thompson's construction. Assertions are edges that only the ends of the text open.
class PatternNfa {
 public:
  struct State {
    std::vector<uint32_t> empties;
    std::vector<uint32_t> at_start;
    std::vector<uint32_t> at_end;
    const CharSet* chars = nullptr;  // to `next`
    uint32_t next = 0;
  };

  explicit PatternNfa(const PatternNode& root) {
    search_ = add();
    const auto [first, last] = build(root);
    final_ = last;
    start_ = first;
  }

  [[nodiscard]] bool is_too_large() const { return states_.size() > kMaxNfaStates; }
  Result<TextDfa> determinize();

 private:
  using Set = std::vector<uint32_t>;

  uint32_t add() {
    states_.emplace_back();
    return uint32_t(states_.size() - 1);
  }
  std::pair<uint32_t, uint32_t> build(const PatternNode& node);
  std::pair<uint32_t, uint32_t> build_repeat(const PatternNode& node);
  Set closure(Set from, bool at_start, bool at_end);
  void collect_classes();
  std::vector<TextDfa::Edge> edges_of(const Set& set);
  uint32_t id_of(Set closed);

  std::vector<State> states_;
  uint32_t search_ = 0;  // loops on every character: the match may begin anywhere
  uint32_t start_ = 0;
  uint32_t final_ = 0;
  std::vector<uint32_t> bounds_;
  std::map<Set, uint32_t> ids_;
  std::vector<Set> sets_;
  size_t work_ = 0;
};

std::pair<uint32_t, uint32_t> PatternNfa::build(const PatternNode& node) {
  const uint32_t first = add();
  if (is_too_large()) return {first, first};
  uint32_t last = first;
  switch (node.kind) {
    case PatternNode::Kind::kChars:
      last = add();
      states_[first].chars = &node.chars;
      states_[first].next = last;
      break;
    case PatternNode::Kind::kStart:
      last = add();
      states_[first].at_start.push_back(last);
      break;
    case PatternNode::Kind::kEnd:
      last = add();
      states_[first].at_end.push_back(last);
      break;
    case PatternNode::Kind::kSequence:
      for (const PatternNode& part : node.parts) {
        const auto [a, b] = build(part);
        states_[last].empties.push_back(a);
        last = b;
      }
      break;
    case PatternNode::Kind::kChoice:
      last = add();
      for (const PatternNode& part : node.parts) {
        const auto [a, b] = build(part);
        states_[first].empties.push_back(a);
        states_[b].empties.push_back(last);
      }
      break;
    case PatternNode::Kind::kRepeat:
      return build_repeat(node);
  }
  return {first, last};
}

std::pair<uint32_t, uint32_t> PatternNfa::build_repeat(const PatternNode& node) {
  const uint32_t first = add();
  const uint32_t last = add();
  uint32_t at = first;
  const int64_t count = node.max < 0 ? node.min : node.max;
  for (int64_t i = 0; i < count && !is_too_large(); ++i) {
    if (i >= node.min) states_[at].empties.push_back(last);
    const auto [a, b] = build(node.parts[0]);
    states_[at].empties.push_back(a);
    at = b;
  }
  states_[at].empties.push_back(last);
  if (node.max < 0) {
    const uint32_t loop = add();
    const auto [a, b] = build(node.parts[0]);
    states_[at].empties.push_back(loop);
    states_[loop].empties.push_back(a);
    states_[b].empties.push_back(loop);
    states_[loop].empties.push_back(last);
  }
  return {first, last};
}

PatternNfa::Set PatternNfa::closure(Set from, bool at_start, bool at_end) {
  std::set<uint32_t> seen(from.begin(), from.end());
  while (!from.empty() && work_ <= kMaxWork) {
    const State& s = states_[from.back()];
    from.pop_back();
    ++work_;
    const auto follow = [&](const std::vector<uint32_t>& targets) {
      for (const uint32_t t : targets)
        if (seen.insert(t).second) from.push_back(t);
    };
    follow(s.empties);
    if (at_start) follow(s.at_start);
    if (at_end) follow(s.at_end);
  }
  if (seen.contains(final_)) return {final_};  // found: whatever follows
  return {seen.begin(), seen.end()};
}

void PatternNfa::collect_classes() {
  std::set<uint32_t> starts = {0, 0xd800, 0xe000};
  for (const State& s : states_) {
    if (s.chars == nullptr) continue;
    for (const CharRange r : s.chars->ranges()) {
      starts.insert(r.lo);
      if (r.hi < kMaxChar) starts.insert(r.hi + 1);
    }
  }
  bounds_.assign(starts.begin(), starts.end());
}

uint32_t PatternNfa::id_of(Set closed) {
  const auto [it, fresh] = ids_.try_emplace(std::move(closed), uint32_t(sets_.size()));
  if (fresh) sets_.push_back(it->first);
  return it->second;
}

std::vector<TextDfa::Edge> PatternNfa::edges_of(const Set& set) {
  std::vector<Set> targets(bounds_.size());
  for (const uint32_t s : set) {
    if (states_[s].chars == nullptr) continue;
    for (const CharRange r : states_[s].chars->ranges()) {
      auto i = size_t(std::lower_bound(bounds_.begin(), bounds_.end(), r.lo) - bounds_.begin());
      for (; i < bounds_.size() && bounds_[i] <= r.hi; ++i) targets[i].push_back(states_[s].next);
    }
  }
  const bool searching = std::find(set.begin(), set.end(), search_) != set.end();
  std::vector<TextDfa::Edge> out;
  Set last_targets;
  for (size_t i = 0; i < bounds_.size(); ++i) {
    const uint32_t hi = i + 1 < bounds_.size() ? bounds_[i + 1] - 1 : kMaxChar;
    if (bounds_[i] == 0xd800) continue;  // surrogates
    if (searching) {
      targets[i].push_back(search_);
      targets[i].push_back(start_);
    }
    if (targets[i].empty()) continue;
    work_ += targets[i].size();
    if (!out.empty() && targets[i] == last_targets && out.back().chars.hi + 1 == bounds_[i]) {
      out.back().chars.hi = hi;
      continue;
    }
    last_targets = targets[i];
    out.push_back({{bounds_[i], hi}, id_of(closure(std::move(targets[i]), false, false))});
  }
  return out;
}

Result<TextDfa> PatternNfa::determinize() {
  collect_classes();
  id_of(closure({search_, start_}, true, false));
  std::vector<std::vector<TextDfa::Edge>> edges;
  std::vector<bool> accepting;
  const CharSet any = CharSet::all();
  for (size_t i = 0; i < sets_.size(); ++i) {
    if (work_ > kMaxWork || i * bounds_.size() > TextDfa::kMaxCells || i > TextDfa::kMaxStates)
      return too_complex();
    const Set set = sets_[i];
    if (set == Set{final_}) {
      accepting.push_back(true);
      edges.emplace_back();
      for (const CharRange r : any.ranges()) edges.back().push_back({r, uint32_t(i)});
      continue;
    }
    accepting.push_back(closure(set, i == 0, true) == Set{final_});
    edges.push_back(edges_of(set));
  }
  return TextDfa::of_edges(edges, accepting).minimized();
}

}  // namespace

Result<TextDfa> compile_pattern(std::string_view pattern) {
  HEARTH_ASSIGN(const PatternNode root, parse_pattern(pattern));
  PatternNfa nfa(root);
  if (nfa.is_too_large()) return too_complex();
  return nfa.determinize();
}

std::string literal_pattern(std::string_view text) {
  constexpr std::string_view kSigns = "^$\\.*+?()[]{}|/";
  std::string out;
  for (const char c : text) {
    if (kSigns.contains(c)) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace hearth::sample
