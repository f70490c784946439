// MachineProbe: what this machine's memory and arithmetic can do now, measured in about a second.
// Benchmarks give their figures as shares of it, since absolute times on shared machines prove
// nothing.
#pragma once

#include "backend/cpu/kernel_table.h"
#include "base/thread_team.h"

namespace hearth::advise {

struct MachineLimits {
  double bytes_per_second = 0;       // streaming read of memory by all threads of the team
  double int_macs_per_second = 0;    // int8 multiply-adds of the ISA, all threads
  double float_macs_per_second = 0;  // f32 multiply-adds of the ISA, all threads
};

// Reads `probe_bytes` of fresh memory several times and keeps the best; less where memory is short.
double measure_bandwidth(ThreadTeam& team, uint64_t probe_bytes);
MachineLimits measure_limits(const backend::cpu::KernelTable& kernels, ThreadTeam& team);

}  // namespace hearth::advise
