#include "base/cpu_info.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <thread>
#include <utility>

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

namespace {

// "max 100000" or "150000 100000" in v2's one file; v1 has two files, and -1 for no limit.
double quota_of(const std::string& folder) {
  double quota = 0;
  double period = 0;
  std::ifstream v2(folder + "/cpu.max");
  if (!(v2 >> quota >> period)) {
    std::ifstream v1_quota(folder + "/cpu.cfs_quota_us");
    std::ifstream v1_period(folder + "/cpu.cfs_period_us");
    if (!(v1_quota >> quota) || !(v1_period >> period)) return 0;
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

}  // namespace

double cgroup_cpus(const std::string& root) {
  double least = 0;
  // The folder of the group and all above it; in a container often only the top is to be seen.
  const auto look_at = [&](const std::string& mount, std::string group) {
    for (;;) {
      const double cpus = quota_of(root + mount + group);
      if (cpus > 0 && (least == 0 || cpus < least)) least = cpus;
      const size_t slash = group.rfind('/');
      if (slash == std::string::npos) return;
      group.resize(slash);
    }
  };
  // Lines "0::/path" (v2) and "4:cpu,cpuacct:/path" (v1).
  std::ifstream file(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,")
      look_at("/sys/fs/cgroup", group);
    else if (controllers.find(",cpu,") != std::string::npos)
      look_at("/sys/fs/cgroup/cpu", group);
  }
  look_at("/sys/fs/cgroup", "");
  return least;
}

CpuSet sort_by_core(std::vector<int> cpus, const std::string& root) {
  CpuSet set{.cpus = std::move(cpus), .order = {}, .n_cores = 0};
  std::set<std::string> cores;
  std::vector<int> others;
  for (size_t i = 0; i < set.cpus.size(); ++i) {
    const std::string number = std::to_string(set.cpus[i]);
    std::ifstream file(root + "/sys/devices/system/cpu/cpu" + number +
                       "/topology/thread_siblings_list");
    std::string siblings;
    if (!(file >> siblings)) siblings = number;
    (cores.insert(siblings).second ? set.order : others).push_back(int(i));
  }
  set.n_cores = int(cores.size());
  set.order.insert(set.order.end(), others.begin(), others.end());
  return set;
}

CpuSet usable_cpu_set() {
  std::vector<int> cpus;
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
#endif
  const int n = std::max(1, int(std::thread::hardware_concurrency()));
  if (cpus.empty())
    for (int cpu = 0; cpu < n; ++cpu) cpus.push_back(cpu);
  return sort_by_core(std::move(cpus));
}

int n_usable_cpus() {
  int n = int(std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) n = CPU_COUNT(&set);
#endif
  if (const double quota = cgroup_cpus(); quota > 0) n = std::min(n, int(quota));
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
