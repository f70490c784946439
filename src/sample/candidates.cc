// The candidate list: softmax, lazy sorting, the draw.
#include "sample/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/result.h"
#include "sample/math.h"

namespace hearth::sample {
namespace {

bool canonical(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

}  // namespace

void Candidates::assign(std::span<const float> logits,
                        std::span<const std::pair<int32_t, float>> bias, const TokenMask* mask) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  entries_.resize(logits.size());
  auto next_bias = bias.begin();
  size_t n = 0;
  const auto add = [&](int32_t id) {
    float logit = logits[size_t(id)];
    for (; next_bias != bias.end() && next_bias->first <= id; ++next_bias)
      if (next_bias->first == id) logit += next_bias->second;
    if (!(logit > kLowest)) return;  // NaN too
    entries_[n++] = {id, std::min(logit, std::numeric_limits<float>::max()), 0.0f};
  };
  if (mask != nullptr)
    mask->for_each(add);
  else
    for (size_t i = 0; i < logits.size(); ++i) add(int32_t(i));
  entries_.resize(n);
  logits_changed();
}

void Candidates::logits_changed() {
  sorted_ = 0;
  has_p_ = false;
}

void Candidates::scale(double factor) {
  constexpr double kMax = std::numeric_limits<float>::max();
  for (Candidate& c : entries_) c.logit = float(std::clamp(double(c.logit) * factor, -kMax, kMax));
  logits_changed();  // rounding can make equals, whose order is by id
}

float Candidates::max_logit() const {
  if (sorted_ > 0) return entries_[0].logit;
  float best = -std::numeric_limits<float>::infinity();
  for (const Candidate& c : entries_) best = std::max(best, c.logit);
  return best;
}

void Candidates::softmax() {
  if (has_p_) return;
  const double best = max_logit();
  double sum = 0;
  for (Candidate& c : entries_) {
    const double e = exact_exp(double(c.logit) - best);
    c.p = float(e);
    sum += e;
  }
  for (Candidate& c : entries_) c.p = float(double(c.p) / sum);
  has_p_ = true;
}

double Candidates::entropy() {
  softmax();
  double sum = 0;
  for (const Candidate& c : entries_) {
    if (c.p > 0) sum -= double(c.p) * exact_log(c.p);
  }
  return sum;
}

void Candidates::sort_prefix(size_t n) {
  n = std::min(n, entries_.size());
  if (n <= sorted_) return;
  const auto first = entries_.begin() + ptrdiff_t(sorted_);
  const auto middle = entries_.begin() + ptrdiff_t(n);
  // A heap of few entries is fastest when almost nothing enters it; selecting first is better for
  // many.
  if ((n - sorted_) * 8 <= entries_.size() - sorted_) {
    std::partial_sort(first, middle, entries_.end(), canonical);
  } else {
    if (middle != entries_.end()) std::nth_element(first, middle, entries_.end(), canonical);
    std::sort(first, middle, canonical);
  }
  sorted_ = n;
}

void Candidates::keep_first(size_t n) {
  if (n >= entries_.size()) return;
  entries_.resize(n);
  sorted_ = std::min(sorted_, n);
  has_p_ = false;
}

void Candidates::keep_best() {
  if (entries_.empty()) return;
  Candidate best = entries_[0];
  for (const Candidate& c : entries_) {
    if (c.logit >= best.logit && canonical(c, best))
      best = c;  // the first test is almost always false
  }
  entries_[0] = best;
  keep_first(1);
  sorted_ = 1;
}

void Candidates::sort_scored() {
  std::sort(scored_.begin(), scored_.end(), [](const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score < b.score : canonical(a.candidate, b.candidate);
  });
  for (size_t i = 0; i < scored_.size(); ++i) entries_[i] = scored_[i].candidate;
  sorted_ = 0;
}

size_t Candidates::first_past(double limit, bool or_equal) {
  softmax();
  double sum = 0;
  size_t block = 64;
  size_t last = 0;  // the last one that can happen at all
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (i >= sorted_) {
      sort_prefix(i + block);
      block *= 4;
    }
    if (entries_[i].p > 0) last = i;
    sum += double(entries_[i].p);
    if (sum > limit || (or_equal && sum == limit)) return i;
  }
  return or_equal ? entries_.size() - 1 : last;
}

size_t Candidates::nucleus_size(double p) { return entries_.empty() ? 0 : first_past(p, true) + 1; }

size_t Candidates::draw(double u) {
  HEARTH_CHECK(!entries_.empty());
  softmax();
  // The floats sum to 1 only nearly; scaling u by their sum keeps the draw unbiased and never past
  // the end.
  double total = 0;
  for (const Candidate& c : entries_) total += double(c.p);
  return first_past(u * total, false);
}

}  // namespace hearth::sample
