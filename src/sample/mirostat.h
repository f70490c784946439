// Mirostat 1 and 2 (Basu et al. 2020, "Mirostat: a neural text decoding algorithm that directly
// controls perplexity"): truncates so that the surprise of the drawn tokens, -log2 p, stays near
// tau on average. Called by SamplerChain as the last step; it draws the token itself, because its
// feedback needs the drawn token's probability.
#pragma once

#include "sample/candidates.h"
#include "sample/rng.h"

namespace hearth::sample {

struct MirostatParams {
  int version;  // 1 or 2
  double tau;   // wanted surprise, bits
  double eta;   // learning rate
  int n_vocab;
};

class Mirostat {
 public:
  explicit Mirostat(const MirostatParams& params) : params_(params) { clear(); }

  void clear() { mu_ = 2 * params_.tau; }
  // Truncates `c` and draws; returns the place in `c`. REQUIRES: c.size() > 0.
  size_t draw(Candidates& c, Rng& rng);
  [[nodiscard]] double mu() const { return mu_; }

 private:
  // The k of version 1: from the Zipf exponent of the most probable tokens, estimated by least
  // squares.
  [[nodiscard]] size_t zipf_k(Candidates& c) const;

  MirostatParams params_;
  double mu_ = 0;  // largest surprise let through, bits
};

}  // namespace hearth::sample
