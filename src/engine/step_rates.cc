#include "engine/step_rates.h"

#include <algorithm>

namespace hearth::engine {
namespace {

// The weight of a new measurement, after the first: some ten steps are remembered, so that a longer
// context or a slower clock shows within a second, and one odd step does not.
constexpr double kNew = 0.1;

void learn(double& value, int64_t& n, double measured) {
  value = n++ == 0 ? measured : value + kNew * (measured - value);
}

}  // namespace

void StepRates::add(int64_t n_read, int64_t n_generating, double seconds) {
  if (!(seconds > 0)) return;
  if (n_read == 0) {
    if (n_generating > 0) learn(generate_s_, n_generate_, seconds);
    return;
  }
  // What is not known to be generating is reading; at least a tenth of the step, should the known
  // be out of date.
  const double generating = n_generating > 0 ? std::min(generate_s_, 0.9 * seconds) : 0;
  learn(read_s_, n_read_, (seconds - generating) / double(n_read));
}

}  // namespace hearth::engine
