// RuleNfa: the first form of a rule on its way into the Automaton: a nondeterministic automaton
// with empty edges, made from expressions. Only automaton.cc uses it.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sample/grammar.h"

namespace hearth::sample {

struct RuleNfa {
  struct ByteEdge {
    ByteRange bytes;
    uint32_t target;
  };
  struct CallEdge {
    uint32_t rule;
    uint32_t target;
  };
  struct State {
    std::vector<ByteEdge> bytes;
    std::vector<CallEdge> calls;
    std::vector<uint32_t> empties;
  };
  std::vector<State> states;
  uint32_t start = 0;
  uint32_t end = 0;
};

// The rules of a grammar as RuleNfas. What is repeated often and is more than a character becomes a
// rule of its own, so that `((a b){100}){100}` costs 200 states and not 10,000.
class NfaBuilder {
 public:
  NfaBuilder(const Grammar& grammar, size_t states_max)
      : grammar_(grammar), states_max_(states_max) {}

  // kUnsupported when it takes more than states_max states.
  Result<std::vector<RuleNfa>> build();

 private:
  using Ends = std::pair<uint32_t, uint32_t>;  // the states before and behind an expression

  uint32_t new_state();
  void link(uint32_t from, uint32_t to) { nfa_->states[from].empties.push_back(to); }
  void call(uint32_t from, uint32_t rule, uint32_t to) {
    nfa_->states[from].calls.push_back({rule, to});
  }
  void build_rule(ExprId body);
  Ends build_expr(ExprId id);
  Ends build_bytes(const std::string& bytes);
  Ends build_repeat(const Grammar::Expr& expr);
  Ends build_text(const TextDfa& dfa, TextEncoding encoding);
  Ends build_until(const std::string& marker);
  struct MarkerTree;
  Ends build_free(const std::vector<Grammar::Marker>& markers, const MarkerTree& tree);
  void add_char(uint32_t from, CharRange chars, uint32_t to);
  void add_json_char(uint32_t from, CharRange chars, uint32_t to);
  void add_bytes(uint32_t from, const std::vector<ByteRange>& bytes, uint32_t to);
  [[nodiscard]] bool is_small(ExprId id) const;

  const Grammar& grammar_;
  size_t states_max_;
  size_t n_states_ = 0;
  std::vector<RuleNfa> rules_;
  std::map<ExprId, uint32_t> hoisted_;  // expression -> rule
  std::vector<ExprId> hoisted_bodies_;
  RuleNfa* nfa_ = nullptr;
  // (target, byte ranges before it) -> state: UTF-8 tails are shared
  std::map<std::pair<uint32_t, std::vector<ByteRange>>, uint32_t> tails_;
};

}  // namespace hearth::sample
