#include "base/cpu_info.h"

#include <gtest/gtest.h>

#include <cstring>
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
