#include "sample/mirostat.h"

#include <algorithm>
#include <cmath>

#include "sample/math.h"

namespace hearth::sample {
namespace {

constexpr double kLn2 = 0.69314718055994530942;

}  // namespace

size_t Mirostat::zipf_k(Candidates& c) const {
  constexpr size_t kEstimateFrom = 100;  // "m" of the paper
  const size_t m = std::min(kEstimateFrom, c.size());
  c.sort_prefix(m);
  double tb = 0;
  double tt = 0;
  for (size_t i = 0; i + 1 < m; ++i) {
    const double t = exact_log(double(i + 2) / double(i + 1));
    const double b = double(c.all()[i].logit) - double(c.all()[i + 1].logit);  // log(p_i / p_{i+1})
    tb += t * b;
    tt += t * t;
  }
  if (!(tt > 0) || !(tb > 0)) return c.size();  // one candidate, or all equal: nothing to estimate
  const double s = tb / tt;
  const double epsilon = s - 1;
  // (1 - N^-epsilon) / epsilon, whose limit at epsilon = 0 is log N
  const double n = double(params_.n_vocab);
  const double spread =
      std::fabs(epsilon) < 1e-9 ? exact_log(n) : (1 - exact_pow(n, -epsilon)) / epsilon;
  const double k = exact_pow(exact_exp(mu_ * kLn2) / spread, 1 / s);
  if (!(k >= 1)) return 1;
  return k >= double(c.size()) ? c.size() : size_t(k);
}

size_t Mirostat::draw(Candidates& c, Rng& rng) {
  if (params_.version == 1) {
    const size_t k = zipf_k(c);
    c.sort_prefix(k);
    c.keep_first(k);
  } else {
    c.softmax();
    float best = 0;
    for (const Candidate& e : c.all()) best = std::max(best, e.p);
    const double limit = std::min(exact_exp(-mu_ * kLn2), double(best));  // the best always stays
    c.keep_if([limit](const Candidate& e) { return double(e.p) >= limit; });
  }
  const size_t place = c.size() == 1 ? 0 : c.draw(rng.uniform());
  c.softmax();
  const double surprise = -exact_log(double(c.all()[place].p)) / kLn2;
  mu_ -= params_.eta * (surprise - params_.tau);
  return place;
}

}  // namespace hearth::sample
