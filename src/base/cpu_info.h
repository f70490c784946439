// What this machine is: instruction sets, CPUs the process may use, memory. Read once by the app
// and passed on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth {

// Instruction sets that the CPU has and the operating system saves.
struct CpuFeatures {
  // x86
  bool avx2 = false;    // with FMA and F16C
  bool avx512 = false;  // F, BW, DQ, VL
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool fast_bf16 =
      false;  // its products are not slower than as many in f32 (AMD; Intel has AMX for them)
  bool avx_vnni = false;
  // ARM
  bool neon_dotprod = false;
  bool neon_i8mm = false;
};
CpuFeatures detect_cpu_features();

struct MemoryInfo {
  uint64_t total_bytes = 0;
  uint64_t available_bytes =
      0;  // what a process may still take without swapping; respects a cgroup limit
};
MemoryInfo read_memory_info();

// CPUs that this process may use: affinity mask and cgroup quota, at least 1. Of a quota of 2.5
// CPUs it is 2: a third thread would be stopped half of the time, and the others wait for it.
int n_usable_cpus();

// The time that the cgroups of this process (v2 or v1, and those above them) give it, in CPUs; 0:
// no limit. `root` stands before /proc and /sys: "" but in tests.
double cgroup_cpus(const std::string& root = "");

// The CPUs of the affinity mask. Which of them share a core is known on Linux; elsewhere each
// counts as a core.
struct CpuSet {
  std::vector<int> cpus;   // numbers, in their order
  std::vector<int> order;  // indices into cpus: one of each core first, then the others
  int n_cores = 0;
};
CpuSet usable_cpu_set();
// The same for these numbers.
CpuSet sort_by_core(std::vector<int> cpus, const std::string& root = "");

// "AMD EPYC 9R14"; "unknown CPU" where the system does not tell.
std::string cpu_name();

// Bytes of memory this process holds now, and at most since its start (resident set). 0 where
// unknown.
uint64_t resident_bytes();
uint64_t resident_bytes_max();

// Keeps the calling thread on the index-th CPU (modulo their number) that the process may use. A
// hint: may do nothing.
void pin_current_thread(int index);

// Gives the calling thread a third of the share of the others where they compete for a CPU. A hint.
void lower_current_thread();

}  // namespace hearth
