#include "sample/temperature.h"

#include <algorithm>

#include "sample/math.h"

namespace hearth::sample {

void temperature(Candidates& c, double t) {
  if (t <= 0) return c.keep_best();
  if (t != 1.0) c.scale(1.0 / t);
}

void dynamic_temperature(Candidates& c, const DynamicTemperature& params) {
  if (c.size() < 2) return;
  const double low = std::max(0.0, params.t - params.range);
  const double high = params.t + params.range;
  const double evenness = std::clamp(c.entropy() / exact_log(double(c.size())), 0.0, 1.0);
  temperature(c, low + (high - low) * exact_pow(evenness, params.exponent));
}

}  // namespace hearth::sample
