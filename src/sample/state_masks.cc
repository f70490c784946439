#include "sample/state_masks.h"

#include <algorithm>
#include <utility>

#include "sample/token_walk.h"

namespace hearth::sample {
namespace {

constexpr size_t kFewTokens = 2048;  // as a list up to here; a mask of 128k tokens takes as much
constexpr size_t kPlainConfigsMax = 64;  // configs looked at for one state, before giving up

}  // namespace

StateMasks::StateMasks(const Automaton& automaton, std::shared_ptr<const TokenTable> tokens)
    : automaton_(automaton),
      tokens_(std::move(tokens)),
      masks_(std::make_unique<std::atomic<const StateMask*>[]>(automaton.n_states())),
      configs_(automaton) {}

const StateMask& StateMasks::of(StateId state) {
  if (const StateMask* known = masks_[state].load(std::memory_order_acquire)) return *known;
  const std::lock_guard lock(mutex_);
  if (const StateMask* known = masks_[state].load(std::memory_order_acquire)) return *known;
  owned_.push_back(compute(state));
  ++n_computed_;
  masks_[state].store(owned_.back().get(), std::memory_order_release);
  return *owned_.back();
}

// In the order in which states are met from the start; only those where text can stand between two
// tokens, that is, not the starts of callees.
void StateMasks::precompute(size_t nodes_max) {
  std::vector<bool> met(automaton_.n_states());
  std::vector<StateId> queue = {automaton_.root_start()};
  met[queue[0]] = true;
  const auto meet = [&](StateId s) {
    if (met[s] || automaton_.is_only_final(s)) return;
    met[s] = true;
    queue.push_back(s);
  };
  std::vector<bool> entered(automaton_.n_states());
  for (size_t i = 0; i < queue.size() && n_visited_ < nodes_max; ++i) {
    of(queue[i]);
    std::vector<StateId> inside = {queue[i]};
    while (!inside.empty()) {
      const StateId s = inside.back();
      inside.pop_back();
      for (const auto& e : automaton_.byte_edges(s)) meet(e.target);
      for (const auto& c : automaton_.call_edges(s)) {
        meet(c.target);
        const StateId start = automaton_.start(c.rule);
        if (entered[start]) continue;
        entered[start] = true;
        inside.push_back(start);
      }
    }
  }
}

std::shared_ptr<const TokenMask> StateMasks::shared(TokenMask mask) {
  uint64_t hash = 0;
  mask.for_each([&](int32_t id) { hash = (hash ^ uint64_t(id)) * 0x9e3779b97f4a7c15u; });
  const auto [begin, end] = masks_by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it)
    if (*it->second == mask) return it->second;
  auto fresh = std::make_shared<const TokenMask>(std::move(mask));
  masks_by_hash_.emplace(hash, fresh);
  return fresh;
}

std::unique_ptr<StateMask> StateMasks::compute(StateId state) {
  auto out = std::make_unique<StateMask>();
  const ConfigId start = configs_.start_in(state);
  const bool plain = takes_plain_text(start);
  out->plain = plain ? &tokens_->plain(TokenTable::kPlainChars) : nullptr;
  out->trie = plain ? &tokens_->rest() : &tokens_->all();
  const TokenTrie& trie = *out->trie;
  std::vector<ConfigId> pinned;
  n_visited_ += walk_tokens(configs_, trie, 0, configs_.start_in(state), pinned,
                            [&](size_t node, ConfigId config) {
                              const auto ids = trie.tokens(node);
                              out->few.insert(out->few.end(), ids.begin(), ids.end());
                              if (configs_.has_escaped(config) && trie.node(node).end > node + 1)
                                out->escapes.push_back(uint32_t(node));
                            });
  if (out->few.size() > kFewTokens) {
    TokenMask mask(tokens_->n_vocab());
    for (const int32_t id : out->few) mask.set(id);
    out->many = shared(std::move(mask));
    out->few.clear();
  }
  out->few.shrink_to_fit();
  out->escapes.shrink_to_fit();
  return out;
}

// Whether any plain_chars, up to kPlainChars of them, can be read from here.
bool StateMasks::takes_plain_text(ConfigId from) {
  std::vector<ConfigId> level = {from};
  std::vector<ConfigId> seen = {from};
  for (size_t n = 0; n < TokenTable::kPlainChars && !level.empty(); ++n) {
    std::vector<ConfigId> next_level;
    for (const ConfigId config : level) {
      const PlainStep& step = plain_step(config);
      if (!step.all_fit) return false;
      for (const ConfigId next : step.next) {
        if (std::find(seen.begin(), seen.end(), next) != seen.end()) continue;
        if (seen.size() == kPlainConfigsMax) return false;
        seen.push_back(next);
        next_level.push_back(next);
      }
    }
    level = std::move(next_level);
  }
  return true;
}

const StateMasks::PlainStep& StateMasks::plain_step(ConfigId from) {
  if (plain_generation_ != configs_.generation()) {
    plain_steps_.clear();
    plain_generation_ = configs_.generation();
  }
  const auto [it, fresh] = plain_steps_.try_emplace(from);
  PlainStep& out = it->second;
  if (!fresh) return out;
  const TokenTrie& chars = tokens_->plain_chars();
  // Most states take a few bytes only; this finds out at once.
  for (const char c : {' ', 'a', 'Z', '0', '}'})
    if (configs_.step(from, uint8_t(c)) == Configs::kDead) return out;
  size_t n_fit = 0;
  std::vector<ConfigId> path = {from};
  for (size_t i = 1; i < chars.n_nodes(); ++i, ++n_visited_) {
    path.resize(chars.node(i).depth);
    const ConfigId next = configs_.step(path.back(), chars.node(i).byte);
    if (next == Configs::kDead) return out;
    path.push_back(next);
    if (chars.tokens(i).empty()) continue;
    ++n_fit;
    if (std::find(out.next.begin(), out.next.end(), next) != out.next.end()) continue;
    if (out.next.size() == kPlainConfigsMax) return out;
    out.next.push_back(next);
  }
  out.all_fit = n_fit > 0;
  return out;
}

}  // namespace hearth::sample
