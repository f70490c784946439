#include "base/thread_team.h"

#include <algorithm>

#include "base/cpu_info.h"

namespace hearth {
namespace {

// Polls before a waiting thread gives the CPU back. About 50 us on a 3 GHz machine: longer than the
// gaps between the operations of one step, short enough that a chat waiting for its user costs
// nothing. Raising it costs idle power; lowering it below the gap between two decode steps
// (sampling: about 20 us) costs a wake-up per token.
constexpr int kSpins = 2000;

// A taking gets this part of what is left of a share, and at least one piece: few takings, and
// small pieces at the end, where they decide how long the others wait.
constexpr int64_t kTakePart = 8;
// So many threads are asked for work. Each costs a cache miss at the end of every phase.
constexpr int kOthersAsked = 8;

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadTeam::ThreadTeam(const Options& options)
    : n_threads_(std::clamp(options.n_threads, 1, (1 << kCrewBits) - 1)),
      pin_(options.pin),
      job_word_(uint32_t(n_threads_)),
      crew_(uint32_t(n_threads_)),
      taken_(std::make_unique<Taken[]>(size_t(n_threads_))) {
  if (pin_) cpu_order_ = usable_cpu_set().order;
  threads_.reserve(size_t(n_threads_ - 1));
  for (int i = 1; i < n_threads_; ++i) threads_.emplace_back([this, i] { worker(i); });
}

ThreadTeam::~ThreadTeam() {
  stop_.store(true);
  // Every thread is of the crew of this last job.
  start(n_threads_);
  for (std::thread& t : threads_) t.join();
}

// Makes a job of n threads begin.
void ThreadTeam::start(int n) {
  const uint32_t old = job_word_.load(std::memory_order_relaxed);
  const uint32_t number = (old >> kCrewBits) + 1;
  job_word_.store(number << kCrewBits | uint32_t(n));  // seq_cst: orders against n_sleeping_ below
  if (n_sleeping_.load() > 0) job_word_.notify_all();
  if (crew_of(old) == n) return;
  crew_.store(uint32_t(n));
  crew_.notify_all();
}

void ThreadTeam::run(Job job, void* context, int n_threads) {
  const int n = n_threads == 0 ? n_threads_ : std::clamp(n_threads, 1, n_threads_);
  n_crew_ = n;
  barrier_number_.fetch_add(1, std::memory_order_relaxed);  // what was taken before does not count
  if (n == 1) {
    job(context, 0);
    return;
  }
  job_ = job;
  context_ = context;
  n_running_.store(n - 1, std::memory_order_relaxed);
  start(n);
  job(context, 0);
  for (int spins = 0; n_running_.load(std::memory_order_acquire) != 0; ++spins) {
    if (spins < kSpins)
      pause_cpu();
    else
      std::this_thread::yield();
  }
}

// The word of a job behind `seen`. It may be one that this thread has no part in.
uint32_t ThreadTeam::wait_for_job(uint32_t seen, int thread) {
  for (int spins = 0; spins < kSpins; ++spins) {
    const uint32_t word = job_word_.load(std::memory_order_acquire);
    if (word != seen) return word;
    pause_cpu();
  }
  // Who had no part in the last job sleeps until one has another number of threads: not every token
  // shall wake him.
  if (thread >= crew_of(seen)) {
    crew_.wait(uint32_t(crew_of(seen)));
    return job_word_.load(std::memory_order_acquire);
  }
  n_sleeping_.fetch_add(1);
  uint32_t word;
  while ((word = job_word_.load()) == seen) job_word_.wait(seen);
  n_sleeping_.fetch_sub(1);
  return word;
}

void ThreadTeam::worker(int thread) {
  if (pin_) pin_current_thread(cpu_order_[size_t(thread) % cpu_order_.size()]);
  for (uint32_t seen = uint32_t(n_threads_);;) {
    seen = wait_for_job(seen, thread);
    if (stop_.load()) return;
    if (thread >= crew_of(seen)) continue;
    job_(context_, thread);
    n_running_.fetch_sub(1, std::memory_order_release);
  }
}

void ThreadTeam::barrier() {
  if (n_crew_ == 1) {
    barrier_number_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const uint64_t number = barrier_number_.load(std::memory_order_relaxed);
  if (n_arrived_.fetch_add(1, std::memory_order_acq_rel) == n_crew_ - 1) {
    n_arrived_.store(0, std::memory_order_relaxed);
    barrier_number_.store(number + 1, std::memory_order_release);
    return;
  }
  // A thread that lost its CPU must not keep the others burning theirs: yield after a while.
  for (int spins = 0; barrier_number_.load(std::memory_order_acquire) == number; ++spins) {
    if (spins < kSpins)
      pause_cpu();
    else
      std::this_thread::yield();
  }
}

ThreadTeam::Pieces ThreadTeam::take(int thread, int64_t n) {
  const uint64_t phase = barrier_number_.load(std::memory_order_relaxed) << kTakenBits;
  for (int i = 0; i < std::min(n_crew_, 1 + kOthersAsked); ++i) {
    const int owner = (thread + i) % n_crew_;
    const int64_t begin = n * owner / n_crew_;
    const int64_t end = n * (owner + 1) / n_crew_;
    std::atomic<uint64_t>& word = taken_[size_t(owner)].word;
    uint64_t seen = word.load(std::memory_order_relaxed);
    for (;;) {
      // Less than `phase`: of an earlier one.
      const int64_t at = begin + (seen >= phase ? int64_t(seen - phase) : 0);
      if (at >= end) break;
      const int64_t next = at + std::max<int64_t>(1, (end - at) / kTakePart);
      // What the pieces are made of was ordered by the barrier.
      if (word.compare_exchange_weak(seen, phase + uint64_t(next - begin),
                                     std::memory_order_relaxed))
        return {at, next};
    }
  }
  return {n, n};
}

}  // namespace hearth
