// The fastest multiply-adds that this ISA's kernels could reach: the ceilings that `hearth bench`
// compares with. Twelve independent chains hide the latency; nothing is loaded. kIntMacs, IntAcc,
// int_acc, int_mac and int_first come from simd/<isa>.h.

namespace hearth::backend::cpu::HEARTH_ISA {

inline constexpr int kPeakChains = 12;

static int64_t peak_int(int64_t rounds) noexcept {
  IntAcc acc[kPeakChains];
  for (int i = 0; i < kPeakChains; ++i) acc[i] = int_acc(i);
  const IntAcc a = int_acc(1);
  const IntAcc b = int_acc(2);
  for (int64_t r = 0; r < rounds; ++r)
    for (int i = 0; i < kPeakChains; ++i) acc[i] = int_mac(acc[i], a, b);
  volatile int32_t sink = 0;
  for (int i = 0; i < kPeakChains; ++i) sink = sink + int_first(acc[i]);
  return rounds * kPeakChains * kIntMacs;
}

static int64_t peak_float(int64_t rounds) noexcept {
  F acc[kPeakChains];
  for (int i = 0; i < kPeakChains; ++i) acc[i] = set1(float(i));
  const F a = set1(0.999f);
  const F b = set1(0.001f);
  for (int64_t r = 0; r < rounds; ++r)
    for (int i = 0; i < kPeakChains; ++i) acc[i] = fma(acc[i], a, b);
  float sum = 0;
  for (int i = 0; i < kPeakChains; ++i) sum += reduce_add(acc[i]);
  volatile float sink = sum;
  (void)sink;
  return rounds * kPeakChains * kLanes;
}

static void add_peak(KernelTable& t) {
  t.peak_int = peak_int;
  t.peak_float = peak_float;
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
