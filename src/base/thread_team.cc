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

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadTeam::ThreadTeam(const Options& options)
    : n_threads_(std::max(1, options.n_threads)), pin_(options.pin) {
  threads_.reserve(size_t(n_threads_ - 1));
  for (int i = 1; i < n_threads_; ++i) threads_.emplace_back([this, i] { worker(i); });
}

ThreadTeam::~ThreadTeam() {
  stop_.store(true);
  job_number_.fetch_add(1);
  job_number_.notify_all();
  for (std::thread& t : threads_) t.join();
}

void ThreadTeam::run(Job job, void* context) {
  if (n_threads_ == 1) {
    job(context, 0);
    return;
  }
  job_ = job;
  context_ = context;
  n_running_.store(n_threads_ - 1, std::memory_order_relaxed);
  job_number_.fetch_add(1);  // seq_cst: orders against n_sleeping_ below
  if (n_sleeping_.load() > 0) job_number_.notify_all();
  job(context, 0);
  for (int spins = 0; n_running_.load(std::memory_order_acquire) != 0; ++spins) {
    if (spins < kSpins)
      pause_cpu();
    else
      std::this_thread::yield();
  }
}

void ThreadTeam::wait_for_job(uint32_t seen) {
  for (int spins = 0; spins < kSpins; ++spins) {
    if (job_number_.load(std::memory_order_acquire) != seen) return;
    pause_cpu();
  }
  n_sleeping_.fetch_add(1);
  while (job_number_.load() == seen) job_number_.wait(seen);
  n_sleeping_.fetch_sub(1);
}

void ThreadTeam::worker(int thread) {
  if (pin_) pin_current_thread(thread);
  uint32_t seen = 0;
  for (;;) {
    wait_for_job(seen);
    seen = job_number_.load(std::memory_order_acquire);
    if (stop_.load()) return;
    job_(context_, thread);
    n_running_.fetch_sub(1, std::memory_order_release);
  }
}

void ThreadTeam::barrier() {
  if (n_threads_ == 1) return;
  const uint32_t number = barrier_number_.load(std::memory_order_relaxed);
  if (n_arrived_.fetch_add(1, std::memory_order_acq_rel) == n_threads_ - 1) {
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

}  // namespace hearth
