#include "engine/fair_queue.h"

#include <algorithm>
#include <limits>

#include "base/result.h"

namespace hearth::engine {

double FairQueue::least_served() const {
  double least = std::numeric_limits<double>::max();
  for (const auto& [key, account] : accounts_)
    if (account.n_open > 0) least = std::min(least, account.served);
  return least;
}

void FairQueue::open(uint64_t key, double weight) {
  const double floor = n_open_ > 0 ? least_served() : 0;
  Account& account = accounts_[key];
  if (account.n_open == 0) account.served = std::max(account.served, floor);
  account.weight = weight;
  ++account.n_open;
  ++n_open_;
}

void FairQueue::close(uint64_t key) {
  Account& account = accounts_.at(key);
  HEARTH_CHECK(account.n_open > 0);
  --account.n_open;
  --n_open_;
  if (account.n_open == 0) forget_idle();
}

void FairQueue::forget_idle() {
  if (n_open_ == 0) {
    accounts_.clear();
    return;
  }
  const double floor = least_served();
  std::erase_if(accounts_, [&](const auto& entry) {
    return entry.second.n_open == 0 && entry.second.served <= floor;
  });
}

void FairQueue::wait(uint64_t key, int64_t id) {
  n_waiting_ += int64_t(accounts_.at(key).waiting.insert(id).second);
}

void FairQueue::leave(uint64_t key, int64_t id) {
  n_waiting_ -= int64_t(accounts_.at(key).waiting.erase(id));
}

void FairQueue::charge(uint64_t key, int64_t n_tokens) {
  Account& account = accounts_.at(key);
  account.served += double(n_tokens) / account.weight;
}

int64_t FairQueue::n_waiting(uint64_t key) const {
  const auto found = accounts_.find(key);
  return found == accounts_.end() ? 0 : int64_t(found->second.waiting.size());
}

}  // namespace hearth::engine
