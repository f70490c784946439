#include "sample/text_dfa.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace hearth::sample {
namespace {

std::unexpected<Error> too_large(size_t n) {
  return fail(ErrorCode::kUnsupported,
              fmt::format("the automaton of the text would need more than {} states", n),
              "simplify the pattern, or lower its counts");
}

}  // namespace

TextDfa TextDfa::of_edges(const std::vector<std::vector<Edge>>& edges,
                          const std::vector<bool>& accepting) {
  std::set<uint32_t> starts = {0};
  for (const auto& list : edges) {
    for (const Edge& e : list) {
      starts.insert(e.chars.lo);
      if (e.chars.hi < kMaxChar) starts.insert(e.chars.hi + 1);
    }
  }
  TextDfa dfa;
  dfa.bounds_.assign(starts.begin(), starts.end());
  dfa.accepting_ = accepting;
  const size_t k = dfa.bounds_.size();
  dfa.next_.assign(edges.size() * k, kDead);
  for (size_t s = 0; s < edges.size(); ++s) {
    for (const Edge& e : edges[s]) {
      auto at = std::lower_bound(dfa.bounds_.begin(), dfa.bounds_.end(), e.chars.lo);
      for (; at != dfa.bounds_.end() && *at <= e.chars.hi; ++at)
        dfa.next_[s * k + size_t(at - dfa.bounds_.begin())] = int32_t(e.target);
    }
  }
  return dfa;
}

TextDfa TextDfa::all() {
  const CharSet any = CharSet::all();
  std::vector<Edge> loop;
  for (const CharRange r : any.ranges()) loop.push_back({r, 0});
  return of_edges({loop}, {true});
}

TextDfa TextDfa::none() { return of_edges({{}}, {false}); }

TextDfa TextDfa::of_texts(const std::vector<std::string>& texts) {
  std::vector<std::map<uint32_t, uint32_t>> nodes(1);
  std::vector<bool> accepting(1, false);
  for (const std::string& text : texts) {
    uint32_t at = 0;
    size_t pos = 0;
    bool valid = true;
    while (pos < text.size()) {
      const uint32_t c = next_char(text, pos);
      if (c == kNoChar) {
        valid = false;
        break;
      }
      const auto [it, fresh] = nodes[at].try_emplace(c, uint32_t(nodes.size()));
      at = it->second;
      if (fresh) {
        nodes.emplace_back();
        accepting.push_back(false);
      }
    }
    if (valid) accepting[at] = true;
  }
  std::vector<std::vector<Edge>> edges(nodes.size());
  for (size_t s = 0; s < nodes.size(); ++s)
    for (const auto& [c, target] : nodes[s]) edges[s].push_back({{c, c}, target});
  return of_edges(edges, accepting);
}

Result<TextDfa> TextDfa::of_length(int64_t min, int64_t max) {
  const int64_t last = max < 0 ? min : max;
  if (last >= int64_t(kMaxStates)) return too_large(kMaxStates);
  if (max >= 0 && min > max) return none();
  const CharSet any = CharSet::all();
  std::vector<std::vector<Edge>> edges(size_t(last) + 1);
  std::vector<bool> accepting;
  for (int64_t i = 0; i <= last; ++i) {
    accepting.push_back(i >= min);
    const int64_t target = i < last ? i + 1 : i;
    if (i == last && max >= 0) continue;
    for (const CharRange r : any.ranges()) edges[size_t(i)].push_back({r, uint32_t(target)});
  }
  return of_edges(edges, accepting);
}

Result<TextDfa> TextDfa::product(const TextDfa& other, Keep keep) const {
  TextDfa out;
  out.bounds_.clear();
  std::set_union(bounds_.begin(), bounds_.end(), other.bounds_.begin(), other.bounds_.end(),
                 std::back_inserter(out.bounds_));
  const size_t k = out.bounds_.size();
  std::vector<std::pair<size_t, size_t>> classes;  // of *this, of other
  for (const uint32_t c : out.bounds_) {
    const auto place = [c](const std::vector<uint32_t>& b) {
      return size_t(std::upper_bound(b.begin(), b.end(), c) - b.begin()) - 1;
    };
    classes.emplace_back(place(bounds_), place(other.bounds_));
  }
  std::map<std::pair<int32_t, int32_t>, int32_t> ids;
  std::vector<std::pair<int32_t, int32_t>> states;
  const auto id_of = [&](int32_t a, int32_t b) {
    if (a < 0 && (keep != Keep::kEither || b < 0)) return kDead;
    if (b < 0 && keep == Keep::kBoth) return kDead;
    const auto [it, fresh] = ids.try_emplace({a, b}, int32_t(states.size()));
    if (fresh) states.emplace_back(a, b);
    return it->second;
  };
  id_of(0, 0);
  for (size_t s = 0; s < states.size(); ++s) {
    if (states.size() > kMaxStates || states.size() * k > kMaxCells) return too_large(kMaxStates);
    const auto [a, b] = states[s];
    const bool in_a = a >= 0 && accepting_[size_t(a)];
    const bool in_b = b >= 0 && other.accepting_[size_t(b)];
    out.accepting_.push_back(keep == Keep::kBoth        ? in_a && in_b
                             : keep == Keep::kFirstOnly ? in_a && !in_b
                                                        : in_a || in_b);
    for (const auto& [ca, cb] : classes) {
      const int32_t target = id_of(next(a, ca), other.next(b, cb));
      out.next_.push_back(target);
    }
  }
  return out.minimized();
}

