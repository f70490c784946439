// The truncating stages. See the header for the rules and their sources.
#include "sample/truncate.h"

#include <algorithm>
#include <cmath>

#include "sample/math.h"

namespace hearth::sample {

void top_k(Candidates& c, int k) {
  if (k <= 0 || size_t(k) >= c.size()) return;
  c.sort_prefix(size_t(k));
  c.keep_first(size_t(k));
}

void top_p(Candidates& c, double p, size_t min_keep) {
  if (p >= 1.0 || c.size() == 0) return;
  const size_t keep = std::max(c.nucleus_size(p), min_keep);
  c.sort_prefix(keep);
  c.keep_first(keep);
}

void min_p(Candidates& c, double p, size_t min_keep) {
  if (p <= 0.0 || c.size() == 0) return;
  // p_i >= p * p_max without a softmax: logit_i >= logit_max + log p.
  const double limit = double(c.max_logit()) + exact_log(p);
  if (min_keep > 1) {
    size_t enough = 0;
    for (const Candidate& e : c.all()) enough += double(e.logit) >= limit;
    if (enough < min_keep) {
      c.sort_prefix(min_keep);
      c.keep_first(min_keep);
      return;
    }
  }
  c.keep_if([limit](const Candidate& e) { return double(e.logit) >= limit; });
}

void typical_p(Candidates& c, double p, size_t min_keep) {
  if (p >= 1.0 || c.size() == 0) return;
  const double entropy = c.entropy();
  const auto distance = [entropy](const Candidate& e) {
    return e.p > 0 ? std::fabs(-exact_log(e.p) - entropy) : HUGE_VAL;
  };
  c.sort_by(distance);
  double sum = 0;
  size_t keep = 0;
  for (const Candidate& e : c.all()) {
    sum += double(e.p);
    ++keep;
    if (sum > p && keep >= min_keep) break;
  }
  c.keep_first(keep);
}

void top_n_sigma(Candidates& c, double n) {
  if (n <= 0.0 || c.size() < 2) return;
  double sum = 0;
  for (const Candidate& e : c.all()) sum += double(e.logit);
  const double mean = sum / double(c.size());
  double squares = 0;
  for (const Candidate& e : c.all()) squares += (double(e.logit) - mean) * (double(e.logit) - mean);
  const double limit = double(c.max_logit()) - n * std::sqrt(squares / double(c.size()));
  c.keep_if([limit](const Candidate& e) { return double(e.logit) >= limit; });
}

void xtc(Candidates& c, const XtcParams& params, size_t min_keep, Rng& rng) {
  if (params.probability <= 0.0 || params.threshold > 0.5 || c.size() < 2) return;
  if (rng.uniform() >= params.probability) return;
  c.softmax();
  const Candidate* least =
      nullptr;  // the last in canonical order of those at or above the threshold
  size_t n_above = 0;
  for (const Candidate& e : c.all()) {
    if (double(e.p) < params.threshold) continue;
    ++n_above;
    if (least == nullptr || e.logit < least->logit || (e.logit == least->logit && e.id > least->id))
      least = &e;
  }
  if (n_above < 2 || c.size() - (n_above - 1) < min_keep) return;
  const int32_t stays = least->id;
  const double threshold = params.threshold;
  c.keep_if([=](const Candidate& e) { return double(e.p) < threshold || e.id == stays; });
}

}  // namespace hearth::sample
