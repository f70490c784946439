#include "sample/configs.h"

#include <algorithm>

namespace hearth::sample {
namespace {

uint64_t mix(uint64_t h, uint64_t value) {
  h = (h ^ value) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 32);
}

}  // namespace

Configs::Configs(const Automaton& automaton)
    : automaton_(&automaton), n_classes_(automaton.n_classes()) {
  clear();
}

void Configs::clear() {
  configs_.clear();
  next_.clear();
  items_.clear();
  stacks_.clear();
  frames_.clear();
  config_index_.clear();
  stack_index_.clear();
  unions_.clear();
  intern_stacks({}, false, false);
  intern_stacks({}, true, false);
  intern_stacks({}, false, true);
  Gathering nothing;
  HEARTH_CHECK(intern(nothing) == kDead);
}

StackSetId Configs::intern_stacks(std::span<const Frame> sorted, bool has_bottom,
                                  bool has_unknown) {
  uint64_t hash = mix(uint64_t(has_bottom), uint64_t(has_unknown));
  for (const Frame f : sorted) hash = mix(hash, uint64_t(f.return_to) << 32 | f.below);
  const auto [begin, end] = stack_index_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const StackSet& s = stacks_[it->second];
    if (s.has_bottom == has_bottom && s.has_unknown == has_unknown &&
        std::ranges::equal(frames(it->second), sorted))
      return it->second;
  }
  uint32_t depth = 0;
  for (const Frame f : sorted) depth = std::max(depth, stacks_[f.below].depth + 1);
  const StackSetId id = StackSetId(stacks_.size());
  stacks_.push_back({.first_frame = uint32_t(frames_.size()),
                     .n_frames = uint32_t(sorted.size()),
                     .depth = depth,
                     .has_bottom = has_bottom,
                     .has_unknown = has_unknown});
  frames_.insert(frames_.end(), sorted.begin(), sorted.end());
  stack_index_.emplace(hash, id);
  return id;
}

// kNoStack when the nesting would be too deep.
StackSetId Configs::push(StateId return_to, StackSetId below) {
  if (stacks_[below].depth >= kMaxDepth) return kNoStack;
  const Frame frame = {return_to, below};
  return intern_stacks({&frame, 1}, false, false);
}

StackSetId Configs::unite(StackSetId a, StackSetId b) {
  if (a == b || b == kNoStack) return a;
  if (a == kNoStack) return b;
  if (a > b) std::swap(a, b);
  const uint64_t key = uint64_t(a) << 32 | b;
  if (const auto it = unions_.find(key); it != unions_.end()) return it->second;
  std::vector<Frame> merged;
  size_t i = 0;
  size_t j = 0;
  while (i < stacks_[a].n_frames || j < stacks_[b].n_frames) {
    const Frame* fa = i < stacks_[a].n_frames ? &frames_[stacks_[a].first_frame + i] : nullptr;
    const Frame* fb = j < stacks_[b].n_frames ? &frames_[stacks_[b].first_frame + j] : nullptr;
    if (fb == nullptr || (fa != nullptr && fa->return_to < fb->return_to)) {
      merged.push_back(*fa);
      ++i;
    } else if (fa == nullptr || fb->return_to < fa->return_to) {
      merged.push_back(*fb);
      ++j;
    } else {
      const Frame both = {fa->return_to, kNoStack};
      const StackSetId below_a = fa->below;
      const StackSetId below_b = fb->below;
      merged.push_back(both);
      merged.back().below = unite(below_a, below_b);
      ++i;
      ++j;
    }
  }
  const StackSetId id = intern_stacks(merged, stacks_[a].has_bottom || stacks_[b].has_bottom,
                                      stacks_[a].has_unknown || stacks_[b].has_unknown);
  unions_.emplace(key, id);
  return id;
}

Configs::Item* Configs::Gathering::find_or_add(StateId state, StackSetId stacks) {
  constexpr size_t kFew = 32;
  if (items.size() < kFew) {
    for (Item& item : items)
      if (item.state == state) return &item;
  } else {
    for (size_t i = places.size(); i < items.size(); ++i) places.emplace(items[i].state, i);
    if (const auto it = places.find(state); it != places.end()) return &items[it->second];
  }
  items.push_back({state, stacks});
  return nullptr;
}

void Configs::pop(Gathering& g, StackSetId stacks) {
  g.accepting |= stacks_[stacks].has_bottom;
  g.escaped |= stacks_[stacks].has_unknown;
  const size_t first = stacks_[stacks].first_frame;
  for (size_t i = 0; i < stacks_[stacks].n_frames; ++i) {
    const Frame frame = frames_[first + i];
    arrive(g, frame.return_to, frame.below);
  }
}

// Recursion: a return leads to states whose rules may end too, so it goes as deep as the stack, at
// most kMaxDepth.
void Configs::arrive(Gathering& g, StateId state, StackSetId stacks) {
  if (automaton_->is_only_final(state)) return pop(g, stacks);
  if (Item* known = g.find_or_add(state, stacks); known != nullptr) {
    const StackSetId both = unite(known->stacks, stacks);
    if (both == known->stacks) return;
    known->stacks = both;
  }
  if (automaton_->is_final(state)) pop(g, stacks);
}

