// Vector vocabulary, NEON (ARMv8.2 with dotprod): 4 floats. Included by simd/neon_dotprod.h and
// simd/neon_i8mm.h.
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

// Pairs (x, y) of `head` turned by those (cos, sin) of `table`.
HEARTH_INLINE F rotate_pairs(F head, F table) {
  const F crossed = vmulq_f32(vrev64q_f32(head), vtrn2q_f32(table, table));
  const uint32x4_t sign = vreinterpretq_u32_u64(vdupq_n_u64(0x80000000u));  // of x's
  const F turned = vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(crossed), sign));
  return vfmaq_f32(turned, head, vtrn1q_f32(table, table));
}

// --- sixteen rows of a packed weight side by side (packed.h): 32 bits of each, four a register ---

struct RowsI {
  int32x4_t v[4];
};
struct RowsF {
  float32x4_t v[4];
};
using ActWord = int8x16_t;  // four int8 (or two int16) activations of one column, for every row

template <class R, class Op>
HEARTH_INLINE R each_quarter(Op&& op) {
  return {{op(0), op(1), op(2), op(3)}};
}
HEARTH_INLINE RowsI load_rows(const uint32_t* p) {
  return each_quarter<RowsI>([&](int i) { return vreinterpretq_s32_u32(vld1q_u32(p + 4 * i)); });
}
HEARTH_INLINE RowsF load_rows(const float* p) {
  return each_quarter<RowsF>([&](int i) { return vld1q_f32(p + 4 * i); });
}
HEARTH_INLINE void store_rows(uint32_t* p, RowsI x) {
  for (int i = 0; i < 4; ++i) vst1q_u32(p + 4 * i, vreinterpretq_u32_s32(x.v[i]));
}
HEARTH_INLINE void store_rows(float* p, RowsF x) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, x.v[i]);
}
HEARTH_INLINE RowsI all_rows(int32_t x) {
  return each_quarter<RowsI>([&](int) { return vdupq_n_s32(x); });
}
HEARTH_INLINE RowsF all_rows(float x) {
  return each_quarter<RowsF>([&](int) { return vdupq_n_f32(x); });
}
HEARTH_INLINE RowsI bits_and(RowsI x, uint32_t mask) {
  return each_quarter<RowsI>([&](int i) { return vandq_s32(x.v[i], vdupq_n_s32(int32_t(mask))); });
}
HEARTH_INLINE RowsI bits_or(RowsI x, RowsI y) {
  return each_quarter<RowsI>([&](int i) { return vorrq_s32(x.v[i], y.v[i]); });
}
HEARTH_INLINE RowsI bits_xor(RowsI x, RowsI y) {
  return each_quarter<RowsI>([&](int i) { return veorq_s32(x.v[i], y.v[i]); });
}
// Right by n if positive, left by -n if negative; zeros come in.
template <int n>
HEARTH_INLINE RowsI shift(RowsI x) {
  const int32x4_t by = vdupq_n_s32(-n);
  return each_quarter<RowsI>(
      [&](int i) { return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(x.v[i]), by)); });
}
// The signed byte i.
template <int i>
HEARTH_INLINE RowsI signed_byte(RowsI x) {
  return each_quarter<RowsI>(
      [&](int q) { return vshrq_n_s32(vshlq_s32(x.v[q], vdupq_n_s32(24 - 8 * i)), 24); });
}
HEARTH_INLINE RowsI add(RowsI x, RowsI y) {
  return each_quarter<RowsI>([&](int i) { return vaddq_s32(x.v[i], y.v[i]); });
}
HEARTH_INLINE RowsI mul(RowsI x, RowsI y) {
  return each_quarter<RowsI>([&](int i) { return vmulq_s32(x.v[i], y.v[i]); });
}
// 16-bit halves times n, modulo 2^16.
HEARTH_INLINE RowsI mul16(RowsI x, int n) {
  return each_quarter<RowsI>([&](int i) {
    return vreinterpretq_s32_s16(vmulq_n_s16(vreinterpretq_s16_s32(x.v[i]), int16_t(n)));
  });
}
HEARTH_INLINE RowsF add(RowsF x, RowsF y) {
  return each_quarter<RowsF>([&](int i) { return vaddq_f32(x.v[i], y.v[i]); });
}
HEARTH_INLINE RowsF mul(RowsF x, RowsF y) {
  return each_quarter<RowsF>([&](int i) { return vmulq_f32(x.v[i], y.v[i]); });
}
HEARTH_INLINE RowsF fma(RowsF x, RowsF y, RowsF z) {
  return each_quarter<RowsF>([&](int i) { return vfmaq_f32(z.v[i], x.v[i], y.v[i]); });
}
HEARTH_INLINE RowsF to_float(RowsI x) {
  return each_quarter<RowsF>([&](int i) { return vcvtq_f32_s32(x.v[i]); });
}
HEARTH_INLINE RowsF as_float(RowsI x) {
  return each_quarter<RowsF>([&](int i) { return vreinterpretq_f32_s32(x.v[i]); });
}
// All ones where the row's x is b, else 0.
HEARTH_INLINE RowsI equal_mask(RowsI x, int32_t b) {
  return each_quarter<RowsI>(
      [&](int i) { return vreinterpretq_s32_u32(vceqq_s32(x.v[i], vdupq_n_s32(b))); });
}
// All ones where bit n of x is set, else 0.
template <int n>
HEARTH_INLINE RowsI mask_of_bit(RowsI x) {
  return each_quarter<RowsI>(
      [&](int i) { return vshrq_n_s32(vshlq_s32(x.v[i], vdupq_n_s32(31 - n)), 31); });
}
HEARTH_INLINE RowsI bits_clear(RowsI x, RowsI mask) {
  return each_quarter<RowsI>([&](int i) { return vbicq_s32(x.v[i], mask.v[i]); });
}
HEARTH_INLINE RowsF f16_rows(const uint16_t* p) {
  return each_quarter<RowsF>([&](int i) { return load_f16(p + 4 * i); });
}
// The low 16 bits as f16.
HEARTH_INLINE RowsF low_f16(RowsI x) {
  return each_quarter<RowsF>(
      [&](int i) { return from_f16(vmovn_u32(vreinterpretq_u32_s32(x.v[i]))); });
}

