// Scheduler: which tokens of which requests the next step computes. Continuous batching: requests
// come and go between steps; every generating sequence gets a token in every step, and prompts are
// read in chunks beside them. A pure state machine: it knows requests by numbers, is told the time,
// and asks KvSource for memory. The same calls give the same steps.
//
//   submit() ... next_step() -> run it -> finished() -> next_step() ...
//
// What holds (scheduler_sim_test.cc asserts it at every step):
//  - A step with generating sequences reads at most `chunk` prompt tokens, whatever waits.
//  - Keys with a backlog in the same priority get the same number of tokens, by weight (FairQueue).
//    Within a key the oldest request gets at least half; much shorter ones may slip past it.
//  - A priority gets what the more urgent ones leave of the chunk, the sequences and the memory; it
//    is preempted for them. But one request at a time that had nothing for `patience_s` is served
//    first, with a quarter of the chunk: nobody starves.
//  - Of equals, who was admitted earlier is never preempted for who came later: the first always
//    gets on.
//  - What a step needs of the memory is there: n_blocks() of it never exceeds what is available.
//  - Every request is in Step::ended exactly once; cancel() shows in the next step.
//
// Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "engine/fair_queue.h"
#include "engine/step_rates.h"

namespace hearth::engine {

using RequestId = int64_t;

// A smaller one is more urgent.
enum class Priority : uint8_t { kInteractive, kNormal, kBatch };
inline constexpr size_t kPriorities = 3;

struct SchedulerOptions {
  // Behaviour.
  int64_t n_waiting_max = 512;      // more are refused; the preempted wait besides
  int64_t n_waiting_key_max = 256;  // of one key
  double patience_s = 120;          // see above
  // Performance.
  int n_sequences_max = 64;  // that run at once; no more than n_batch
  int n_batch = 512;         // most tokens of a step
  // Most prompt tokens of a step in which sequences generate. Larger: prompts are read with less
  // overhead, but each token of the others may wait for as many.
  int chunk = 256;
  // Such a step should take no more than so many times one that only generates: where steps are
  // measured, chunks are made as short as that needs. 0: always `chunk`.
  double stall_max = 2;
  // The memory: positions of a block, and how many blocks there are for sequences.
  int block_positions = 256;
  int64_t n_blocks = 0;
  int64_t n_ctx = 0;  // most positions of a sequence
  // Seconds for a prompt token and for a step of generating, until they are measured.
  double read_s = 0.01;
  double generate_s = 0.1;
};

struct RequestSpec {
  uint64_t key = 0;  // who asks: a user, an API key
  double weight = 1;
  Priority priority = Priority::kNormal;
  int64_t n_prompt = 0;   // tokens; at least 1
  int64_t n_new_max = 1;  // most tokens to generate, for each sequence; at least 1
  int n_sequences = 1;    // answers to the same prompt
  double deadline = std::numeric_limits<double>::infinity();  // in the caller's time
};

// When a waiting request is expected to be served, in seconds from the last known time.
struct Estimate {
  int64_t place = 0;  // how many are served before
  double start_s = 0;
  double first_token_s = 0;
};

struct Refusal {
  enum class Why : uint8_t { kQueueFull, kKeyQueueFull, kNeverFits };
  Why why = Why::kQueueFull;
  Estimate estimate = {};  // had it been taken; not for kNeverFits
  double retry_s = 0;      // until there is a place in the queue
  int64_t n_new_fits = 0;  // kNeverFits: the largest n_new_max that would fit; 0: none
};

// Tokens of one sequence that a step computes.
struct StepItem {
  RequestId request = 0;
  int sequence = 0;   // of the request
  int64_t first = 0;  // position
  int64_t n = 0;      // tokens; the last n_draft of them are drafts to be verified
  int64_t n_draft = 0;
  int64_t n_blocks = 0;  // that the memory may have to give for them
  bool wants_logits = false;
  // The last tokens that all sequences of the request share: when the step is done, those that have
  // not ended take over what this one holds. With logits, each gets its first token from them.
  bool ends_shared = false;
};

enum class EndReason : uint8_t { kDone, kCancelled, kExpired };

struct EndedRequest {
  RequestId id = 0;
  EndReason reason = EndReason::kDone;
};

struct Step {
  uint64_t number = 0;
  std::vector<StepItem> items;  // those of one sequence are one
  // Since the last step. Their memory has been asked back (KvSource::stop).
  std::vector<EndedRequest> ended;
  std::vector<RequestId> preempted;
  int64_t n_read = 0;        // prompt tokens
  int64_t n_generating = 0;  // sequences
  [[nodiscard]] int64_t n_blocks() const;
};

// What came of one sequence of an item that wanted logits.
struct SequenceOutcome {
  RequestId request = 0;
  int sequence = 0;
  int64_t n_new = 1;    // tokens gained: one, and the drafts that held
  bool ended = false;   // with these; its memory is given back by the caller
  int64_t n_draft = 0;  // tokens to verify in the next step behind the last
};

// The memory behind the sequences, as the scheduler sees it.
class KvSource {
 public:
  virtual ~KvSource() = default;
  // Blocks that can be had now: free ones, and those of the prefix cache that nobody uses.
  virtual int64_t n_blocks_available() = 0;
  // Of the blocks in which the prefix cache holds the request's first n positions, those in use.
  virtual int64_t n_blocks_in_use(RequestId id, int64_t n) = 0;
  // The request begins, or begins anew: `sequence` gets of its first n positions what the prefix
  // cache has. Returns how many.
  virtual int64_t start(RequestId id, int sequence, int64_t n) = 0;
  // The request's sequences give everything back.
  virtual void stop(RequestId id) = 0;
};

class Scheduler {
 public:
  explicit Scheduler(const SchedulerOptions& options);

