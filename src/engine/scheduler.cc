#include "engine/scheduler.h"

#include <algorithm>

#include "base/result.h"

namespace hearth::engine {

int64_t Step::n_blocks() const {
  int64_t n = 0;
  for (const StepItem& item : items) n += item.n_blocks;
  return n;
}

int Scheduler::Request::n_live() const {
  return int(std::ranges::count_if(sequences, [](const Sequence& s) { return s.live; }));
}

int Scheduler::Request::lead() const {
  return int(std::ranges::find_if(sequences, [](const Sequence& s) { return s.live; }) -
             sequences.begin());
}

int Scheduler::Request::reading() const {
  if (!shared_done) return sequences[size_t(lead())].n_planned < n_shared ? lead() : -1;
  for (size_t i = 0; i < sequences.size(); ++i)
    if (sequences[i].live && sequences[i].n_planned < n_tokens(sequences[i]) - 1) return int(i);
  return -1;
}

int64_t Scheduler::Request::n_unread() const {
  int64_t n = shared_done ? 0 : n_shared - sequences[size_t(lead())].n_planned;
  for (const Sequence& s : sequences)
    if (s.live) n += std::max<int64_t>(0, n_tokens(s) - 1 - (shared_done ? s.n_planned : n_shared));
  return n;
}

bool Scheduler::Request::before(const Request& other) const {
  return rank != other.rank ? rank < other.rank : admitted < other.admitted;
}

// Nothing is computed (any more): all is to be read, what was generated before included.
void Scheduler::Request::begin_anew() {
  running = false;
  shared_done = false;
  for (Sequence& s : sequences) s = {.n_generated = s.n_generated, .live = s.live};
  const int64_t n_generated = sequences[size_t(lead())].n_generated;
  n_shared = spec.n_prompt + (n_live() == 1 ? n_generated : 0);
  if (n_generated > 0) n_charged = std::max(n_charged, n_shared);
}

Scheduler::Scheduler(const SchedulerOptions& options)
    : options_(options), rates_(options.read_s, options.generate_s) {
  HEARTH_CHECK(options.n_sequences_max > 0 && options.n_sequences_max <= options.n_batch &&
               options.chunk > 0 && options.chunk <= options.n_batch &&
               options.block_positions > 0);
}

int64_t Scheduler::blocks_for(int64_t n_positions) const {
  return (n_positions + options_.block_positions - 1) / options_.block_positions;
}

// The most blocks that a request holds: full ones of the prompt once, those behind for each
// sequence, and one while a shared block is being copied.
int64_t Scheduler::blocks_max(const RequestSpec& spec) const {
  const int64_t n_full = spec.n_prompt / options_.block_positions;
  const int64_t n_each = blocks_for(spec.n_prompt + spec.n_new_max - 1) - n_full;
  return n_full + n_each * spec.n_sequences + 1;
}

// The largest n_new_max with which the request fits; 0: none.
int64_t Scheduler::n_new_fits(const RequestSpec& spec) const {
  if (spec.n_sequences > options_.n_sequences_max) return 0;
  const int64_t n_full = spec.n_prompt / options_.block_positions;
  const int64_t n_left = options_.n_blocks - 1 - n_full;
  if (n_left < 0) return 0;
  const int64_t n_blocks = n_full + n_left / spec.n_sequences;
  const int64_t n_positions = std::min(options_.n_ctx, n_blocks * options_.block_positions);
  return std::max<int64_t>(0, n_positions - spec.n_prompt + 1);
}

Scheduler::Request Scheduler::make_request(const RequestSpec& spec, double now) const {
  Request r{.id = n_requests_ + 1, .spec = spec};
  r.since = now;
  r.sequences.resize(size_t(spec.n_sequences));
  r.begin_anew();
  return r;
}

std::expected<RequestId, Refusal> Scheduler::submit(const RequestSpec& spec, double now) {
  HEARTH_CHECK(spec.n_prompt > 0 && spec.n_new_max > 0 && spec.n_sequences > 0 && spec.weight > 0);
  Refusal refusal{.n_new_fits = n_new_fits(spec)};
  if (spec.n_new_max > refusal.n_new_fits) {
    refusal.why = Refusal::Why::kNeverFits;
    return std::unexpected(refusal);
  }
  Request request = make_request(spec, now);
  FairQueue& queue = queues_[size_t(spec.priority)];
  const bool full = n_waiting() >= options_.n_waiting_max;
  if (full || n_waiting_of(spec.key) >= options_.n_waiting_key_max) {
    refusal.why = full ? Refusal::Why::kQueueFull : Refusal::Why::kKeyQueueFull;
    refusal.estimate = forecast(request);
    const std::vector<const Request*> waiting = order(nullptr);
    if (!waiting.empty()) refusal.retry_s = forecast(*waiting.front()).start_s;
    return std::unexpected(refusal);
  }
  const RequestId id = ++n_requests_;
  queue.open(spec.key, spec.weight);
  queue.wait(spec.key, id);
  deadlines_.emplace(spec.deadline, id);
  requests_.emplace(id, std::move(request));
  return id;
}

int64_t Scheduler::n_waiting() const {
  int64_t n = 0;
  for (const FairQueue& queue : queues_) n += queue.n_waiting();
  return n;
}

int64_t Scheduler::n_waiting_of(uint64_t key) const {
  int64_t n = 0;
  for (const FairQueue& queue : queues_) n += queue.n_waiting(key);
  return n;
}

Scheduler::Request* Scheduler::find(RequestId id) {
  const auto found = requests_.find(id);
  return found == requests_.end() || found->second.ending ? nullptr : &found->second;
}

bool Scheduler::cancel(RequestId id) {
  Request* r = find(id);
  if (r != nullptr) end(*r, EndReason::kCancelled);
  return r != nullptr;
}

void Scheduler::end(Request& r, EndReason reason) {
  r.ending = true;
  r.reason = reason;
  ending_.push_back(r.id);
}

int64_t Scheduler::chunk() const {
  if (options_.stall_max <= 0 || !rates_.measured()) return options_.chunk;
  const double fits = (options_.stall_max - 1) * rates_.generate_s() / rates_.read_s();
  const auto shortest = double(std::min(kPiece, options_.chunk));
  return int64_t(std::clamp(fits, shortest, double(options_.chunk)));
}

void Scheduler::finished(const Step& step, std::span<const SequenceOutcome> outcomes,
                         double seconds) {
  HEARTH_CHECK(in_flight_ && step.number == n_steps_);
  in_flight_ = false;
  rates_.add(step.n_read, step.n_generating, seconds);
  int64_t n_wanted = 0;
  for (const StepItem& item : step.items)
    if (Request* r = find(item.request); r != nullptr) n_wanted += apply(*r, item);
  for (const SequenceOutcome& outcome : outcomes)
    if (Request* r = find(outcome.request); r != nullptr) {
      apply(*r, outcome);
      --n_wanted;
    }
  HEARTH_CHECK(n_wanted == 0);
  for (Request* r : running_)
    if (!r->ending && r->n_live() == 0) end(*r, EndReason::kDone);
}

// The item's positions are computed. Returns how many outcomes belong to it.
int64_t Scheduler::apply(Request& r, const StepItem& item) {
  Sequence& own = r.sequences[size_t(item.sequence)];
  own.n_kv = own.n_planned = item.first + item.n - item.n_draft;
  if (!item.ends_shared) return int64_t(item.wants_logits);
  r.shared_done = true;
  for (Sequence& s : r.sequences) {
    if (!s.live || &s == &own) continue;
    s.n_kv = s.n_planned = own.n_kv;
    s.may_copy = own.n_kv % options_.block_positions != 0;
  }
  return item.wants_logits ? r.n_live() : 0;
}

void Scheduler::apply(Request& r, const SequenceOutcome& outcome) {
  Sequence& s = r.sequences.at(size_t(outcome.sequence));
  HEARTH_CHECK(s.live && outcome.n_new >= 1 && outcome.n_new <= 1 + s.n_draft);
  s.n_generated += outcome.n_new;
  s.n_kv += outcome.n_new - 1;
  s.n_planned = s.n_kv;
  s.n_draft = std::max<int64_t>(0, outcome.n_draft);
  queues_[size_t(r.spec.priority)].charge(r.spec.key, outcome.n_new);
  if (!outcome.ended && s.n_generated < r.spec.n_new_max) return;
  s.live = false;
  mean_new_ += kNew * (double(s.n_generated) - mean_new_);
}

}  // namespace hearth::engine
