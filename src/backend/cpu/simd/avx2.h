// Vector vocabulary, AVX2 with FMA and F16C, no VNNI: 8 floats, 32 bytes. Included only by
// isa/avx2.cc.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "base/f16.h"

namespace hearth::backend::cpu::avx2 {

inline constexpr int kLanes = 8;
using F = __m256;

// Vectors of V that four rows of attention take together. Four would need all 16 registers for sums
// alone; measured with 64 rows of f32, two are 1.15 times as fast.
inline constexpr int kValueVectors = 2;

// All ones in the first n of 8 lanes.
HEARTH_INLINE __m256i first_n(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

HEARTH_INLINE F zero() { return _mm256_setzero_ps(); }
HEARTH_INLINE F set1(float x) { return _mm256_set1_ps(x); }
HEARTH_INLINE F load(const float* p) { return _mm256_loadu_ps(p); }
HEARTH_INLINE F load_n(const float* p, int n) { return _mm256_maskload_ps(p, first_n(n)); }
HEARTH_INLINE void store(float* p, F x) { _mm256_storeu_ps(p, x); }
HEARTH_INLINE void store_n(float* p, F x, int n) { _mm256_maskstore_ps(p, first_n(n), x); }

HEARTH_INLINE __m128i load_eight_halves(const uint16_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
// The first n, the rest zero. There is no masked load of 16-bit values, and reading past the end is
// not allowed.
HEARTH_INLINE __m128i load_some_halves(const uint16_t* p, int n) {
  uint16_t h[8] = {};
  for (int i = 0; i < n; ++i) h[i] = p[i];
  return load_eight_halves(h);
}
HEARTH_INLINE F from_bf16(__m128i h) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
HEARTH_INLINE F load_f16(const uint16_t* p) { return _mm256_cvtph_ps(load_eight_halves(p)); }
HEARTH_INLINE F load_f16_n(const uint16_t* p, int n) {
  return _mm256_cvtph_ps(load_some_halves(p, n));
}
HEARTH_INLINE F load_bf16(const uint16_t* p) { return from_bf16(load_eight_halves(p)); }
HEARTH_INLINE F load_bf16_n(const uint16_t* p, int n) { return from_bf16(load_some_halves(p, n)); }

HEARTH_INLINE F add(F a, F b) { return _mm256_add_ps(a, b); }
HEARTH_INLINE F sub(F a, F b) { return _mm256_sub_ps(a, b); }
HEARTH_INLINE F mul(F a, F b) { return _mm256_mul_ps(a, b); }
HEARTH_INLINE F div(F a, F b) { return _mm256_div_ps(a, b); }
HEARTH_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
HEARTH_INLINE F max(F a, F b) { return _mm256_max_ps(a, b); }
HEARTH_INLINE F min(F a, F b) { return _mm256_min_ps(a, b); }
HEARTH_INLINE F abs(F a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
HEARTH_INLINE float reduce_add(F x) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
HEARTH_INLINE float reduce_max(F x) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

// 2^n for integral n in [-126, 127], times x. 2^n is a normal float: its exponent field is n + 127.
HEARTH_INLINE F scale_pow2(F x, F n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}
HEARTH_INLINE F round_nearest(F x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// x where a >= b, else 0.
HEARTH_INLINE F keep_if_ge(F x, F a, F b) {
  return _mm256_and_ps(x, _mm256_cmp_ps(a, b, _CMP_GE_OQ));
}

// --- integer dot products: one step = kStep consecutive weights; a lane holds four of them ---

inline constexpr int kStep = 32;

// Weights plus an offset, 0 .. 64: two products with activations of at most 127 fit 16 bits.
struct UnsignedCodes {
  __m256i w;
};
// Any weights. vpmaddubsw wants one unsigned operand: |w|, while w's sign goes to the activation.
struct SignedCodes {
  __m256i w;
  __m256i magnitude;  // |-128| is 128, read as unsigned
};
HEARTH_INLINE SignedCodes signed_codes(__m256i w) { return {w, _mm256_abs_epi8(w)}; }

// One column's activations of a step, prepared for weights that are stored with `offset` added.
struct X {
  __m256i q;
  __m256i start;  // -offset * (sum of the lane's four activations)
};
// The sums of four of 32 products. 128 * 127 * 2 < 2^15: vpmaddubsw never saturates.
HEARTH_INLINE __m256i sum_products(__m256i u, __m256i s, int16_t factor) {
  return _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(factor));
}
template <int kOffset>
HEARTH_INLINE X prepare_x(const int8_t* q) {
  const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q));
  if constexpr (kOffset == 0)
    return {v, _mm256_setzero_si256()};
  else
    return {v, sum_products(_mm256_set1_epi8(kOffset), v, -1)};
}
// Exact integer dot products of each lane's four pairs, as floats.
HEARTH_INLINE F dot(UnsignedCodes c, const X& x) {
  return _mm256_cvtepi32_ps(_mm256_add_epi32(x.start, sum_products(c.w, x.q, 1)));
}
HEARTH_INLINE F dot(SignedCodes c, const X& x) {
  return _mm256_cvtepi32_ps(sum_products(c.magnitude, _mm256_sign_epi8(x.q, c.w), 1));
}

inline constexpr int kPanelOffset = 0;
HEARTH_INLINE SignedCodes load_panel_codes(const int8_t* codes) {
  return signed_codes(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes)));
}

