#include "base/cpu_info.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace hearth {
namespace {

TEST(CpuInfo, AgreesWithTheCompilersView) {
  const CpuFeatures f = detect_cpu_features();
#if defined(__x86_64__)
  EXPECT_EQ(f.avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  EXPECT_EQ(f.avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"));
  EXPECT_FALSE(f.neon_dotprod || f.neon_i8mm);
#elif defined(__aarch64__)
  EXPECT_FALSE(f.avx2 || f.avx512);
#endif
  EXPECT_TRUE(f.avx512 || !(f.avx512_vnni || f.avx512_bf16));
  EXPECT_TRUE(f.avx2 || !(f.avx512 || f.avx_vnni));
}

TEST(CpuInfo, UsesAtLeastOneCpuAndAtMostThoseThereAre) {
  EXPECT_GE(n_usable_cpus(), 1);
  EXPECT_LE(unsigned(n_usable_cpus()), std::max(1u, std::thread::hardware_concurrency()));
  EXPECT_FALSE(cpu_name().empty());
}

// A folder that stands for "/".
class FakeRoot {
 public:
  FakeRoot() : path_(::testing::TempDir() + "cpu_info_root_" + std::to_string(::getpid())) {
    std::filesystem::remove_all(path_);
  }
  ~FakeRoot() { std::filesystem::remove_all(path_); }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + name).parent_path());
    std::ofstream(path_ + name) << text;
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(CpuInfo, TheSmallestQuotaOfAllGroupsAbove) {
  {
    const FakeRoot root;
    EXPECT_EQ(cgroup_cpus(root.path()), 0);
    root.write("/proc/self/cgroup", "0::/user/app\n");
    root.write("/sys/fs/cgroup/user/app/cpu.max", "max 100000\n");
    EXPECT_EQ(cgroup_cpus(root.path()), 0);
    root.write("/sys/fs/cgroup/user/cpu.max", "250000 100000\n");
    EXPECT_EQ(cgroup_cpus(root.path()), 2.5);
    root.write("/sys/fs/cgroup/user/app/cpu.max", "400000 100000\n");
    EXPECT_EQ(cgroup_cpus(root.path()), 2.5);
    root.write("/sys/fs/cgroup/user/app/cpu.max", "50000 100000\n");
    EXPECT_EQ(cgroup_cpus(root.path()), 0.5);
  }
  {
    const FakeRoot root;
    root.write("/proc/self/cgroup", "5:memory:/a\n4:cpu,cpuacct:/docker/b\n0::/\n");
    root.write("/sys/fs/cgroup/cpu/docker/b/cpu.cfs_quota_us", "-1\n");
    root.write("/sys/fs/cgroup/cpu/docker/b/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(cgroup_cpus(root.path()), 0);
    root.write("/sys/fs/cgroup/cpu/docker/b/cpu.cfs_quota_us", "300000\n");
    EXPECT_EQ(cgroup_cpus(root.path()), 3);
  }
  {
    const FakeRoot root;  // a container that sees only its own top
    root.write("/sys/fs/cgroup/cpu.max", "100000 50000\n");
    EXPECT_EQ(cgroup_cpus(root.path()), 2);
  }
}

TEST(CpuInfo, OneCpuOfEachCoreComesFirst) {
  const FakeRoot root;
  for (int cpu = 0; cpu < 8; ++cpu)  // pairs 0-1, 2-3, ...
    root.write(
        "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
        std::to_string(cpu & ~1) + "-" + std::to_string(cpu | 1) + "\n");
  const CpuSet set = sort_by_core({0, 1, 2, 3, 5, 6, 7}, root.path());
  EXPECT_EQ(set.n_cores, 4);
  EXPECT_EQ(set.order, (std::vector<int>{0, 2, 4, 5, 1, 3, 6}));
  const CpuSet unknown = sort_by_core({20, 30}, root.path());
  EXPECT_EQ(unknown.n_cores, 2);
  EXPECT_EQ(unknown.order, (std::vector<int>{0, 1}));
  EXPECT_EQ(usable_cpu_set().order.size(), usable_cpu_set().cpus.size());
}

TEST(CpuInfo, MemoryIsPlausible) {
  const MemoryInfo memory = read_memory_info();
  EXPECT_GT(memory.total_bytes, 64ull << 20);
  EXPECT_GT(memory.available_bytes, 0u);
  EXPECT_LE(memory.available_bytes, memory.total_bytes);
}

TEST(CpuInfo, ResidentMemoryGrowsWithWhatIsTouched) {
  const uint64_t before = resident_bytes();
  if (before == 0) GTEST_SKIP() << "this system does not tell";
  std::vector<char> buffer(64 << 20);
  std::memset(buffer.data(), 1, buffer.size());
  EXPECT_GE(resident_bytes(), before + (48 << 20)) << int(buffer[1000]);
  EXPECT_GE(resident_bytes_max(), resident_bytes());
}

TEST(CpuInfo, PinningKeepsTheThreadRunning) {
  int done = 0;
  std::thread([&done] {
    pin_current_thread(100'003);  // modulo the number of CPUs
    done = 1;
  }).join();
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace hearth
