// Constraint: a Grammar compiled for one vocabulary; ConstraintState: how far one sequence has come
// in it. Used by SamplerChain::constrain(); tool calls and speculation use the state directly.
//
//   auto tokens = TokenTable::create(bytes, ends);             // once per model
//   HEARTH_ASSIGN(auto constraint, Constraint::compile(grammar, tokens));
//   ConstraintState state(constraint);
//   state.mask()             // the tokens that may come next
//   state.accept(token)      // one of them was chosen
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "sample/automaton.h"
#include "sample/configs.h"
#include "sample/grammar.h"
#include "sample/state_masks.h"
#include "sample/token_mask.h"
#include "sample/token_table.h"
#include "sample/token_walk.h"

namespace hearth::sample {

// Immutable as seen from outside, thread-safe, shared by all sequences of a grammar.
class Constraint {
 public:
  // Errors: those of Automaton::compile().
  static Result<std::shared_ptr<const Constraint>> compile(
      const Grammar& grammar, std::shared_ptr<const TokenTable> tokens);

  [[nodiscard]] const TokenTable& tokens() const { return masks_->tokens(); }
  [[nodiscard]] const Automaton& automaton() const { return *automaton_; }
  [[nodiscard]] const StateMask& state_mask(StateId state) const { return masks_->of(state); }

 private:
  Constraint(std::unique_ptr<const Automaton> automaton, std::shared_ptr<const TokenTable> tokens);

  std::unique_ptr<const Automaton> automaton_;
  std::unique_ptr<StateMasks> masks_;
};

// Copies are independent. Not thread-safe; no allocation per token once its configs are known.
class ConstraintState {
 public:
  // As many accepted tokens can be taken back.
  static constexpr size_t kRollbackMax = 64;

  explicit ConstraintState(std::shared_ptr<const Constraint> constraint);

  // The tokens that keep the text within the grammar, with the end-of-generation tokens where it
  // may stop. Empty after an end token. Valid until the next call of anything here.
  const TokenMask& mask();
  // False, and nothing changes, if the token is not in mask().
  bool accept(int32_t token);
  // The same for text that is no token of its own; no end.
  bool accept_text(std::string_view bytes);

  // The text may stop here.
  [[nodiscard]] bool may_end() const { return configs_.is_accepting(current()); }
  // It has stopped, or nothing but its end can follow.
  [[nodiscard]] bool is_done() const { return ended_ || !configs_.can_go_on(current()); }
  // Takes back the last n accept() calls that returned true. False if there were fewer, or n is
  // above kRollbackMax.
  bool rollback(size_t n);
  // Back to the beginning.
  void reset();

  [[nodiscard]] const Constraint& constraint() const { return *constraint_; }

 private:
  [[nodiscard]] ConfigId current() const { return history_.back(); }
  [[nodiscard]] ConfigId read(std::string_view bytes);
  void push(ConfigId config);
  void compute_mask(TokenMask& out);
  void add_state_mask(Configs::Item item, TokenMask& out);

  std::shared_ptr<const Constraint> constraint_;
  Configs configs_;
  std::vector<ConfigId> history_;  // the last is current; then configs in use by mask()
  TokenWalk walk_;
  bool ended_ = false;
  TokenMask empty_;
  std::unordered_map<ConfigId, TokenMask> masks_;
  uint64_t masks_generation_ = 0;
};

}  // namespace hearth::sample
