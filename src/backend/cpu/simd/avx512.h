// Vector vocabulary, AVX-512 (F, BW, DQ, VL, VNNI): 16 floats, 64 bytes. Included only by
// isa/avx512.cc.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "base/f16.h"

namespace hearth::backend::cpu::avx512 {

inline constexpr int kLanes = 16;
using F = __m512;

// Vectors of V that four rows of attention take together: 16 of the 32 registers accumulate. No
// result depends on it.
inline constexpr int kValueVectors = 4;

HEARTH_INLINE __mmask16 first_n(int n) { return __mmask16((1u << n) - 1); }

HEARTH_INLINE F zero() { return _mm512_setzero_ps(); }
HEARTH_INLINE F set1(float x) { return _mm512_set1_ps(x); }
HEARTH_INLINE F load(const float* p) { return _mm512_loadu_ps(p); }
HEARTH_INLINE F load_n(const float* p, int n) { return _mm512_maskz_loadu_ps(first_n(n), p); }
HEARTH_INLINE void store(float* p, F x) { _mm512_storeu_ps(p, x); }
HEARTH_INLINE void store_n(float* p, F x, int n) { _mm512_mask_storeu_ps(p, first_n(n), x); }
HEARTH_INLINE F load_f16(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
HEARTH_INLINE F load_f16_n(const uint16_t* p, int n) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_n(n), p));
}
HEARTH_INLINE F from_bf16(__m256i h) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
HEARTH_INLINE F load_bf16(const uint16_t* p) {
  return from_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
HEARTH_INLINE F load_bf16_n(const uint16_t* p, int n) {
  return from_bf16(_mm256_maskz_loadu_epi16(first_n(n), p));
}
HEARTH_INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
HEARTH_INLINE F sub(F a, F b) { return _mm512_sub_ps(a, b); }
HEARTH_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
HEARTH_INLINE F div(F a, F b) { return _mm512_div_ps(a, b); }
HEARTH_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
HEARTH_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
HEARTH_INLINE F abs(F a) { return _mm512_abs_ps(a); }
HEARTH_INLINE float reduce_add(F x) { return _mm512_reduce_add_ps(x); }
HEARTH_INLINE float reduce_max(F x) { return _mm512_reduce_max_ps(x); }

// 2^n for integral n in [-126, 127], times x.
HEARTH_INLINE F scale_pow2(F x, F n) { return _mm512_scalef_ps(x, n); }
HEARTH_INLINE F round_nearest(F x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// x where a >= b, else 0.
HEARTH_INLINE F keep_if_ge(F x, F a, F b) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_GE_OQ), x);
}
HEARTH_INLINE F min(F a, F b) { return _mm512_min_ps(a, b); }

// --- integer dot products: one step = kStep consecutive weights; a lane holds four of them ---

inline constexpr int kStep = 64;

// One column's activations of a step, prepared for weights that are stored with `offset` added.
struct X {
  __m512i q;
  __m512i start;  // -offset * (sum of the lane's four activations)
};
template <int kOffset>
HEARTH_INLINE X prepare_x(const int8_t* q) {
  const __m512i v = _mm512_loadu_si512(q);
  const __m512i none = _mm512_setzero_si512();
  if constexpr (kOffset == 0)
    return {v, none};
  else
    return {v,
            _mm512_sub_epi32(none, _mm512_dpbusd_epi32(none, _mm512_set1_epi8(char(kOffset)), v))};
}
// Exact integer dot products of each lane's four pairs, as floats. w: unsigned codes = weight +
// offset.
HEARTH_INLINE F dot(__m512i w, const X& x) {
  return _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(x.start, w, x.q));
}

// Codes of a panel are signed: make them unsigned with offset 128.
inline constexpr int kPanelOffset = 128;
HEARTH_INLINE __m512i load_panel_codes(const int8_t* codes) {
  return _mm512_xor_si512(_mm512_loadu_si512(codes), _mm512_set1_epi8(char(0x80)));
}

// Codes as kernels/fused_x86-inl.h unpacks them, 32 a time, in the form that dot() takes.
template <class U>
inline constexpr int kWideOffset = [] {
  if constexpr (U::kSigned)
    return 128;
  else
    return U::kOffset;
}();
template <class U, int kStepIdx>
HEARTH_INLINE __m512i wide_codes(const typename U::Type::Block* b) {
  const __m256i low = U::template codes<2 * kStepIdx>(b);
  const __m256i high = U::template codes<2 * kStepIdx + 1>(b);
  const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  return U::kSigned ? _mm512_xor_si512(both, _mm512_set1_epi8(char(0x80))) : both;
}

// Scales of 256 weights, of 256 activations, or their products: one for each 16.
using Scales = __m512;
HEARTH_INLINE Scales combine_scales(Scales w, Scales x) { return _mm512_mul_ps(w, x); }
// Eight scales of groups of 32, each twice.
HEARTH_INLINE Scales scales_of_32(__m256 s) {
  return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7),
                               _mm512_castps256_ps512(s));
}
// Weight scales of 256 weights from memory.
template <int kGroup>
HEARTH_INLINE Scales load_weight_scales(const float* s) {
  if constexpr (kGroup == 16)
    return _mm512_loadu_ps(s);
  else
    return scales_of_32(_mm256_loadu_ps(s));
}
HEARTH_INLINE Scales load_act_scales(const float* d) { return _mm512_loadu_ps(d); }
// Each lane's scale in step kStepIdx of the 256: a lane holds four weights.
template <int kStepIdx>
HEARTH_INLINE F expand_scales(Scales s) {
  constexpr int b = 4 * kStepIdx;
  return _mm512_permutexvar_ps(_mm512_setr_epi32(b, b, b, b, b + 1, b + 1, b + 1, b + 1, b + 2,
                                                 b + 2, b + 2, b + 2, b + 3, b + 3, b + 3, b + 3),
                               s);
}

// Minima: eight groups at a time.
using M = __m256;
HEARTH_INLINE M zero_mins() { return _mm256_setzero_ps(); }
HEARTH_INLINE M load_mins(const float* p) { return _mm256_loadu_ps(p); }
HEARTH_INLINE M fma_mins(M a, M b, M c) { return _mm256_fmadd_ps(a, b, c); }
HEARTH_INLINE float reduce_add_mins(M m) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// --- for kernels/peak-inl.h ---
using IntAcc = __m512i;
inline constexpr int kIntMacs = 64;
HEARTH_INLINE IntAcc int_acc(int x) { return _mm512_set1_epi32(x); }
HEARTH_INLINE IntAcc int_mac(IntAcc acc, IntAcc a, IntAcc b) {
  return _mm512_dpbusd_epi32(acc, a, b);
}
HEARTH_INLINE int int_first(IntAcc acc) { return _mm512_cvtsi512_si32(acc); }

}  // namespace hearth::backend::cpu::avx512
