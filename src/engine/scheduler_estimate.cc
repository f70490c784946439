// When Scheduler's waiting requests will be served: the queue played forward with mean lengths and
// measured times. Who comes later and is more urgent is not foreseen.
//
// A step takes what generating takes, and what it reads on top of that. So there is a clock that
// only steps of generating move: a request that has a sequence holds it for as many steps as it
// generates, and for those in which its prompt is read, a chunk in each. And the reading of all who
// were served before is added to it.
#include <algorithm>
#include <queue>

#include "engine/scheduler.h"

namespace hearth::engine {

int64_t Scheduler::n_new_expected(const Request& r) const {
  const int64_t n_done =
      r.sequences[size_t(std::min(r.lead(), r.spec.n_sequences - 1))].n_generated;
  return std::clamp(int64_t(mean_new_) - n_done, int64_t{1},
                    std::max<int64_t>(1, r.spec.n_new_max - n_done));
}

int64_t Scheduler::n_unread_expected(const Request& r) const {
  return r.running ? r.n_unread() : int64_t(double(r.n_unread()) * (1 - cached_share_));
}

int64_t Scheduler::blocks_expected(const Request& r) const {
  const int64_t n_full = r.spec.n_prompt / options_.block_positions;
  return n_full + (blocks_for(r.n_shared + n_new_expected(r)) - n_full) * r.n_live();
}

// The waiting requests, and `more` (nullptr: none) behind those of its key, as they will be served.
std::vector<const Scheduler::Request*> Scheduler::order(const Request* more) const {
  struct Line {
    double served = 0;
    double weight = 1;
    std::vector<const Request*> requests;  // the next one last
  };
  std::vector<const Request*> result;
  for (size_t p = 0; p < kPriorities; ++p) {
    std::map<uint64_t, Line> lines;
    for (const auto& [key, account] : queues_[p].accounts()) {
      Line& line = lines[key] = {account.served, account.weight, {}};
      for (const RequestId id : account.waiting) line.requests.push_back(&requests_.at(id));
    }
    if (more != nullptr && size_t(more->spec.priority) == p)
      lines[more->spec.key].requests.push_back(more);
    for (auto& [key, line] : lines) std::ranges::reverse(line.requests);
    while (true) {
      Line* next = nullptr;
      for (auto& [key, line] : lines)
        if (!line.requests.empty() &&
            (next == nullptr || line.served < next->served ||
             (line.served == next->served && line.requests.back()->id < next->requests.back()->id)))
          next = &line;
      if (next == nullptr) break;
      const Request* r = next->requests.back();
      next->requests.pop_back();
      next->served +=
          double(n_unread_expected(*r) + n_new_expected(*r) * r->n_live()) / next->weight;
      result.push_back(r);
    }
  }
  return result;
}

Estimate Scheduler::forecast(const Request& wanted) const {
  struct End {
    double when = 0;
    int64_t n_sequences = 0;
    int64_t n_blocks = 0;
    bool operator>(const End& other) const { return when > other.when; }
  };
  std::priority_queue<End, std::vector<End>, std::greater<>> ends;
  int64_t n_sequences = options_.n_sequences_max;
  int64_t n_blocks = options_.n_blocks;
  double steps_s = 0;     // the clock, when the next one can begin
  double reading_s = 0;   // what all prompts so far take
  double read_until = 0;  // by the clock
  const auto serve = [&](const Request& r) {
    const auto n_unread = double(n_unread_expected(r));
    reading_s += n_unread * rates_.read_s();
    if (n_unread > 0)
      read_until = std::max(read_until, steps_s) + n_unread / double(chunk()) * rates_.generate_s();
    const double begin = n_unread > 0 ? read_until : steps_s;
    n_sequences -= r.n_live();
    n_blocks -= blocks_expected(r);
    ends.push(
        {begin + double(n_new_expected(r)) * rates_.generate_s(), r.n_live(), blocks_expected(r)});
  };
  for (const Request* r : running_)
    if (!r->ending) serve(*r);
  Estimate estimate;
  for (const Request* r : order(requests_.contains(wanted.id) ? nullptr : &wanted)) {
    if (r->ending) continue;
    while (!ends.empty() &&
           (n_sequences < r->n_live() || n_blocks < blocks_for(r->n_shared) + r->n_live())) {
      steps_s = std::max(steps_s, ends.top().when);
      n_sequences += ends.top().n_sequences;
      n_blocks += ends.top().n_blocks;
      ends.pop();
    }
    estimate.start_s = std::max(steps_s, read_until) + reading_s;  // those before have read then
    serve(*r);
    estimate.first_token_s = std::max(steps_s, read_until) + reading_s;
    if (r->id == wanted.id) break;
    ++estimate.place;
  }
  return estimate;
}

std::optional<Estimate> Scheduler::estimate(RequestId id) const {
  const auto found = requests_.find(id);
  if (found == requests_.end() || found->second.running || found->second.ending)
    return std::nullopt;
  return forecast(found->second);
}

}  // namespace hearth::engine
