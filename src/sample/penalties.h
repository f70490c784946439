// History of a sequence's tokens, and the penalties on tokens that occurred in its last part:
// repeat (Keskar et al. 2019, with the sign mended), frequency and presence (as in OpenAI's API).
// Called by SamplerChain.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sample/candidates.h"

namespace hearth::sample {

// The last tokens of a sequence, at least `window` of them (all with -1). Appending is amortized
// O(1) and does not allocate once 2 * window tokens have been seen.
class History {
 public:
  explicit History(int window) : window_(window) {}

  void push(int32_t token);
  void clear() { tokens_.clear(); }
  // The last n tokens (all that are kept with n = -1), oldest first.
  [[nodiscard]] std::span<const int32_t> last(int n) const;

 private:
  int window_;
  std::vector<int32_t> tokens_;
};

struct PenaltyParams {
  int last_n;  // -1 = all tokens
  float repeat;
  float frequency;
  float presence;
};

// Counts the tokens in the window and lowers their logits.
class Penalties {
 public:
  // REQUIRES: params.last_n != 0.
  Penalties(const PenaltyParams& params, int n_vocab)
      : params_(params), counts_(size_t(n_vocab), 0) {}

  // `history` already ends with `token`.
  void accept(int32_t token, const History& history);
  void clear();
  // logit > 0 is divided by `repeat`, else multiplied; then minus count * frequency + presence.
  void apply(Candidates& c) const;

 private:
  [[nodiscard]] bool known(int32_t token) const {
    return token >= 0 && size_t(token) < counts_.size();
  }

  PenaltyParams params_;
  std::vector<int32_t> counts_;  // [n_vocab] occurrences in the window
};

}  // namespace hearth::sample