// Codes as kernels/fused_x86-inl.h unpacks them, 32 a time, in the form that dot() takes.
template <class U>
inline constexpr int kWideOffset = [] {
  if constexpr (U::kSigned)
    return 0;
  else
    return U::kOffset;
}();
template <class U, int kStepIdx>
HEARTH_INLINE auto wide_codes(const typename U::Type::Block* b) {
  if constexpr (U::kSigned)
    return signed_codes(U::template codes<kStepIdx>(b));
  else
    return UnsignedCodes{U::template codes<kStepIdx>(b)};
}

// Scales of 256 weights, or of 256 weights times activations. Step s finds those of its first 16
// weights in the low half of p[s / 4], of its last 16 in the high half, both at s % 4: one in-lane
// shuffle spreads them.
struct Scales {
  __m256 p[2];
};
HEARTH_INLINE Scales combine_scales(const Scales& w, const Scales& x) {
  return {{_mm256_mul_ps(w.p[0], x.p[0]), _mm256_mul_ps(w.p[1], x.p[1])}};
}
// Eight scales of groups of 32.
HEARTH_INLINE Scales scales_of_32(F s) {
  return {{_mm256_permute2f128_ps(s, s, 0x00), _mm256_permute2f128_ps(s, s, 0x11)}};
}
// Sixteen scales of groups of 16.
HEARTH_INLINE Scales scales_of_16(const float* s) {
  const __m256i even_then_odd = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
  return {{_mm256_permutevar8x32_ps(_mm256_loadu_ps(s), even_then_odd),
           _mm256_permutevar8x32_ps(_mm256_loadu_ps(s + 8), even_then_odd)}};
}
// Weight scales of 256 weights from memory.
template <int kGroup>
HEARTH_INLINE Scales load_weight_scales(const float* s) {
  if constexpr (kGroup == 16)
    return scales_of_16(s);
  else
    return {{_mm256_broadcast_ps(reinterpret_cast<const __m128*>(s)),
             _mm256_broadcast_ps(reinterpret_cast<const __m128*>(s + 4))}};
}
// Activation scales of 256 activations.
HEARTH_INLINE Scales load_act_scales(const float* d) { return scales_of_16(d); }
// Each lane's scale in step `step` of the 256.
template <int kStepIdx>
HEARTH_INLINE F expand_scales(const Scales& s) {
  return _mm256_permute_ps(s.p[kStepIdx / 4], 0x55 * (kStepIdx % 4));
}

// Minima: eight groups at a time.
using M = __m256;
HEARTH_INLINE M zero_mins() { return _mm256_setzero_ps(); }
HEARTH_INLINE M load_mins(const float* p) { return _mm256_loadu_ps(p); }
HEARTH_INLINE M fma_mins(M a, M b, M c) { return _mm256_fmadd_ps(a, b, c); }
HEARTH_INLINE float reduce_add_mins(M m) { return reduce_add(m); }

// --- for kernels/peak-inl.h ---
using IntAcc = __m256i;
inline constexpr int kIntMacs = 32;
HEARTH_INLINE IntAcc int_acc(int x) { return _mm256_set1_epi32(x); }
HEARTH_INLINE IntAcc int_mac(IntAcc acc, IntAcc a, IntAcc b) {
  // The activation depends on the chain, else the compiler would take the product out of the loop.
  return _mm256_add_epi32(acc, sum_products(a, _mm256_xor_si256(b, acc), 1));
}
HEARTH_INLINE int int_first(IntAcc acc) { return _mm256_cvtsi256_si32(acc); }

}  // namespace hearth::backend::cpu::avx2
