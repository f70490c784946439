// MachineProbe: what this machine's memory and arithmetic can do now, measured in under a second.
// Benchmarks give their figures as shares of it, since absolute times on shared machines prove
// nothing. Not thread-safe.
#pragma once

#include <cstddef>

#include "backend/cpu/kernel_table.h"
#include "base/arena.h"
#include "base/thread_team.h"

namespace hearth::advise {

struct MachineLimits {
  double bytes_per_second = 0;       // streaming read of memory by all threads of the team
  double int_macs_per_second = 0;    // int8 multiply-adds of the ISA, all threads
  double float_macs_per_second = 0;  // f32 multiply-adds of the ISA, all threads
};

class MachineProbe {
 public:
  struct Options {
    int n_threads = 1;
    // Memory to stream through; 0: four times the last-level cache and at least 1 GiB, but never
    // more than a quarter of what is free. Filled once, here: clearing new pages takes longer than
    // reading them.
    uint64_t buffer_bytes = 0;
    // A bandwidth is measured for so long, to the end of a pass over the bytes; a peak for half of
    // it.
    double seconds = 0.25;
  };

  MachineProbe(const backend::cpu::KernelTable& kernels, const Options& options);

  // 0 where there is no memory for the buffer.
  [[nodiscard]] uint64_t buffer_bytes() const { return n_bytes_; }

  // The best rate, in bytes a second, at which all threads together read `span_bytes` (at most the
  // buffer) again and again: what a program that needs the same bytes every step cannot beat. A
  // span that the last-level cache holds in part is read faster than memory, by it as by the
  // program, so the span belongs to the answer.
  double measure_bandwidth(uint64_t span_bytes);
  // That, and the peaks of the arithmetic. Takes about half a second, whatever the span.
  MachineLimits measure(uint64_t span_bytes);

 private:
  double measure_peak(int64_t (*kernel)(int64_t) noexcept);

  backend::cpu::KernelTable kernels_;
  double seconds_;
  ThreadTeam team_;
  Arena memory_{Arena::Mode::kReal};
  const std::byte* bytes_ = nullptr;
  uint64_t n_bytes_ = 0;
};

}  // namespace hearth::advise
