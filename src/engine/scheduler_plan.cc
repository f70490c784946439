// How Scheduler makes a step: who goes, who generates, who reads how much of his prompt.
#include <algorithm>

#include "base/result.h"
#include "engine/scheduler.h"

namespace hearth::engine {

Step Scheduler::next_step(double now, KvSource& kv) {
  HEARTH_CHECK(!in_flight_);
  in_flight_ = true;
  Plan plan{.kv = kv, .now = now};
  plan.step.number = ++n_steps_;
  end_requests(plan);
  plan_generating(plan);
  plan_overdue(plan);
  for (size_t p = 0; p < kPriorities; ++p) plan_reading(plan, Priority(p));
  return std::move(plan.step);
}

void Scheduler::end_requests(Plan& plan) {
  for (const auto& [deadline, id] : deadlines_) {
    if (deadline > plan.now) break;
    if (Request* r = find(id); r != nullptr) end(*r, EndReason::kExpired);
  }
  for (const RequestId id : ending_) {
    const auto found = requests_.find(id);
    Request& r = found->second;
    FairQueue& queue = queues_[size_t(r.spec.priority)];
    if (r.running) {
      plan.kv.stop(id);
      std::erase(running_, &r);
    } else {
      queue.leave(r.spec.key, id);
    }
    queue.close(r.spec.key);
    deadlines_.erase({r.spec.deadline, id});
    plan.step.ended.push_back({id, r.reason});
    requests_.erase(found);
  }
  ending_.clear();
}

// Every sequence that has nothing else to read gets its token, and drafts as far as they fit into
// half of the chunk. What is left of the step is for prompts.
void Scheduler::plan_generating(Plan& plan) {
  int64_t n_sequences = 0;
  for (const Request* r : running_) n_sequences += r->n_live();
  int64_t n_drafts = std::min(chunk() / 2, options_.n_batch - n_sequences);
  int64_t n_drafted = 0;
  const std::vector<Request*> running = running_;  // some may be preempted meanwhile
  for (Request* r : running) {
    for (size_t i = 0; r->running && r->shared_done && i < r->sequences.size(); ++i) {
      Sequence& s = r->sequences[i];
      if (!s.live || s.n_planned != r->n_tokens(s) - 1) continue;
      s.n_draft = std::min({s.n_draft, n_drafts, r->spec.n_new_max - s.n_generated - 1});
      StepItem item{.request = r->id, .sequence = int(i), .first = s.n_planned};
      item.n = 1 + s.n_draft;
      item.n_draft = s.n_draft;
      item.n_blocks = blocks_to_grow(s, item.n);
      item.wants_logits = true;
      if (!make_room(plan, *r, item.n_blocks)) continue;
      n_drafts -= s.n_draft;
      n_drafted += s.n_draft;
      add_item(plan, *r, item);
    }
  }
  plan.n_left = options_.n_batch;
  if (plan.step.n_generating > 0)
    plan.n_left = std::min(chunk(), options_.n_batch - plan.step.n_generating) - n_drafted;
}

int64_t Scheduler::blocks_to_grow(const Sequence& s, int64_t n) const {
  return blocks_for(s.n_planned + n) - blocks_for(s.n_planned) + int64_t(s.may_copy);
}

// One request that had nothing for long, because others are more urgent, goes before all.
void Scheduler::plan_overdue(Plan& plan) {
  Request* r = find_overdue(plan.now);
  if (r == nullptr) return;
  if (!r->running && !admit(plan, *r, Priority::kInteractive)) {
    plan.admitting = false;
    return;
  }
  if (r->rank != Priority::kInteractive) {
    r->rank = Priority::kInteractive;
    std::ranges::sort(running_, [](const Request* a, const Request* b) { return a->before(*b); });
  }
  read(plan, *r, std::max<int64_t>(kPiece, plan.n_left / 4));
}

Scheduler::Request* Scheduler::find_overdue(double now) {
  for (Request* r : running_)
    if (r->rank < r->spec.priority) return r->reading() >= 0 ? r : nullptr;
  Request* oldest = nullptr;
  size_t most_urgent = kPriorities;
  for (auto& [id, r] : requests_) {
    most_urgent = std::min(most_urgent, size_t(r.spec.priority));
    const bool wants = !r.running || r.reading() >= 0;
    if (wants && now - r.since > options_.patience_s &&
        (oldest == nullptr || r.since < oldest->since))
      oldest = &r;
  }
  return oldest != nullptr && size_t(oldest->spec.priority) > most_urgent ? oldest : nullptr;
}

// Prompts of one priority share what is left of the step, a piece at a time, each piece to the key
// that has been served least.
void Scheduler::plan_reading(Plan& plan, Priority priority) {
  ByKey readers;
  for (Request* r : running_)
    if (r->spec.priority == priority && r->reading() >= 0) readers[r->spec.key].push_back(r);
  while (plan.n_left > 0) {
    Request* r = next_reader(plan, priority, readers);
    if (r == nullptr) return;
    std::vector<Request*>& of_key = readers[r->spec.key];
    if (!r->running) {
      if (!admit(plan, *r, priority)) {
        plan.admitting = false;
        continue;
      }
      of_key.push_back(r);
    }
    if (!read(plan, *r, kPiece) || r->reading() < 0) std::erase(of_key, r);
  }
}

// Who reads next: of the key that has been served least, the oldest request; but every second time
// the one with the least to read, if that is much less. Among equal keys the older request decides.
Scheduler::Request* Scheduler::next_reader(const Plan& plan, Priority priority, ByKey& readers) {
  const FairQueue::Account* least = nullptr;
  Request* oldest = nullptr;
  for (const auto& [key, account] : queues_[size_t(priority)].accounts()) {
    if (least != nullptr && account.served > least->served) continue;
    std::vector<Request*>& of_key = readers[key];
    std::erase_if(of_key, [](const Request* r) { return !r->running; });  // preempted meanwhile
    Request* first = first_waiting(plan, account);
    for (Request* r : of_key)
      if (first == nullptr || r->id < first->id) first = r;
    if (first == nullptr) continue;
    if (least != nullptr && account.served == least->served && oldest->id < first->id) continue;
    least = &account;
    oldest = first;
  }
  const bool second = (uint64_t(plan.n_left / kPiece) + n_steps_) % 2 == 0;
  if (oldest == nullptr || !second) return oldest;
  Request* shortest = oldest;
  const auto consider = [&](Request* r) {
    if (r->n_unread() < shortest->n_unread()) shortest = r;
  };
  for (Request* r : readers[oldest->spec.key]) consider(r);
  if (plan.admitting)
    for (const RequestId id : least->waiting)
      if (Request& r = requests_.at(id); r.preempted_in != n_steps_) consider(&r);
  return shortest->n_unread() <= oldest->n_unread() / 4 ? shortest : oldest;
}

// The oldest that may be admitted: who was preempted in this step is not.
Scheduler::Request* Scheduler::first_waiting(const Plan& plan, const FairQueue::Account& account) {
  if (plan.admitting)
    for (const RequestId id : account.waiting)
      if (Request& r = requests_.at(id); r.preempted_in != n_steps_) return &r;
  return nullptr;
}

// The request reads up to n_most tokens more. False: nothing, for it has no room or no more to
// read.
bool Scheduler::read(Plan& plan, Request& r, int64_t n_most) {
  const int sequence = r.reading();
  if (sequence < 0) return false;
  Sequence& s = r.sequences[size_t(sequence)];
  const int64_t end = r.shared_done ? r.n_tokens(s) - 1 : r.n_shared;
  const int64_t n = std::min({n_most, plan.n_left, end - s.n_planned});
  StepItem item{.request = r.id, .sequence = sequence, .first = s.n_planned, .n = n};
  item.n_blocks = blocks_to_grow(s, n);
  if (n <= 0 || !make_room(plan, r, item.n_blocks)) return false;
  item.ends_shared = !r.shared_done && s.n_planned + n == end;
  item.wants_logits = item.ends_shared && (r.n_live() == 1 || s.n_generated == 0);
  if (!r.shared_done && s.n_planned + n > r.n_charged) {
    queues_[size_t(r.spec.priority)].charge(r.spec.key,
                                            s.n_planned + n - std::max(s.n_planned, r.n_charged));
    r.n_charged = s.n_planned + n;
  }
  plan.n_left -= n;
  plan.step.n_read += n;
  add_item(plan, r, item);
  return true;
}

void Scheduler::add_item(Plan& plan, Request& r, const StepItem& item) {
  Sequence& s = r.sequences[size_t(item.sequence)];
  r.since = plan.now;
  s.n_planned = item.first + item.n;
  s.may_copy = false;
  plan.n_blocks += item.n_blocks;
  const bool generating = item.wants_logits && !item.ends_shared;
  plan.step.n_generating += int64_t(generating);
  const auto same = std::ranges::find_if(plan.step.items, [&](const StepItem& other) {
    return other.request == item.request && other.sequence == item.sequence;
  });
  if (same == plan.step.items.end()) {
    plan.step.items.push_back(item);
    return;
  }
  same->n += item.n;
  same->n_blocks += item.n_blocks;
  same->wants_logits = item.wants_logits;
  same->ends_shared = item.ends_shared;
}

bool Scheduler::admit(Plan& plan, Request& r, Priority rank) {
  if (!make_place(plan, r, rank)) return false;
  queues_[size_t(r.spec.priority)].leave(r.spec.key, r.id);
  r.running = true;
  r.rank = rank;
  r.admitted = ++n_admitted_;
  running_.insert(std::ranges::find_if(running_, [&](const Request* o) { return r.before(*o); }),
                  &r);
  Sequence& s = r.sequences[size_t(r.lead())];
  // The last position is always computed: its logits are wanted, or it tells that all is there.
  s.n_kv = s.n_planned = plan.kv.start(r.id, r.lead(), r.n_shared - 1);
  HEARTH_CHECK(s.n_kv >= 0 && s.n_kv < r.n_shared);
  s.may_copy = s.n_kv % options_.block_positions != 0;
  r.n_charged = std::max(r.n_charged, s.n_kv);
  cached_share_ += kNew * (double(s.n_kv) / double(r.n_shared) - cached_share_);
  return true;
}

// Whether the request can begin: sequences and memory for what it has to read, and for its first
// tokens; beside others with a reserve, so that not the next block of one of them has it preempted.
bool Scheduler::has_place(const Plan& plan, const Request& r) const {
  int64_t n_sequences = r.n_live();
  int64_t n_promised = 0;  // to those who are still reading
  for (const Request* other : running_) {
    n_sequences += other->n_live();
    const Sequence& lead = other->sequences[size_t(other->lead())];
    if (!other->shared_done) n_promised += blocks_for(other->n_shared) - blocks_for(lead.n_planned);
  }
  if (n_sequences > options_.n_sequences_max) return false;
  // A block for every fourth sequence: some eight steps in a thousand begin one (of 256 positions),
  // so the reserve lasts a good while; more would leave memory idle.
  const int64_t n_reserve = running_.empty() ? 0 : (n_sequences + 3) / 4;
  const int64_t n_wanted = std::min(blocks_for(r.n_shared) + r.n_live(), blocks_max(r.spec)) -
                           plan.kv.n_blocks_in_use(r.id, r.n_shared - 1);
  return n_wanted + n_promised + n_reserve <= plan.kv.n_blocks_available() - plan.n_blocks;
}

// Makes place at the cost of less urgent ones; of none, if it would not be enough.
bool Scheduler::make_place(Plan& plan, const Request& r, Priority rank) {
  if (has_place(plan, r)) return true;
  int64_t n_blocks = plan.kv.n_blocks_available() - plan.n_blocks;
  int64_t n_kept = 0;
  for (const Request* other : running_) {
    if (other->rank <= rank) {
      n_kept += other->n_live();
      continue;
    }
    for (const Sequence& s : other->sequences) n_blocks += blocks_for(s.n_planned);
  }
  if (n_kept + r.n_live() > options_.n_sequences_max || n_blocks < blocks_for(r.n_shared))
    return false;
  while (!running_.empty() && running_.back()->rank > rank) {
    preempt(plan, *running_.back());
    if (has_place(plan, r)) return true;
  }
  return false;
}

// Makes room for what the running request needs next at the cost of those behind it.
bool Scheduler::make_room(Plan& plan, const Request& r, int64_t n_blocks) {
  if (n_blocks == 0) return true;
  while (plan.kv.n_blocks_available() - plan.n_blocks < n_blocks) {
    if (!r.before(*running_.back())) return false;
    preempt(plan, *running_.back());
  }
  return true;
}

void Scheduler::preempt(Plan& plan, Request& r) {
  std::erase_if(plan.step.items, [&](const StepItem& item) {
    if (item.request != r.id) return false;
    plan.n_blocks -= item.n_blocks;
    const bool generating = item.wants_logits && !item.ends_shared;
    plan.step.n_generating -= int64_t(generating);
    plan.step.n_read -= generating ? 0 : item.n;
    plan.n_left += generating ? 0 : item.n;
    return true;
  });
  plan.kv.stop(r.id);
  std::erase(running_, &r);
  r.begin_anew();
  r.preempted_in = n_steps_;
  queues_[size_t(r.spec.priority)].wait(r.spec.key, r.id);
  plan.step.preempted.push_back(r.id);
}

}  // namespace hearth::engine
