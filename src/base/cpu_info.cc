#include "base/cpu_info.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#endif

namespace hearth {
namespace {

// "key: value kB" lines of /proc/meminfo and /proc/self/status; 0 if absent.
uint64_t read_kilobytes(const char* path, const char* key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line))
    if (line.rfind(key, 0) == 0) {
      unsigned long long kilobytes = 0;
      if (std::sscanf(line.c_str() + std::strlen(key), " %llu", &kilobytes) == 1)
        return kilobytes * 1024;
    }
  return 0;
}

// A number in a one-line file; nothing if the file is absent or says "max".
bool read_number(const char* path, uint64_t& out) {
  std::ifstream file(path);
  return bool(file >> out);
}

}  // namespace

CpuFeatures detect_cpu_features() {
  CpuFeatures f;
#if defined(__x86_64__)
  __builtin_cpu_init();
  f.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
  f.avx512 = f.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  f.avx512_vnni = f.avx512 && __builtin_cpu_supports("avx512vnni");
  f.avx512_bf16 = f.avx512 && __builtin_cpu_supports("avx512bf16");
  f.avx_vnni = f.avx2 && __builtin_cpu_supports("avxvnni");
  f.fast_bf16 = f.avx512_bf16 && __builtin_cpu_is("amd");
#elif defined(__aarch64__) && defined(__linux__)
  f.neon_dotprod = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
  f.neon_i8mm = f.neon_dotprod && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0;
#endif
  return f;
}

MemoryInfo read_memory_info() {
  MemoryInfo m;
  m.total_bytes = read_kilobytes("/proc/meminfo", "MemTotal:");
  m.available_bytes = read_kilobytes("/proc/meminfo", "MemAvailable:");
  uint64_t limit = 0;
  uint64_t used = 0;
  const bool limited = (read_number("/sys/fs/cgroup/memory.max", limit) &&
                        read_number("/sys/fs/cgroup/memory.current", used)) ||
                       (read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes", limit) &&
                        read_number("/sys/fs/cgroup/memory/memory.usage_in_bytes", used));
  if (limited && limit > 0 && limit < m.total_bytes) {
    m.total_bytes = limit;
    m.available_bytes = std::min(m.available_bytes, limit > used ? limit - used : 0);
  }
  return m;
}

int n_usable_cpus() {
  int n = int(std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) n = CPU_COUNT(&set);
  std::ifstream quota_file("/sys/fs/cgroup/cpu.max");
  double quota = 0;
  double period = 0;
  if (quota_file >> quota >> period && period > 0) n = std::min(n, int(std::ceil(quota / period)));
#endif
  return std::max(n, 1);
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line))
    if (line.rfind("model name", 0) == 0) {
      const size_t colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  return "unknown CPU";
}

uint64_t resident_bytes() { return read_kilobytes("/proc/self/status", "VmRSS:"); }
uint64_t resident_bytes_max() { return read_kilobytes("/proc/self/status", "VmHWM:"); }

void pin_current_thread(int index) {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  const int n = CPU_COUNT(&allowed);
  if (n <= 1) return;
  int wanted = index % n;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || wanted-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);  // of this thread only
    return;
  }
#endif
}

void lower_current_thread() {
#if defined(__linux__)
  // On Linux the number of a thread stands for that thread alone.
  setpriority(PRIO_PROCESS, id_t(syscall(SYS_gettid)), 5);
#endif
}

}  // namespace hearth
