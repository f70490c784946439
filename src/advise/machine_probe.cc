#include "advise/machine_probe.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/arena.h"
#include "base/cpu_info.h"

namespace hearth::advise {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Larger than the last-level cache that one guest of a shared machine gets.
constexpr uint64_t kProbeBytes = uint64_t{1} << 30;
constexpr int kRepeats = 4;
constexpr double kPeakSeconds = 0.1;

uint64_t sum_words(const uint64_t* words, size_t n) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i + 8 <= n; i += 8)
    for (size_t j = 0; j < 8; ++j) sums[j] += words[i + j];
  uint64_t sum = 0;
  for (const uint64_t s : sums) sum += s;
  return sum;
}

// Multiply-adds a second of all threads together.
double measure_peak(int64_t (*kernel)(int64_t) noexcept, ThreadTeam& team) {
  int64_t rounds = 1000;
  for (;;) {
    std::atomic<int64_t> done{0};
    auto job = [&](int) { done += kernel(rounds); };
    const Clock::time_point begin = Clock::now();
    team.run(job);
    const double seconds = seconds_since(begin);
    if (seconds > kPeakSeconds) return double(done.load()) / seconds;
    rounds *= 2;
  }
}

}  // namespace

double measure_bandwidth(ThreadTeam& team, uint64_t probe_bytes) {
  const uint64_t available = read_memory_info().available_bytes;
  if (available > 0) probe_bytes = std::min(probe_bytes, available / 4);
  Arena arena(Arena::Mode::kReal);
  const Result<std::byte*> memory = arena.take("probe", probe_bytes);
  if (!memory || *memory == nullptr) return 0;
  auto* words = reinterpret_cast<uint64_t*>(*memory);
  const size_t share = probe_bytes / sizeof(uint64_t) / size_t(team.size());
  auto touch = [&](int thread) {
    std::fill_n(words + size_t(thread) * share, share, uint64_t(thread));
  };
  team.run(touch);
  std::atomic<uint64_t> sink{0};
  auto read = [&](int thread) { sink += sum_words(words + size_t(thread) * share, share); };
  double best = 1e9;
  for (int i = 0; i < kRepeats; ++i) {
    const Clock::time_point begin = Clock::now();
    team.run(read);
    best = std::min(best, seconds_since(begin));
  }
  return double(share * sizeof(uint64_t) * size_t(team.size())) / best;
}

MachineLimits measure_limits(const backend::cpu::KernelTable& kernels, ThreadTeam& team) {
  MachineLimits limits;
  limits.bytes_per_second = measure_bandwidth(team, kProbeBytes);
  limits.int_macs_per_second = measure_peak(kernels.peak_int, team);
  limits.float_macs_per_second = measure_peak(kernels.peak_float, team);
  return limits;
}

}  // namespace hearth::advise
