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
    bool pin = true;    // thread i stays on the i-th CPU that the process may use
  };

  explicit ThreadTeam(const Options& options);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  [[nodiscard]] int size() const { return n_threads_; }

  // Calls job(context, thread) on every thread of the team, thread = 0 being the caller; returns
  // when all have. REQUIRES: called by one thread at a time, and not from inside a job.
  using Job = void (*)(void* context, int thread);
  void run(Job job, void* context);

  template <class F>
  void run(F& f) {
    run([](void* context, int thread) { (*static_cast<F*>(context))(thread); }, &f);
  }

  // Inside a job: waits until every thread of the team has arrived.
  void barrier();

 private:
  void worker(int thread);
  void wait_for_job(uint32_t seen);

  int n_threads_;
  bool pin_;
  Job job_ = nullptr;
  void* context_ = nullptr;

  // Separate cache lines: the job word is polled, the others are written.
  alignas(64) std::atomic<uint32_t> job_number_{0};
  alignas(64) std::atomic<int> n_sleeping_{0};
  alignas(64) std::atomic<int> n_running_{0};
  alignas(64) std::atomic<int> n_arrived_{0};
  alignas(64) std::atomic<uint32_t> barrier_number_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

}  // namespace hearth
