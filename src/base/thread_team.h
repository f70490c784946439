// ThreadTeam: a fixed crew of pinned threads that run one function together, many thousand times a
// second. Workers spin shortly for the next job (a decode step is a few hundred microsecond-sized
// jobs), then sleep, so an idle program uses no CPU. Owned by the engine; used by backends. Not a
// task queue: there is one job at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace hearth {

class ThreadTeam {
 public:
  struct Options {
    int n_threads = 1;  // the caller is one of them
    bool pin = true;    // each stays on a CPU that the process may use: one of each core first
  };

  explicit ThreadTeam(const Options& options);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  [[nodiscard]] int size() const { return n_threads_; }

  // Calls job(context, thread) on the first n_threads threads of the team (0: on all), thread = 0
  // being the caller; returns when all have. REQUIRES: called by one thread at a time, and not from
  // inside a job.
  using Job = void (*)(void* context, int thread);
  void run(Job job, void* context, int n_threads = 0);

  template <class F>
  void run(F& f, int n_threads = 0) {
    run([](void* context, int thread) { (*static_cast<F*>(context))(thread); }, &f, n_threads);
  }

  // Threads of the job that runs now.
  [[nodiscard]] int n_running() const { return n_crew_; }

  // Inside a job: waits until every thread of the job has arrived.
  void barrier();

  // Inside a job: some of the pieces [0, n) of the work up to the next barrier, each given out
  // once; none (begin == end) when there is nothing left for this thread. Every thread gets its
  // even share in order, so that it reads one stretch of memory, then the next of what others have
  // not begun: a thread that is held up holds up no more than what it has taken. REQUIRES: the same
  // n from all threads; one n between two barriers; n < 2^24.
  struct Pieces {
    int64_t begin;
    int64_t end;
  };
  Pieces take(int thread, int64_t n);

 private:
  void worker(int thread);
  void start(int n);
  uint32_t wait_for_job(uint32_t seen, int thread);

  int n_threads_;
  bool pin_;
  int n_crew_ = 1;
  Job job_ = nullptr;
  void* context_ = nullptr;

  // Separate cache lines: the job word is polled, the others are written. It holds the job's
  // number, and in its lowest kCrewBits how many threads the job has.
  static constexpr int kCrewBits = 12;
  static int crew_of(uint32_t word) { return int(word & ((1u << kCrewBits) - 1)); }
  alignas(64) std::atomic<uint32_t> job_word_;
  // The lowest bits of job_word_ again: those who are not among them wait for this to change.
  alignas(64) std::atomic<uint32_t> crew_;
  alignas(64) std::atomic<int> n_sleeping_{0};
  alignas(64) std::atomic<int> n_running_{0};
  alignas(64) std::atomic<int> n_arrived_{0};
  alignas(64) std::atomic<uint64_t> barrier_number_{0};
  // How many pieces of a thread's share are gone, in the lowest kTakenBits, and behind which
  // barrier that was: behind another one, none are. So nobody has to clear it.
  static constexpr int kTakenBits = 24;
  struct alignas(64) Taken {
    std::atomic<uint64_t> word{0};
  };
  std::unique_ptr<Taken[]> taken_;
  std::atomic<bool> stop_{false};
  std::vector<int> cpu_order_;  // CpuSet::order, if pinned
  std::vector<std::thread> threads_;
};

}  // namespace hearth