  std::expected<RequestId, Refusal> submit(const RequestSpec& spec, double now);
  // Takes effect in the next step. False: there is no such request (any more).
  bool cancel(RequestId id);
  // The next step; without items if there is nothing to do, or it is waiting for memory. REQUIRES:
  // the step before is finished.
  Step next_step(double now, KvSource& kv);
  // The step ran in so many seconds. REQUIRES: an outcome for every sequence whose logits were
  // wanted (where ends_shared, for each that has not ended), but for cancelled requests.
  void finished(const Step& step, std::span<const SequenceOutcome> outcomes, double seconds);

  // nullopt: it does not wait (any more).
  [[nodiscard]] std::optional<Estimate> estimate(RequestId id) const;
  [[nodiscard]] bool idle() const { return requests_.empty(); }
  // Requests.
  [[nodiscard]] int64_t n_waiting() const;
  [[nodiscard]] int64_t n_running() const { return int64_t(running_.size()); }
  [[nodiscard]] const StepRates& rates() const { return rates_; }
  [[nodiscard]] const FairQueue& queue(Priority p) const { return queues_[size_t(p)]; }
  // Prompt tokens that a step with generating sequences reads now (SchedulerOptions::stall_max).
  [[nodiscard]] int64_t chunk() const;

 private:
  // Prompts of several requests are read in turn, so many tokens at a time: of as many a kernel is
  // as good as of more, and small enough that several fit into a chunk.
  static constexpr int kPiece = 32;
  // The weight of a new value in what is expected of the next requests: some twenty are remembered.
  static constexpr double kNew = 0.05;

  struct Sequence {
    int64_t n_kv = 0;       // positions computed
    int64_t n_planned = 0;  // and those when the current step is done
    int64_t n_generated = 0;
    int64_t n_draft = 0;
    bool live = true;
    bool may_copy = false;  // its last block is perhaps not its own
  };
  struct Request {
    RequestId id = 0;
    RequestSpec spec;
    std::vector<Sequence> sequences = {};
    bool running = false;
    bool ending = false;
    EndReason reason = EndReason::kDone;
    double since = 0;                   // when it last got something, or came
    Priority rank = Priority::kNormal;  // while it runs: more urgent than spec.priority if promoted
    uint64_t admitted = 0;              // larger: later
    uint64_t preempted_in = 0;          // step
    int64_t n_charged = 0;  // positions of the shared ones that are paid for, or were cached
    // Positions that the live sequences share: the prompt, or all tokens of an only sequence. The
    // first live one computes them (lead).
    int64_t n_shared = 0;
    bool shared_done = false;

