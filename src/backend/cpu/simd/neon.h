// Vector vocabulary, NEON (ARMv8.2): 4 floats. Included by isa/neon_dotprod.cc and
// isa/neon_i8mm.cc, each of which names its namespace in HEARTH_ISA. Integer products are
// kernels/gemm_int_neon-inl.h.
#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "base/f16.h"

namespace hearth::backend::cpu::HEARTH_ISA {

inline constexpr int kLanes = 4;
using F = float32x4_t;

// Vectors of V that four rows of attention take together: 16 of the 32 registers accumulate.
inline constexpr int kValueVectors = 4;

HEARTH_INLINE F zero() { return vdupq_n_f32(0); }
HEARTH_INLINE F set1(float x) { return vdupq_n_f32(x); }
HEARTH_INLINE F load(const float* p) { return vld1q_f32(p); }
HEARTH_INLINE void store(float* p, F x) { vst1q_f32(p, x); }
// There are no masked loads and stores: the ends of rows go through the stack.
HEARTH_INLINE F load_n(const float* p, int n) {
  float v[4] = {};
  for (int i = 0; i < n; ++i) v[i] = p[i];
  return load(v);
}
HEARTH_INLINE void store_n(float* p, F x, int n) {
  float v[4];
  store(v, x);
  for (int i = 0; i < n; ++i) p[i] = v[i];
}

HEARTH_INLINE uint16x4_t load_some_halves(const uint16_t* p, int n) {
  uint16_t v[4] = {};
  for (int i = 0; i < n; ++i) v[i] = p[i];
  return vld1_u16(v);
}
HEARTH_INLINE F from_f16(uint16x4_t h) { return vcvt_f32_f16(vreinterpret_f16_u16(h)); }
HEARTH_INLINE F from_bf16(uint16x4_t h) { return vreinterpretq_f32_u32(vshll_n_u16(h, 16)); }
HEARTH_INLINE F load_f16(const uint16_t* p) { return from_f16(vld1_u16(p)); }
HEARTH_INLINE F load_f16_n(const uint16_t* p, int n) { return from_f16(load_some_halves(p, n)); }
HEARTH_INLINE F load_bf16(const uint16_t* p) { return from_bf16(vld1_u16(p)); }
HEARTH_INLINE F load_bf16_n(const uint16_t* p, int n) { return from_bf16(load_some_halves(p, n)); }

HEARTH_INLINE F add(F a, F b) { return vaddq_f32(a, b); }
HEARTH_INLINE F sub(F a, F b) { return vsubq_f32(a, b); }
HEARTH_INLINE F mul(F a, F b) { return vmulq_f32(a, b); }
HEARTH_INLINE F div(F a, F b) { return vdivq_f32(a, b); }
HEARTH_INLINE F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
HEARTH_INLINE F max(F a, F b) { return vmaxq_f32(a, b); }
HEARTH_INLINE F min(F a, F b) { return vminq_f32(a, b); }
HEARTH_INLINE F abs(F a) { return vabsq_f32(a); }
HEARTH_INLINE float reduce_add(F x) { return vaddvq_f32(x); }
HEARTH_INLINE float reduce_max(F x) { return vmaxvq_f32(x); }

// 2^n for integral n in [-126, 127], times x. 2^n is a normal float: its exponent field is n + 127.
HEARTH_INLINE F scale_pow2(F x, F n) {
  const int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
  return vmulq_f32(x, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
}
HEARTH_INLINE F round_nearest(F x) { return vrndnq_f32(x); }
// x where a >= b, else 0.
HEARTH_INLINE F keep_if_ge(F x, F a, F b) {
  return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), vcgeq_f32(a, b)));
}

// --- integer dot products of four rows with some columns, 16 weights at a time ---

// The codes of four rows, so interleaved that a product leaves one row in each lane.
struct RowCodes {
  int8x16_t v[4];
};
HEARTH_INLINE RowCodes load_codes(const int8_t* p) {
  return {{vld1q_s8(p), vld1q_s8(p + 16), vld1q_s8(p + 32), vld1q_s8(p + 48)}};
}

#if defined(__ARM_FEATURE_MATMUL_INT8)

