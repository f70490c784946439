// Temperature, fixed and dynamic. Called by SamplerChain.
#pragma once

#include "sample/candidates.h"

namespace hearth::sample {

// logits / temperature; 0 leaves only the best candidate.
void temperature(Candidates& c, double t);

// Entropy-dependent temperature: t - range (at least 0) for a certain distribution up to t + range
// for a uniform one,
//   t' = low + (high - low) * (entropy / log(number of candidates)) ^ exponent.
struct DynamicTemperature {
  double t;
  double range;
  double exponent;
};
void dynamic_temperature(Candidates& c, const DynamicTemperature& params);

}  // namespace hearth::sample