    [[nodiscard]] int n_live() const;
    [[nodiscard]] int lead() const;
    [[nodiscard]] int64_t n_tokens(const Sequence& s) const {
      return spec.n_prompt + s.n_generated;
    }
    // The sequence that has to read more than the token behind which it generates; -1: none.
    [[nodiscard]] int reading() const;
    [[nodiscard]] int64_t n_unread() const;
    // Whether it goes first where there is not enough for both.
    [[nodiscard]] bool before(const Request& other) const;
    void begin_anew();
  };
  struct Plan {
    KvSource& kv;
    double now = 0;
    Step step = {};
    int64_t n_blocks = 0;   // of the step's items
    int64_t n_left = 0;     // prompt tokens that the step can still take
    bool admitting = true;  // false: somebody waits for room, and those behind with him
  };
  using ByKey = std::map<uint64_t, std::vector<Request*>>;

  [[nodiscard]] int64_t blocks_for(int64_t n_positions) const;
  [[nodiscard]] int64_t blocks_max(const RequestSpec& spec) const;
  [[nodiscard]] int64_t n_new_fits(const RequestSpec& spec) const;
  [[nodiscard]] int64_t n_waiting_of(uint64_t key) const;
  Request make_request(const RequestSpec& spec, double now) const;
  Request* find(RequestId id);

  // What a step consists of, in this order (scheduler_plan.cc).
  void end_requests(Plan& plan);
  void plan_generating(Plan& plan);
  void plan_overdue(Plan& plan);
  void plan_reading(Plan& plan, Priority priority);

  Request* find_overdue(double now);
  Request* next_reader(const Plan& plan, Priority priority, ByKey& readers);
  Request* first_waiting(const Plan& plan, const FairQueue::Account& account);
  bool read(Plan& plan, Request& r, int64_t n_most);
  [[nodiscard]] int64_t blocks_to_grow(const Sequence& s, int64_t n) const;
  void add_item(Plan& plan, Request& r, const StepItem& item);
  bool admit(Plan& plan, Request& r, Priority rank);
  bool make_place(Plan& plan, const Request& r, Priority rank);
  bool has_place(const Plan& plan, const Request& r) const;
  bool make_room(Plan& plan, const Request& r, int64_t n_blocks);
  void preempt(Plan& plan, Request& r);
  void end(Request& r, EndReason reason);
  int64_t apply(Request& r, const StepItem& item);
  void apply(Request& r, const SequenceOutcome& outcome);

  // Estimates (scheduler_estimate.cc).
  [[nodiscard]] std::vector<const Request*> order(const Request* more) const;
  [[nodiscard]] Estimate forecast(const Request& wanted) const;
  [[nodiscard]] int64_t n_new_expected(const Request& r) const;
  [[nodiscard]] int64_t n_unread_expected(const Request& r) const;
  [[nodiscard]] int64_t blocks_expected(const Request& r) const;

  SchedulerOptions options_;
  std::array<FairQueue, kPriorities> queues_;
  std::map<RequestId, Request> requests_;
  std::vector<Request*> running_;  // by Request::before
  std::vector<RequestId> ending_;
  std::set<std::pair<double, RequestId>> deadlines_;
  StepRates rates_;
  RequestId n_requests_ = 0;
  uint64_t n_admitted_ = 0;
  uint64_t n_steps_ = 0;
  bool in_flight_ = false;
  double mean_new_ = 256;    // tokens that sequences generated of late
  double cached_share_ = 0;  // of the prompts of late, what the prefix cache had
};

}  // namespace hearth::engine