// v[0]: weights 0..7 of row 0, of row 1; v[1]: weights 8..15 of both; v[2], v[3]: of rows 2 and 3.
HEARTH_INLINE void store_codes(int8_t* p, const int8x16_t (&row)[4]) {
  for (int i = 0; i < 2; ++i) {
    const int64x2_t a = vreinterpretq_s64_s8(row[2 * i]);
    const int64x2_t b = vreinterpretq_s64_s8(row[2 * i + 1]);
    vst1q_s8(p + 32 * i, vreinterpretq_s8_s64(vtrn1q_s64(a, b)));
    vst1q_s8(p + 32 * i + 16, vreinterpretq_s8_s64(vtrn2q_s64(a, b)));
  }
}

// The exact sums of 16 or 32 products: two rows times two columns an instruction. A column alone
// meets a copy of itself, which costs no more than vdotq would.
template <int C>
struct IntSums {
  static constexpr int kPairs = (C + 1) / 2;
  int32x4_t s[kPairs][2];  // rows 0 and 1, rows 2 and 3: [row, column]
  HEARTH_INLINE void clear() {
    for (int p = 0; p < kPairs; ++p) s[p][0] = s[p][1] = vdupq_n_s32(0);
  }
  HEARTH_INLINE void add(const RowCodes& w, const int8_t* const (&q)[C], int64_t at) {
    for (int p = 0; p < kPairs; ++p) {
      const int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(q[2 * p] + at));
      const int64x2_t b = vreinterpretq_s64_s8(vld1q_s8(q[2 * p + 1 < C ? 2 * p + 1 : 2 * p] + at));
      const int8x16_t low = vreinterpretq_s8_s64(vtrn1q_s64(a, b));
      const int8x16_t high = vreinterpretq_s8_s64(vtrn2q_s64(a, b));
      for (int i = 0; i < 2; ++i)
        s[p][i] = vmmlaq_s32(vmmlaq_s32(s[p][i], w.v[2 * i], low), w.v[2 * i + 1], high);
    }
  }
  // Column c, one row a lane.
  HEARTH_INLINE int32x4_t column(int c) const {
    const int32x4_t* pair = s[c / 2];
    return c % 2 == 0 ? vuzp1q_s32(pair[0], pair[1]) : vuzp2q_s32(pair[0], pair[1]);
  }
};

#else

// v[i]: weights 4 i .. 4 i + 3 of row 0, of row 1, of row 2, of row 3.
HEARTH_INLINE void store_codes(int8_t* p, const int8x16_t (&row)[4]) {
  const int32x4x4_t v = {{vreinterpretq_s32_s8(row[0]), vreinterpretq_s32_s8(row[1]),
                          vreinterpretq_s32_s8(row[2]), vreinterpretq_s32_s8(row[3])}};
  vst4q_s32(reinterpret_cast<int32_t*>(p), v);
}

// The exact sums of 16 or 32 products: four rows times four activations of a column an instruction.
template <int C>
struct IntSums {
  int32x4_t s[C];
  HEARTH_INLINE void clear() {
    for (int c = 0; c < C; ++c) s[c] = vdupq_n_s32(0);
  }
  HEARTH_INLINE void add(const RowCodes& w, const int8_t* const (&q)[C], int64_t at) {
    for (int c = 0; c < C; ++c) {
      const int8x16_t x = vld1q_s8(q[c] + at);
      s[c] = vdotq_laneq_s32(s[c], w.v[0], x, 0);
      s[c] = vdotq_laneq_s32(s[c], w.v[1], x, 1);
      s[c] = vdotq_laneq_s32(s[c], w.v[2], x, 2);
      s[c] = vdotq_laneq_s32(s[c], w.v[3], x, 3);
    }
  }
  HEARTH_INLINE int32x4_t column(int c) const { return s[c]; }
};

#endif

// --- for kernels/peak-inl.h ---
using IntAcc = int32x4_t;
inline constexpr int kIntMacs = 16;
HEARTH_INLINE IntAcc int_acc(int x) { return vdupq_n_s32(x); }
HEARTH_INLINE IntAcc int_mac(IntAcc acc, IntAcc a, IntAcc b) {
  return vdotq_s32(acc, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}
HEARTH_INLINE int int_first(IntAcc acc) { return vgetq_lane_s32(acc, 0); }

}  // namespace hearth::backend::cpu::HEARTH_ISA
