// DRY ("don't repeat yourself", p-e-w 2024): lowers the logit of every token that would lengthen a
// repetition of earlier text. Called by SamplerChain.
//
// Let the history be h[0..n). For each earlier place j the *match length* m(j) is the length of the
// longest common suffix of h[0..j] and h[0..n), not reaching past the last sequence breaker. Token
// h[j+1] would continue that match:
//
//   logit(h[j+1]) -= multiplier * base ^ (m - allowed_length),   m = max of m(j) over all such j,
//   if m >= allowed_length
//
// All m(j) together are the Z function of the reversed history: linear time (Gusfield, "Algorithms
// on Strings, Trees and Sequences", 1.4). Single-token breakers are never penalized.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sample/candidates.h"

namespace hearth::sample {

struct DryParams {
  double multiplier;
  double base;
  int allowed_length;
  std::vector<std::vector<int32_t>> breakers;  // none empty
};

class Dry {
 public:
  Dry(DryParams params, int n_vocab);

  // history: the tokens to look at (already cut to the window), oldest first.
  void apply(Candidates& c, std::span<const int32_t> history);

  // The number of tokens behind the last complete breaker (all of them if there is none).
  [[nodiscard]] size_t tokens_since_breaker(std::span<const int32_t> history) const;

 private:
  void find_matches(std::span<const int32_t> history, size_t longest);
  [[nodiscard]] bool is_breaker(int32_t token) const;

  DryParams params_;         // breakers sorted by their last token
  std::vector<uint32_t> z_;  // scratch, [history]
  std::vector<uint32_t>
      longest_;  // [n_vocab] match length that the token would continue, plus 1; 0 = none
  std::vector<int32_t> touched_;  // ids with longest_ != 0
};

}  // namespace hearth::sample
