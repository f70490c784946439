// StateMasks: for every state of an Automaton, which tokens fit from there on as far as its own
// rule tells (context-independent tokens), and where in the trie of tokens the rule may end, so
// that the rest of a token is its callers' matter (context-dependent ones). Computed when first
// needed and kept; those near the start are computed at once. Thread-safe.
//
// The idea of sorting tokens by what depends on the stack is that of XGrammar (Dong et al., 2024);
// that of leaving out plain text in strings is llguidance's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "sample/automaton.h"
#include "sample/configs.h"
#include "sample/token_mask.h"
#include "sample/token_table.h"
#include "sample/token_walk.h"

namespace hearth::sample {

struct StateMask {
  const TokenMask* plain = nullptr;  // of the TokenTable; allowed besides the rest
  std::shared_ptr<const TokenMask> many;
  std::vector<int32_t> few;  // either `many` or this
  const TokenTrie* trie = nullptr;
  std::vector<uint32_t> escapes;  // nodes of trie behind which the rule may end, not the root
};

class StateMasks {
 public:
  // automaton: outlives this.
  StateMasks(const Automaton& automaton, std::shared_ptr<const TokenTable> tokens);

  // Computes masks from the start on, until about so many nodes of the trie have been looked at.
  void precompute(size_t nodes_max);
  // REQUIRES: something can follow in `state`.
  const StateMask& of(StateId state);

  [[nodiscard]] const TokenTable& tokens() const { return *tokens_; }
  [[nodiscard]] size_t n_computed() const { return n_computed_; }

 private:
  struct PlainStep {
    bool all_fit = false;
    std::vector<ConfigId> next;
  };

  std::unique_ptr<StateMask> compute(StateId state);
  bool takes_plain_text(ConfigId from);
  const PlainStep& plain_step(ConfigId from);
  std::shared_ptr<const TokenMask> shared(TokenMask mask);

  const Automaton& automaton_;
  std::shared_ptr<const TokenTable> tokens_;
  std::unique_ptr<std::atomic<const StateMask*>[]> masks_;  // [n_states]
  TokenTrie plain_chars_;  // those of the TokenTable that the automaton tells apart

  std::mutex mutex_;  // for everything below
  std::vector<std::unique_ptr<StateMask>> owned_;
  Configs configs_;
  TokenWalk walk_;
  std::unordered_map<ConfigId, PlainStep> plain_steps_;
  uint64_t plain_generation_ = 0;
  std::unordered_multimap<uint64_t, std::shared_ptr<const TokenMask>> masks_by_hash_;
  size_t n_visited_ = 0;
  std::atomic<size_t> n_computed_ = 0;
};

}  // namespace hearth::sample