HEARTH_INLINE ActWord broadcast_word(const void* p) {
  int32_t x;
  __builtin_memcpy(&x, p, 4);
  return vreinterpretq_s8_s32(vdupq_n_s32(x));
}
// acc + the four products of each row, exact. Codes are signed, or unsigned below 128.
inline constexpr int kSignedOffset = 0;
HEARTH_INLINE RowsI signed_codes(RowsI x) { return x; }
// The same, of codes that have 128 added already.
HEARTH_INLINE RowsI offset_codes(RowsI x) {
  return each_quarter<RowsI>(
      [&](int i) { return veorq_s32(x.v[i], vdupq_n_s32(int32_t(0x80808080))); });
}
template <bool kSigned>
HEARTH_INLINE RowsI dot(RowsI acc, RowsI w, ActWord x) {
  return each_quarter<RowsI>(
      [&](int i) { return vdotq_s32(acc.v[i], vreinterpretq_s8_s32(w.v[i]), x); });
}
// acc + the two products of 16-bit pairs.
HEARTH_INLINE RowsI dot_pairs(RowsI acc, RowsI w, ActWord x) {
  const int16x8_t pairs = vreinterpretq_s16_s8(x);
  return each_quarter<RowsI>([&](int i) {
    const int16x8_t rows = vreinterpretq_s16_s32(w.v[i]);
    return vaddq_s32(acc.v[i], vpaddq_s32(vmull_s16(vget_low_s16(rows), vget_low_s16(pairs)),
                                          vmull_high_s16(rows, pairs)));
  });
}
// x rounded, which is in 0 .. 16383, as bytes: of each four a word of the upper seven bits and a
// word of the lower seven, to out[32]. Returns the integers.
HEARTH_INLINE RowsI store_halves(uint8_t* out, RowsF x) {
  const RowsI w = each_quarter<RowsI>([&](int i) { return vcvtnq_s32_f32(x.v[i]); });
  for (int i = 0; i < 4; ++i) {
    const uint16x4_t w16 = vmovn_u32(vreinterpretq_u32_s32(w.v[i]));
    // upper in the low four bytes, lower behind them
    const uint16x8_t both = vcombine_u16(vshr_n_u16(w16, 7), vand_u16(w16, vdup_n_u16(127)));
    vst1_u8(out + 8 * i, vmovn_u16(both));
  }
  return w;
}
HEARTH_INLINE RowsI shuffle_table(int8x16_t levels, RowsI codes) {
  return each_quarter<RowsI>([&](int i) {
    return vreinterpretq_s32_s8(vqtbl1q_s8(levels, vreinterpretq_u8_s32(codes.v[i])));
  });
}
// A table of 16 signed bytes, as dot<true> takes them; codes are bytes of 0 .. 15.
HEARTH_INLINE RowsI look_up_signed(const int8_t* table, RowsI codes) {
  return shuffle_table(vld1q_s8(table), codes);
}
// The same with `offset` added, no sum below 0: unsigned.
HEARTH_INLINE RowsI look_up_unsigned(const int8_t* table, int8_t offset, RowsI codes) {
  return shuffle_table(vaddq_s8(vld1q_s8(table), vdupq_n_s8(offset)), codes);
}
// table[index] of each row. There is no gather: one load a row.
HEARTH_INLINE RowsI fetch(const uint32_t* table, RowsI index) {
  return each_quarter<RowsI>([&](int i) {
    const uint32_t four[4] = {
        table[vgetq_lane_s32(index.v[i], 0)], table[vgetq_lane_s32(index.v[i], 1)],
        table[vgetq_lane_s32(index.v[i], 2)], table[vgetq_lane_s32(index.v[i], 3)]};
    return vreinterpretq_s32_u32(vld1q_u32(four));
  });
}
// Codes times scales would not fit what dot<false> takes: scale_codes is never called.
inline constexpr bool kScaledCodes = false;
RowsI scale_codes(RowsI codes, RowsI scale, RowsI start);

// --- for kernels/peak-inl.h ---
using IntAcc = int32x4_t;
inline constexpr int kIntMacs = 16;
HEARTH_INLINE IntAcc int_acc(int x) { return vdupq_n_s32(x); }
HEARTH_INLINE IntAcc int_mac(IntAcc acc, IntAcc a, IntAcc b) {
  return vdotq_s32(acc, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}
HEARTH_INLINE int int_first(IntAcc acc) { return vgetq_lane_s32(acc, 0); }

}  // namespace hearth::backend::cpu::HEARTH_ISA
