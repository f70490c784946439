// The truncating stages: each drops candidates that are too unlikely (or, XTC, too likely). Called
// by SamplerChain. `min_keep`: candidates that stay whatever the rule says. Every stage leaves at
// least one candidate.
#pragma once

#include "sample/candidates.h"
#include "sample/rng.h"

namespace hearth::sample {

// The k highest logits. k <= 0: all.
void top_k(Candidates& c, int k);

// Nucleus sampling (Holtzman et al. 2019): the fewest most probable tokens whose probabilities sum
// to p or more.
void top_p(Candidates& c, double p, size_t min_keep);

// Tokens with at least `p` times the probability of the most probable one (Nguyen et al. 2024).
void min_p(Candidates& c, double p, size_t min_keep);

// Locally typical sampling (Meister et al. 2022): tokens in order of | -log p - entropy |, until
// their probabilities sum to more than p.
void typical_p(Candidates& c, double p, size_t min_keep);

// Top-n-sigma (Tang et al. 2024): tokens with logit >= max - n * standard deviation of the logits.
void top_n_sigma(Candidates& c, double n);

// Exclude top choices (p-e-w 2024): with the given probability, of all tokens with p >= threshold
// only the least probable stays. Takes one number from `rng` where it could act at all (probability
// > 0, two candidates or more).
struct XtcParams {
  double probability;
  double threshold;
};
void xtc(Candidates& c, const XtcParams& params, size_t min_keep, Rng& rng);

}  // namespace hearth::sample
