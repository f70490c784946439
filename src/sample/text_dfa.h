// TextDfa: a regular set of texts, as a deterministic automaton over characters. What JSON Schema
// says of strings, property names and numbers (patterns, lengths, formats, bounds) becomes one of
// these, because sets can then be cut, joined and complemented exactly. Values; small.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sample/char_set.h"

namespace hearth::sample {

class TextDfa {
 public:
  // No automaton may have more states or table cells; beyond that operations fail with
  // kUnsupported. Patterns of people have tens of states; a length bound adds one state per
  // character.
  static constexpr size_t kMaxStates = 20'000;
  static constexpr size_t kMaxCells = 4'000'000;
  static constexpr size_t kMaxMinimized = 600;
  static constexpr int32_t kDead = -1;

  struct Edge {
    CharRange chars;
    uint32_t target;
  };

  // Every text; no text.
  static TextDfa all();
  static TextDfa none();
  // The given texts (UTF-8; invalid bytes match nothing).
  static TextDfa of_texts(const std::vector<std::string>& texts);
  // Texts of min to max characters; max < 0: no upper bound.
  static Result<TextDfa> of_length(int64_t min, int64_t max);
  // By an explicit table: edges[state], accepting[state]; state 0 starts. Edges of one state are
  // disjoint.
  static TextDfa of_edges(const std::vector<std::vector<Edge>>& edges,
                          const std::vector<bool>& accepting);

  [[nodiscard]] Result<TextDfa> intersect(const TextDfa& other) const;
  [[nodiscard]] Result<TextDfa> minus(const TextDfa& other) const;
  [[nodiscard]] Result<TextDfa> unite(const TextDfa& other) const;
  // The same set with the fewest states; states that lead nowhere are gone.
  [[nodiscard]] TextDfa minimized() const;

  [[nodiscard]] bool is_empty() const;
  // Whether it is the set of all texts, told by its form (minimized).
  [[nodiscard]] bool is_all() const;
  [[nodiscard]] bool matches(std::string_view text) const;
  [[nodiscard]] size_t n_states() const { return accepting_.size(); }
  [[nodiscard]] bool accepts(uint32_t state) const { return accepting_[state]; }
  // The transitions of a state, neighbouring classes with one target joined.
  [[nodiscard]] std::vector<Edge> edges(uint32_t state) const;

 private:
  enum class Keep { kBoth, kFirstOnly, kEither };
  [[nodiscard]] Result<TextDfa> product(const TextDfa& other, Keep keep) const;
  [[nodiscard]] std::vector<bool> useful_states() const;
  [[nodiscard]] TextDfa merged(const std::vector<int32_t>& group, size_t n_groups) const;
  [[nodiscard]] int32_t next(int32_t state, size_t klass) const {
    return state < 0 ? kDead : next_[size_t(state) * bounds_.size() + klass];
  }

  std::vector<uint32_t> bounds_ = {0};  // first character of each class, ascending, from 0
  std::vector<int32_t> next_;           // [n_states, n_classes]; kDead: none
  std::vector<bool> accepting_;
};

}  // namespace hearth::sample
