#include "sample/dry.h"

#include <algorithm>

#include "sample/math.h"

namespace hearth::sample {

Dry::Dry(DryParams params, int n_vocab) : params_(std::move(params)), longest_(size_t(n_vocab), 0) {
  std::sort(params_.breakers.begin(), params_.breakers.end(),
            [](const auto& a, const auto& b) { return a.back() < b.back(); });
}

bool Dry::is_breaker(int32_t token) const {
  return std::any_of(params_.breakers.begin(), params_.breakers.end(),
                     [token](const auto& b) { return b.size() == 1 && b[0] == token; });
}

size_t Dry::tokens_since_breaker(std::span<const int32_t> history) const {
  const auto by_last = [](const std::vector<int32_t>& b, int32_t token) {
    return b.back() < token;
  };
  for (size_t end = history.size(); end > 0; --end) {
    const int32_t token = history[end - 1];
    auto it = std::lower_bound(params_.breakers.begin(), params_.breakers.end(), token, by_last);
    for (; it != params_.breakers.end() && it->back() == token; ++it) {
      if (it->size() > end) continue;
      const auto tail = history.subspan(end - it->size(), it->size());
      if (std::equal(tail.begin(), tail.end(), it->begin())) return history.size() - end;
    }
  }
  return history.size();
}

// z_[k] = common prefix of the reversed history and itself shifted by k, by the usual box [left,
// right).
void Dry::find_matches(std::span<const int32_t> history, size_t longest) {
  const size_t n = history.size();
  const auto reversed = [&](size_t i) { return history[n - 1 - i]; };
  z_.assign(n, 0);
  size_t left = 0;
  size_t right = 0;
  for (size_t k = 1; k < n; ++k) {
    size_t match = k < right ? std::min(size_t(z_[k - left]), right - k) : 0;
    while (k + match < n && reversed(match) == reversed(k + match)) ++match;
    z_[k] = uint32_t(match);
    if (k + match > right) {
      left = k;
      right = k + match;
    }
    const size_t length = std::min(match, longest);
    if (length < size_t(params_.allowed_length)) continue;
    const int32_t next = reversed(k - 1);  // the token that followed the earlier occurrence
    if (next < 0 || size_t(next) >= longest_.size()) continue;
    uint32_t& slot = longest_[size_t(next)];
    if (slot == 0) touched_.push_back(next);
    slot = std::max(slot, uint32_t(length) + 1);
  }
}

void Dry::apply(Candidates& c, std::span<const int32_t> history) {
  const size_t longest = tokens_since_breaker(history);
  if (history.size() <= size_t(params_.allowed_length) || longest < size_t(params_.allowed_length))
    return;
  find_matches(history, longest);
  for (const int32_t id : touched_) {
    if (is_breaker(id)) longest_[size_t(id)] = 0;
  }
  constexpr double kMaxPenalty = 1e30;  // a finite float: DRY alone never forbids a token
  for (Candidate& e : c.all()) {
    const uint32_t slot = longest_[size_t(e.id)];
    if (slot == 0) continue;
    const double excess = double(slot - 1) - params_.allowed_length;
    const double penalty =
        std::min(params_.multiplier * exact_pow(params_.base, excess), kMaxPenalty);
    e.logit = float(std::max(double(e.logit) - penalty, -kMaxPenalty));
  }
  for (const int32_t id : touched_) longest_[size_t(id)] = 0;
  touched_.clear();
  c.logits_changed();
}

}  // namespace hearth::sample
