// FairQueue: requests of one priority that wait, and how much each key has been served: the account
// keeping of Scheduler. Numbers only.
//
// A virtual token counter for each key (Sheng et al., "Fairness in Serving Large Language Models",
// OSDI 2024): whoever has been served least, by weight, is next; what is served is charged. A key
// that comes back from a pause begins where the least served of the others stands, so that a pause
// saves up no claim. Keys with a backlog stay within about the tokens of what can run at once.
#pragma once

#include <cstdint>
#include <map>
#include <set>

namespace hearth::engine {

class FairQueue {
 public:
  struct Account {
    double weight = 1;
    double served = 0;          // tokens / weight, and what was granted after pauses
    int n_open = 0;             // requests, waiting or not
    std::set<int64_t> waiting;  // ids: the smaller came earlier
  };

  // A request of the key came, and has gone. What is left of an idle key is forgotten when it no
  // longer matters.
  void open(uint64_t key, double weight);
  void close(uint64_t key);
  // REQUIRES: the key has an open request.
  void wait(uint64_t key, int64_t id);
  void leave(uint64_t key, int64_t id);
  void charge(uint64_t key, int64_t n_tokens);

  [[nodiscard]] const std::map<uint64_t, Account>& accounts() const { return accounts_; }
  [[nodiscard]] int64_t n_waiting() const { return n_waiting_; }
  [[nodiscard]] int64_t n_waiting(uint64_t key) const;

 private:
  void forget_idle();
  [[nodiscard]] double least_served() const;  // of the keys with open requests; REQUIRES: one has

  std::map<uint64_t, Account> accounts_;
  int64_t n_waiting_ = 0;
  int64_t n_open_ = 0;
};

}  // namespace hearth::engine
