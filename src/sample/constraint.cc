#include "sample/constraint.h"

#include <algorithm>
#include <utility>

namespace hearth::sample {
namespace {

// Nodes looked at when a grammar is compiled: some 20 ms. The rest is computed when it is needed.
constexpr size_t kPrecomputedNodes = 4'000'000;
// Masks kept per sequence; 128k tokens take 16 KiB each.
constexpr size_t kMasksMax = 256;

}  // namespace

Constraint::Constraint(std::unique_ptr<const Automaton> automaton,
                       std::shared_ptr<const TokenTable> tokens)
    : automaton_(std::move(automaton)),
      masks_(std::make_unique<StateMasks>(*automaton_, std::move(tokens))) {}

Result<std::shared_ptr<const Constraint>> Constraint::compile(
    const Grammar& grammar, std::shared_ptr<const TokenTable> tokens) {
  HEARTH_ASSIGN(Automaton automaton, Automaton::compile(grammar));
  std::shared_ptr<Constraint> out(
      new Constraint(std::make_unique<const Automaton>(std::move(automaton)), std::move(tokens)));
  out->masks_->precompute(kPrecomputedNodes);
  return std::shared_ptr<const Constraint>(std::move(out));
}

ConstraintState::ConstraintState(std::shared_ptr<const Constraint> constraint)
    : constraint_(std::move(constraint)),
      configs_(constraint_->automaton()),
      empty_(constraint_->tokens().n_vocab()) {
  reset();
}

void ConstraintState::reset() {
  history_ = {configs_.start()};
  ended_ = false;
}

const TokenMask& ConstraintState::mask() {
  if (ended_) return empty_;
  if (masks_generation_ != configs_.generation() || masks_.size() >= kMasksMax) {
    masks_.clear();
    masks_generation_ = configs_.generation();
  }
  if (const auto it = masks_.find(current()); it != masks_.end()) return it->second;
  TokenMask fresh(constraint_->tokens().n_vocab());
  compute_mask(fresh);
  if (masks_generation_ != configs_.generation()) {
    masks_.clear();
    masks_generation_ = configs_.generation();
  }
  return masks_.insert_or_assign(current(), std::move(fresh)).first->second;
}

void ConstraintState::compute_mask(TokenMask& out) {
  if (may_end()) out.add(constraint_->tokens().ends());
  // By number: keep() may move the items, but the order of states stays.
  const size_t n_items = configs_.items(current()).size();
  for (size_t i = 0; i < n_items; ++i) add_state_mask(configs_.items(current())[i], out);
}

void ConstraintState::add_state_mask(Configs::Item item, TokenMask& out) {
  const StateMask& mask = constraint_->state_mask(item.state);
  if (mask.plain != nullptr) out.add(*mask.plain);
  if (mask.many) out.add(*mask.many);
  for (const int32_t id : mask.few) out.set(id);
  if (mask.escapes.empty() || !configs_.has_frames(item.stacks)) return;
  const TokenTrie& trie = *mask.trie;
  history_.push_back(configs_.after_return(item.stacks));  // pinned, together with the history
  for (const uint32_t node : mask.escapes) {
    walk_.below(configs_, trie, node, history_.back(), history_, [&](size_t at, ConfigId) {
      for (const int32_t id : trie.tokens(at)) out.set(id);
    });
  }
  history_.pop_back();
}

ConfigId ConstraintState::read(std::string_view bytes) {
  ConfigId config = current();
  for (const char c : bytes) {
    config = configs_.step(config, uint8_t(c));
    if (config == Configs::kDead) break;
  }
  return config;
}

void ConstraintState::push(ConfigId config) {
  if (history_.size() > kRollbackMax) history_.erase(history_.begin());
  history_.push_back(config);
  if (configs_.memory_bytes() > kConfigMemoryMax) history_ = configs_.keep(history_);
}

bool ConstraintState::accept(int32_t token) {
  const TokenTable& tokens = constraint_->tokens();
  if (ended_ || token < 0 || size_t(token) >= tokens.n_vocab()) return false;
  if (tokens.is_end(token)) {
    if (!may_end()) return false;
    push(current());
    ended_ = true;
    return true;
  }
  const std::string& bytes = tokens.bytes(token);
  return bytes.size() <= TokenTable::kMaxTokenBytes && accept_text(bytes);
}

bool ConstraintState::accept_text(std::string_view bytes) {
  if (ended_ || bytes.empty()) return false;
  const ConfigId next = read(bytes);
  if (next == Configs::kDead) return false;
  push(next);
  return true;
}

bool ConstraintState::rollback(size_t n) {
  if (n >= history_.size()) return false;
  if (n > 0) ended_ = false;
  history_.resize(history_.size() - n);
  return true;
}

}  // namespace hearth::sample