ConfigId Configs::intern(Gathering& g) {
  std::sort(g.items.begin(), g.items.end(),
            [](const Item& a, const Item& b) { return a.state < b.state; });
  uint64_t hash = mix(uint64_t(g.accepting), uint64_t(g.escaped));
  for (const Item i : g.items) hash = mix(hash, uint64_t(i.state) << 32 | i.stacks);
  const auto [begin, end] = config_index_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Config& c = configs_[it->second];
    if (c.accepting == g.accepting && c.escaped == g.escaped &&
        std::ranges::equal(items(it->second), g.items))
      return it->second;
  }
  const ConfigId id = ConfigId(configs_.size());
  configs_.push_back({.first_item = uint32_t(items_.size()),
                      .n_items = uint32_t(g.items.size()),
                      .accepting = g.accepting,
                      .escaped = g.escaped});
  items_.insert(items_.end(), g.items.begin(), g.items.end());
  next_.resize(next_.size() + n_classes_, kUnknown);
  config_index_.emplace(hash, id);
  return id;
}

ConfigId Configs::start() {
  Gathering g;
  arrive(g, automaton_->root_start(), kBottom);
  return intern(g);
}

ConfigId Configs::start_in(StateId state) {
  Gathering g;
  if (!automaton_->is_only_final(state)) g.items.push_back({state, kUnknownStack});
  return intern(g);
}

ConfigId Configs::after_return(StackSetId stacks) {
  Gathering g;
  pop(g, stacks);
  return intern(g);
}

// The items of a config, with all callees entered. Entering never ends in a circle (no left
// recursion) and never returns (rules that may be empty are skipped by the automaton itself).
std::span<const Configs::Item> Configs::open_items(ConfigId config) {
  Config& c = configs_[config];
  if (c.first_open == kUnknown) {
    Gathering g;
    const auto kernel = items(config);
    g.items.assign(kernel.begin(), kernel.end());
    std::vector<size_t> work(g.items.size());
    for (size_t i = 0; i < work.size(); ++i) work[i] = i;
    while (!work.empty()) {
      const Item item = g.items[work.back()];
      work.pop_back();
      for (const Automaton::CallEdge& call : automaton_->call_edges(item.state)) {
        const StackSetId stacks =
            automaton_->is_only_final(call.target) ? item.stacks : push(call.target, item.stacks);
        if (stacks == kNoStack) continue;
        Item* known = g.find_or_add(automaton_->start(call.rule), stacks);
        if (known == nullptr) {
          work.push_back(g.items.size() - 1);
          continue;
        }
        const StackSetId both = unite(known->stacks, stacks);
        if (both == known->stacks) continue;
        known->stacks = both;
        work.push_back(size_t(known - g.items.data()));
      }
    }
    std::erase_if(g.items, [&](const Item& i) { return automaton_->byte_edges(i.state).empty(); });
    c.first_open = uint32_t(items_.size());
    c.n_open = uint32_t(g.items.size());
    items_.insert(items_.end(), g.items.begin(), g.items.end());
  }
  return std::span(items_).subspan(c.first_open, c.n_open);
}

ConfigId Configs::compute_step(ConfigId config, uint8_t byte) {
  const uint8_t klass = automaton_->byte_class(byte);
  Gathering g;
  for (const Item item : open_items(config)) {
    for (const Automaton::ByteEdge& e : automaton_->byte_edges(item.state))
      if (e.lo <= klass && klass <= e.hi) arrive(g, e.target, item.stacks);
  }
  const ConfigId next = intern(g);
  next_[size_t(config) * n_classes_ + klass] = next;
  return next;
}

size_t Configs::memory_bytes() const {
  constexpr size_t kIndexEntry = 48;  // of the hash tables, about
  return configs_.size() * (sizeof(Config) + 4 * n_classes_ + kIndexEntry) +
         items_.size() * sizeof(Item) + stacks_.size() * (sizeof(StackSet) + kIndexEntry) +
         frames_.size() * sizeof(Frame) + unions_.size() * kIndexEntry;
}

StackSetId Configs::copy_stacks(const Configs& from, StackSetId id,
                                std::unordered_map<StackSetId, StackSetId>& copied) {
  if (id <= kUnknownStack) return id;
  if (const auto it = copied.find(id); it != copied.end()) return it->second;
  std::vector<Frame> frames;
  for (const Frame f : from.frames(id))
    frames.push_back({f.return_to, copy_stacks(from, f.below, copied)});
  const StackSetId fresh =
      intern_stacks(frames, from.stacks_[id].has_bottom, from.stacks_[id].has_unknown);
  copied.emplace(id, fresh);
  return fresh;
}

std::vector<ConfigId> Configs::keep(std::span<const ConfigId> configs) {
  const Configs old = *this;
  clear();
  ++generation_;
  std::unordered_map<StackSetId, StackSetId> copied;
  std::vector<ConfigId> out;
  for (const ConfigId c : configs) {
    Gathering g;
    g.accepting = old.configs_[c].accepting;
    g.escaped = old.configs_[c].escaped;
    for (const Item i : old.items(c))
      g.items.push_back({i.state, copy_stacks(old, i.stacks, copied)});
    out.push_back(intern(g));
  }
  return out;
}

}  // namespace hearth::sample
