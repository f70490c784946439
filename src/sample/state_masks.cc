#include "sample/state_masks.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace hearth::sample {
namespace {

constexpr size_t kFewTokens = 2048;  // as a list up to here; a mask of 128k tokens takes as much
constexpr size_t kPlainConfigsMax = 64;  // configs looked at for one state, before giving up

// One for all characters whose bytes are of the same classes: the automaton does not tell them
// apart.
TokenTrie distinct_chars(const Automaton& automaton, const std::vector<std::string>& chars) {
  std::unordered_set<uint64_t> seen;
  std::vector<std::string> distinct;
  std::vector<int32_t> ids;
  for (const std::string& c : chars) {
    uint64_t key = c.size();
    for (const char byte : c) key = key << 8 | automaton.byte_class(uint8_t(byte));
    if (!seen.insert(key).second) continue;
    ids.push_back(int32_t(distinct.size()));
    distinct.push_back(c);
  }
  return TokenTrie(distinct, std::move(ids));
}

}  // namespace

StateMasks::StateMasks(const Automaton& automaton, std::shared_ptr<const TokenTable> tokens)
    : automaton_(automaton),
      tokens_(std::move(tokens)),
      masks_(std::make_unique<std::atomic<const StateMask*>[]>(automaton.n_states())),
      plain_chars_(distinct_chars(automaton, tokens_->plain_chars())),
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
  const uint64_t hash = mask.hash();
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
  TokenMask mask(tokens_->n_vocab());
  size_t n_tokens = 0;
  std::vector<ConfigId> none_held;
  const auto visit = [&](size_t node, ConfigId config) {
    for (const int32_t id : trie.tokens(node)) {
      mask.set(id);
      if (++n_tokens <= kFewTokens) out->few.push_back(id);
    }
    if (configs_.has_escaped(config) && trie.node(node).end > node + 1)
      out->escapes.push_back(uint32_t(node));
  };
  n_visited_ += walk_.below(configs_, trie, 0, configs_.start_in(state), none_held, visit);
  if (n_tokens > kFewTokens) {
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
  std::vector<ConfigId> path = {from};
  for (size_t i = 1; i < plain_chars_.n_nodes(); ++i, ++n_visited_) {
    path.resize(plain_chars_.node(i).depth);
    const ConfigId next = configs_.step(path.back(), plain_chars_.node(i).byte);
    if (next == Configs::kDead) return out;
    path.push_back(next);
    if (plain_chars_.tokens(i).empty()) continue;
    if (std::find(out.next.begin(), out.next.end(), next) != out.next.end()) continue;
    if (out.next.size() == kPlainConfigsMax) return out;
    out.next.push_back(next);
  }
  out.all_fit = plain_chars_.n_tokens() > 0;
  return out;
}

}  // namespace hearth::sample
