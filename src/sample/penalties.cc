#include "sample/penalties.h"

#include <algorithm>
#include <limits>

namespace hearth::sample {

void History::push(int32_t token) {
  // Holds up to 2 * window + 2 tokens, then forgets the older half: one more than the window must
  // stay, so that the counters see the token that leaves.
  const size_t keep = size_t(std::max(window_, 0)) + 1;
  if (window_ >= 0 && tokens_.size() >= 2 * keep)
    tokens_.erase(tokens_.begin(), tokens_.end() - ptrdiff_t(keep));
  tokens_.push_back(token);
}

std::span<const int32_t> History::last(int n) const {
  const size_t count = n < 0 ? tokens_.size() : std::min(size_t(n), tokens_.size());
  return std::span(tokens_).last(count);
}

void Penalties::accept(int32_t token, const History& history) {
  if (known(token)) ++counts_[size_t(token)];
  if (params_.last_n < 0) return;
  const auto tokens = history.last(-1);
  const size_t window = size_t(params_.last_n);
  if (tokens.size() <= window) return;
  const int32_t gone = tokens[tokens.size() - window - 1];
  if (known(gone)) --counts_[size_t(gone)];
}

void Penalties::clear() { std::fill(counts_.begin(), counts_.end(), 0); }

void Penalties::apply(Candidates& c) const {
  constexpr float kMax = std::numeric_limits<float>::max();
  for (Candidate& e : c.all()) {
    const int32_t count = counts_[size_t(e.id)];
    if (count == 0) continue;
    float logit = e.logit > 0 ? e.logit / params_.repeat : e.logit * params_.repeat;
    logit -= float(count) * params_.frequency + params_.presence;
    e.logit = std::clamp(logit, -kMax, kMax);
  }
  c.logits_changed();
}

}  // namespace hearth::sample