Result<TextDfa> TextDfa::intersect(const TextDfa& other) const {
  return product(other, Keep::kBoth);
}
Result<TextDfa> TextDfa::minus(const TextDfa& other) const {
  return product(other, Keep::kFirstOnly);
}
Result<TextDfa> TextDfa::unite(const TextDfa& other) const { return product(other, Keep::kEither); }

// Which states lead to acceptance.
std::vector<bool> TextDfa::useful_states() const {
  const size_t n = n_states();
  const size_t k = bounds_.size();
  std::vector<bool> useful(accepting_);
  std::vector<std::vector<uint32_t>> sources(n);
  std::vector<uint32_t> work;
  for (size_t s = 0; s < n; ++s) {
    if (useful[s]) work.push_back(uint32_t(s));
    for (size_t c = 0; c < k; ++c)
      if (next_[s * k + c] >= 0) sources[size_t(next_[s * k + c])].push_back(uint32_t(s));
  }
  while (!work.empty()) {
    const uint32_t s = work.back();
    work.pop_back();
    for (const uint32_t from : sources[s]) {
      if (useful[from]) continue;
      useful[from] = true;
      work.push_back(from);
    }
  }
  return useful;
}

// The automaton whose states are the groups; a state of group kDead is dropped. Group 0 starts.
TextDfa TextDfa::merged(const std::vector<int32_t>& group, size_t n_groups) const {
  const size_t k = bounds_.size();
  TextDfa out;
  out.bounds_ = bounds_;
  out.accepting_.assign(n_groups, false);
  out.next_.assign(n_groups * k, kDead);
  for (size_t s = 0; s < n_states(); ++s) {
    if (group[s] < 0) continue;
    const size_t g = size_t(group[s]);
    out.accepting_[g] = accepting_[s];
    for (size_t c = 0; c < k; ++c) {
      const int32_t t = next_[s * k + c];
      out.next_[g * k + c] = t < 0 ? kDead : group[size_t(t)];
    }
  }
  return out;
}

// Moore's refinement: states are told apart by acceptance, then by the groups they lead to, until
// nothing changes. Its rounds grow with the longest chain, so that large automata (of length
// bounds, which are minimal anyway) are only rid of what is useless.
TextDfa TextDfa::minimized() const {
  const size_t n = n_states();
  const size_t k = bounds_.size();
  const std::vector<bool> useful = useful_states();
  if (!useful[0]) return none();
  std::vector<int32_t> group(n, kDead);
  if (n > kMaxMinimized) {
    int32_t count = 0;
    for (size_t s = 0; s < n; ++s)
      if (useful[s]) group[s] = count++;
    return merged(group, size_t(count));
  }
  for (size_t s = 0; s < n; ++s)
    if (useful[s]) group[s] = accepting_[s] ? 1 : 0;
  for (size_t n_groups = 0;;) {
    std::map<std::vector<int32_t>, int32_t> signatures;
    std::vector<int32_t> refined(n, kDead);
    std::vector<int32_t> signature(k + 1);
    for (size_t s = 0; s < n; ++s) {
      if (!useful[s]) continue;
      signature[0] = group[s];
      for (size_t c = 0; c < k; ++c) {
        const int32_t t = next_[s * k + c];
        signature[c + 1] = t < 0 ? kDead : group[size_t(t)];
      }
      refined[s] = signatures.try_emplace(signature, int32_t(signatures.size())).first->second;
    }
    group.swap(refined);
    if (signatures.size() == n_groups) return merged(group, n_groups);
    n_groups = signatures.size();
  }
}

bool TextDfa::is_empty() const {
  const TextDfa small = minimized();
  return small.n_states() == 1 && !small.accepting_[0];
}

bool TextDfa::is_all() const {
  if (n_states() != 1 || !accepting_[0]) return false;
  size_t n_chars = 0;
  for (const Edge& e : edges(0)) {
    const CharSet set({e.chars});
    for (const CharRange r : set.ranges()) n_chars += r.hi - r.lo + 1;
  }
  constexpr size_t kAllChars = kMaxChar + 1 - 0x800;  // without surrogates
  return n_chars == kAllChars;
}

bool TextDfa::matches(std::string_view text) const {
  int32_t state = 0;
  size_t pos = 0;
  while (pos < text.size() && state >= 0) {
    const uint32_t c = next_char(text, pos);
    if (c == kNoChar) return false;
    const auto at = std::upper_bound(bounds_.begin(), bounds_.end(), c);
    state = next(state, size_t(at - bounds_.begin()) - 1);
  }
  return state >= 0 && accepting_[size_t(state)];
}

std::vector<TextDfa::Edge> TextDfa::edges(uint32_t state) const {
  std::vector<Edge> out;
  for (size_t c = 0; c < bounds_.size(); ++c) {
    const int32_t t = next(int32_t(state), c);
    if (t < 0) continue;
    const uint32_t hi = c + 1 < bounds_.size() ? bounds_[c + 1] - 1 : kMaxChar;
    if (!out.empty() && out.back().target == uint32_t(t) && out.back().chars.hi + 1 == bounds_[c])
      out.back().chars.hi = hi;
    else
      out.push_back({{bounds_[c], hi}, uint32_t(t)});
  }
  return out;
}

}  // namespace hearth::sample
