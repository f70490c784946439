// Automaton: a Grammar made executable: a pushdown automaton over bytes. Every rule is a finite
// automaton whose edges read a byte of a range or call another rule. Immutable.
//
// Built rule by rule: expressions -> nondeterministic automaton with empty edges -> deterministic
// one over bytes and calls (subset construction). Where that grows too much, the nondeterministic
// one without its empty edges stays; whoever runs the automaton follows several states anyway.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "sample/grammar.h"

namespace hearth::sample {

using StateId = uint32_t;

// Bounds of what a grammar may become. A chat schema has hundreds to thousands of states.
struct AutomatonLimits {
  size_t states_max = 400'000;
  // Elements touched while states are built: bounds the time (some seconds at worst).
  size_t work_max = 40'000'000;
};

class Automaton {
 public:
  struct ByteEdge {
    uint8_t lo;  // byte class
    uint8_t hi;  // inclusive
    StateId target;
  };
  struct CallEdge {
    uint32_t rule;
    StateId target;  // where the caller goes on
  };

  // kInvalidArgument: left recursion, or no text matches at all. kUnsupported: beyond the limits.
  static Result<Automaton> compile(const Grammar& grammar, const AutomatonLimits& limits = {});

  [[nodiscard]] std::span<const ByteEdge> byte_edges(StateId s) const {
    return std::span(byte_edges_)
        .subspan(states_[s].byte_begin, states_[s + 1].byte_begin - states_[s].byte_begin);
  }
  [[nodiscard]] std::span<const CallEdge> call_edges(StateId s) const {
    return std::span(call_edges_)
        .subspan(states_[s].call_begin, states_[s + 1].call_begin - states_[s].call_begin);
  }
  // The rule may end here; with nothing else to do, it must.
  [[nodiscard]] bool is_final(StateId s) const { return states_[s].is_final; }
  [[nodiscard]] bool is_only_final(StateId s) const { return states_[s].is_only_final; }

  [[nodiscard]] StateId start(uint32_t rule) const { return starts_[rule]; }
  [[nodiscard]] StateId root_start() const { return starts_[root_]; }
  [[nodiscard]] size_t n_states() const { return states_.size() - 1; }

  // Bytes that no edge tells apart share a class.
  [[nodiscard]] uint8_t byte_class(uint8_t byte) const { return classes_[byte]; }
  [[nodiscard]] size_t n_classes() const { return n_classes_; }

 private:
  friend class AutomatonBuilder;

  struct State {
    uint32_t byte_begin = 0;
    uint32_t call_begin = 0;
    bool is_final = false;
    bool is_only_final = false;
  };

  std::vector<State> states_;  // and one more, for the ends
  std::vector<ByteEdge> byte_edges_;
  std::vector<CallEdge> call_edges_;
  std::vector<StateId> starts_;  // [n_rules]
  uint32_t root_ = 0;
  std::array<uint8_t, 256> classes_{};
  size_t n_classes_ = 1;
};

}  // namespace hearth::sample
