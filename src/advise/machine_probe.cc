#include "advise/machine_probe.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "base/cpu_info.h"

namespace hearth::advise {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

constexpr uint64_t kBufferMin = uint64_t{1} << 30;
// Caches of several hundred MB exist on servers, but a guest gets a part of them.
constexpr uint64_t kBufferMax = uint64_t{2} << 30;
// One timing. Smaller: the best of many is then luck (a part that the cache happened to hold);
// larger: on a shared machine none is undisturbed. At 30 GB/s it is 4 ms.
constexpr uint64_t kWindow = uint64_t{128} << 20;
// What a thread takes at a time, so that one that is held up does not hold up the others. A
// fortieth of a millisecond at 30 GB/s: above the cost of sharing it out, far below a time slice.
constexpr uint64_t kPiece = uint64_t{1} << 20;
constexpr uint64_t kLine = 64;
constexpr double kPeakBurstSeconds = 0.005;

uint64_t last_level_cache_bytes() {
#ifdef _SC_LEVEL3_CACHE_SIZE
  const long bytes = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
  return bytes > 0 ? uint64_t(bytes) : 0;
#else
  return 0;
#endif
}

uint64_t usual_buffer_bytes() {
  return std::clamp(4 * last_level_cache_bytes(), kBufferMin, kBufferMax);
}

// Touches every cache line of the piece, in kStreams places at a time, asking for the line kAhead
// lines ahead (0: the hardware's own guess is enough). One word of a line moves all of it, so that
// the sum costs next to nothing and the memory alone decides; adding every word up takes up to
// twice as long on one core, which is no limit of the memory.
template <int kStreams, int kAhead>
uint64_t read_lines(const std::byte* bytes, uint64_t n) {
  const uint64_t n_lines = n / kLine / kStreams;
  uint64_t sums[kStreams] = {};
  for (uint64_t i = 0; i < n_lines; ++i)
    for (int s = 0; s < kStreams; ++s) {
      const std::byte* line = bytes + (uint64_t(s) * n_lines + i) * kLine;
      if constexpr (kAhead > 0) __builtin_prefetch(line + kAhead * kLine);
      uint64_t word;
      std::memcpy(&word, line, sizeof(word));
      sums[s] += word;
    }
  uint64_t sum = 0;
  for (const uint64_t s : sums) sum += s;
  return sum;
}

// Which is fastest differs from machine to machine, and from minute to minute on a shared one.
using ReadFn = uint64_t (*)(const std::byte*, uint64_t);
constexpr ReadFn kShapes[] = {read_lines<1, 0>, read_lines<1, 32>, read_lines<4, 0>,
                              read_lines<4, 32>};

}  // namespace

MachineProbe::MachineProbe(const backend::cpu::KernelTable& kernels, const Options& options)
    : kernels_(kernels), seconds_(options.seconds), team_({.n_threads = options.n_threads}) {
  uint64_t wanted = options.buffer_bytes > 0 ? options.buffer_bytes : usual_buffer_bytes();
  const uint64_t available = read_memory_info().available_bytes;
  if (available > 0) wanted = std::min(wanted, available / 4);
  wanted = wanted / kPiece * kPiece;
  const Result<std::byte*> memory = memory_.take("probe", wanted, Arena::Touch::kLater);
  if (!memory || *memory == nullptr) return;
  bytes_ = *memory;
  n_bytes_ = wanted;
  // Written, not only mapped: pages that nobody wrote to are all the same page of zeros.
  std::atomic<uint64_t> next{0};
  auto fill = [&](int thread) {
    for (uint64_t at; (at = next.fetch_add(kPiece)) < wanted;)
      std::memset(*memory + at, thread + 1, kPiece);
  };
  team_.run(fill);
}

double MachineProbe::measure_bandwidth(uint64_t span_bytes) {
  const uint64_t span =
      std::min(n_bytes_, std::max(kPiece, (span_bytes + kPiece - 1) / kPiece * kPiece));
  if (span == 0) return 0;
  std::atomic<uint64_t> sink{0};
  double best = 0;
  const Clock::time_point begin = Clock::now();
  for (int pass = 0; pass <= int(std::size(kShapes)) || seconds_since(begin) < seconds_; ++pass) {
    const ReadFn read = kShapes[size_t(pass) % std::size(kShapes)];
    // Windows of about the same size that cover the span, each one only once a pass: what the cache
    // holds of it is what it keeps of the whole span.
    const uint64_t n_windows = std::max<uint64_t>(1, span / kWindow);
    for (uint64_t w = 0; w < n_windows; ++w) {
      const uint64_t from = span / kPiece * w / n_windows * kPiece;
      const uint64_t to = span / kPiece * (w + 1) / n_windows * kPiece;
      std::atomic<uint64_t> next{from};
      auto job = [&](int) {
        uint64_t sum = 0;
        for (uint64_t at; (at = next.fetch_add(kPiece)) < to;) sum += read(bytes_ + at, kPiece);
        sink += sum;
      };
      const Clock::time_point window_begin = Clock::now();
      team_.run(job);
      // The first pass fills the cache, as the first step of a program does.
      if (pass > 0) best = std::max(best, double(to - from) / seconds_since(window_begin));
    }
  }
  return best;
}

// Multiply-adds a second of all threads together: the best of some bursts, since on a shared
// machine most of them are disturbed.
double MachineProbe::measure_peak(int64_t (*kernel)(int64_t) noexcept) {
  double best = 0;
  int64_t rounds = 1000;
  const Clock::time_point all_begin = Clock::now();
  for (int burst = 0; burst < 2 || seconds_since(all_begin) < seconds_ / 2;) {
    std::atomic<int64_t> done{0};
    auto job = [&](int) { done += kernel(rounds); };
    const Clock::time_point begin = Clock::now();
    team_.run(job);
    const double seconds = seconds_since(begin);
    if (seconds < kPeakBurstSeconds && burst == 0) {
      rounds *= 2;
      continue;
    }
    best = std::max(best, double(done.load()) / seconds);
    ++burst;
  }
  return best;
}

MachineLimits MachineProbe::measure(uint64_t span_bytes) {
  return {.bytes_per_second = measure_bandwidth(span_bytes),
          .int_macs_per_second = measure_peak(kernels_.peak_int),
          .float_macs_per_second = measure_peak(kernels_.peak_float)};
}

}  // namespace hearth::advise
