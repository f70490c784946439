// Brute-force references for the tests: one straightforward double-precision function per stage, on
// a full sorted list, sharing no code with the stages.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "sample/rng.h"

namespace hearth::sample::reference {

struct Item {
  int32_t id;
  double logit;
  double p = 0;
};
using Items = std::vector<Item>;

inline void normalize(Items& items) {
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  });
  double sum = 0;
  for (Item& i : items) sum += i.p = std::exp(i.logit - items[0].logit);
  for (Item& i : items) i.p /= sum;
}

inline Items from_logits(std::span<const float> logits) {
  Items items;
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] > -INFINITY) items.push_back({int32_t(i), double(logits[i])});
  normalize(items);
  return items;
}

inline void keep(Items& items, size_t n) {
  if (n < items.size()) items.resize(n);
  normalize(items);
}

inline void top_k(Items& items, int k) {
  if (k > 0) keep(items, size_t(k));
}

inline void top_p(Items& items, double p, size_t min_keep) {
  if (p >= 1) return;
  double sum = 0;
  size_t n = 0;
  while (n < items.size()) {
    sum += items[n++].p;
    if (sum >= p && n >= min_keep) break;
  }
  keep(items, n);
}

inline void min_p(Items& items, double p, size_t min_keep) {
  size_t n = 0;
  while (n < items.size() && (n < min_keep || items[n].p >= p * items[0].p)) ++n;
  keep(items, n);
}

inline void typical_p(Items& items, double p, size_t min_keep) {
  if (p >= 1) return;
  double entropy = 0;
  for (const Item& i : items)
    if (i.p > 0) entropy -= i.p * std::log(i.p);
  std::sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
    const double distance_a = std::fabs(-std::log(a.p) - entropy);
    const double distance_b = std::fabs(-std::log(b.p) - entropy);
    if (distance_a != distance_b) return distance_a < distance_b;
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  });
  double sum = 0;
  size_t n = 0;
  while (n < items.size()) {
    sum += items[n++].p;
    if (sum > p && n >= min_keep) break;
  }
  keep(items, n);
}

inline void top_n_sigma(Items& items, double n) {
  double mean = 0;
  for (const Item& i : items) mean += i.logit / double(items.size());
  double variance = 0;
  for (const Item& i : items)
    variance += (i.logit - mean) * (i.logit - mean) / double(items.size());
  const double limit = items[0].logit - n * std::sqrt(variance);
  std::erase_if(items, [&](const Item& i) { return i.logit < limit; });
  normalize(items);
}

// As if the chance had struck.
inline void xtc(Items& items, double threshold, size_t min_keep) {
  size_t above = 0;
  while (above < items.size() && items[above].p >= threshold) ++above;
  if (above < 2 || items.size() - (above - 1) < min_keep) return;
  items.erase(items.begin(), items.begin() + ptrdiff_t(above - 1));
  normalize(items);
}

inline void temperature(Items& items, double t) {
  for (Item& i : items) i.logit /= t;
  normalize(items);
}

inline void dynamic_temperature(Items& items, double t, double range, double exponent) {
  double entropy = 0;
  for (const Item& i : items)
    if (i.p > 0) entropy -= i.p * std::log(i.p);
  const double low = std::max(0.0, t - range);
  const double high = t + range;
  temperature(items,
              low + (high - low) * std::pow(entropy / std::log(double(items.size())), exponent));
}

// Match length by comparing token by token, O(n^2); breakers by looking at every place.
inline void dry(Items& items, std::span<const int32_t> h, double multiplier, double base,
                int allowed, const std::vector<std::vector<int32_t>>& breakers) {
  size_t limit = h.size();
  for (const auto& b : breakers)
    for (size_t start = 0; start + b.size() <= h.size(); ++start)
      if (std::equal(b.begin(), b.end(), h.begin() + ptrdiff_t(start)))
        limit = std::min(limit, h.size() - start - b.size());
  for (Item& item : items) {
    if (std::find(breakers.begin(), breakers.end(), std::vector<int32_t>{item.id}) !=
        breakers.end())
      continue;
    int longest = -1;
    for (size_t j = 0; j + 1 < h.size(); ++j) {
      if (h[j + 1] != item.id) continue;
      size_t m = 0;
      while (m <= j && m < limit && h[j - m] == h[h.size() - 1 - m]) ++m;
      longest = std::max(longest, int(m));
    }
    if (longest >= allowed) item.logit -= multiplier * std::pow(base, longest - allowed);
  }
  normalize(items);
}

// Roughly normal logits of a language model: a few large, many small.
inline std::vector<float> random_logits(Rng& rng, size_t n, double spread) {
  std::vector<float> logits(n);
  for (float& l : logits) {
    double sum = 0;
    for (int i = 0; i < 6; ++i) sum += rng.uniform() - 0.5;
    l = float(sum * spread);
  }
  return logits;
}

}  // namespace hearth::sample::reference
