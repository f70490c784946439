// Vector vocabulary, AVX-512 (F, BW, DQ, VL, VNNI): 16 floats, 64 bytes. Included by
// isa/avx512.cc and isa/avx512_bf16.cc, each of which names its namespace in HEARTH_ISA.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "base/f16.h"

namespace hearth::backend::cpu::HEARTH_ISA {

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

// Pairs (x, y) of `head` turned by those (cos, sin) of `table`.
HEARTH_INLINE F rotate_pairs(F head, F table) {
  const F swapped = _mm512_permute_ps(head, 0xb1);
  return _mm512_fmaddsub_ps(head, _mm512_moveldup_ps(table),
                            _mm512_mul_ps(swapped, _mm512_movehdup_ps(table)));
}

// --- sixteen rows of a packed weight side by side (packed.h): 32 bits of each ---

using RowsI = __m512i;
using RowsF = __m512;
using ActWord = __m512i;  // four int8 (or two int16) activations of one column, for every row

// The sums of a tile, 32 rows by kTileColumns: 12 integer and 12 float accumulators of the 32
// registers. No result depends on it.
inline constexpr int kTileColumns = 6;

// Whether the ISA multiplies small matrices (gemm_tile_i8mm-inl.h).
inline constexpr bool kMatrixProducts = false;

HEARTH_INLINE RowsI load_rows(const uint32_t* p) { return _mm512_loadu_si512(p); }
HEARTH_INLINE RowsF load_rows(const float* p) { return _mm512_loadu_ps(p); }
HEARTH_INLINE void store_rows(uint32_t* p, RowsI x) { _mm512_storeu_si512(p, x); }
HEARTH_INLINE void store_rows(float* p, RowsF x) { _mm512_storeu_ps(p, x); }
// Words j and j + 1 of codes, as the tile reads them from `Lines`.
HEARTH_INLINE void store_code_pair(uint32_t* p, RowsI even, RowsI odd) {
  store_rows(p, even);
  store_rows(p + 16, odd);
}
HEARTH_INLINE RowsI all_rows(int32_t x) { return _mm512_set1_epi32(x); }
HEARTH_INLINE RowsF all_rows(float x) { return _mm512_set1_ps(x); }
HEARTH_INLINE RowsI bits_and(RowsI x, uint32_t mask) {
  return _mm512_and_si512(x, _mm512_set1_epi32(int(mask)));
}
HEARTH_INLINE RowsI bits_or(RowsI a, RowsI b) { return _mm512_or_si512(a, b); }
HEARTH_INLINE RowsI bits_xor(RowsI x, uint32_t mask) {
  return _mm512_xor_si512(x, _mm512_set1_epi32(int(mask)));
}
HEARTH_INLINE RowsI bits_xor(RowsI a, RowsI b) { return _mm512_xor_si512(a, b); }
// Right by n if positive, left by -n if negative; zeros come in.
template <int n>
HEARTH_INLINE RowsI shift(RowsI x) {
  if constexpr (n >= 0)
    return _mm512_srli_epi32(x, n);
  else
    return _mm512_slli_epi32(x, -n);
}
// The signed byte i.
template <int i>
HEARTH_INLINE RowsI signed_byte(RowsI x) {
  return _mm512_srai_epi32(_mm512_slli_epi32(x, 24 - 8 * i), 24);
}
HEARTH_INLINE RowsI add(RowsI a, RowsI b) { return _mm512_add_epi32(a, b); }
HEARTH_INLINE RowsI mul(RowsI a, RowsI b) { return _mm512_mullo_epi32(a, b); }
// 16-bit halves times n, modulo 2^16.
HEARTH_INLINE RowsI mul16(RowsI x, int n) {
  return _mm512_mullo_epi16(x, _mm512_set1_epi16(int16_t(n)));
}
HEARTH_INLINE RowsF to_float(RowsI x) { return _mm512_cvtepi32_ps(x); }
HEARTH_INLINE RowsF as_float(RowsI x) { return _mm512_castsi512_ps(x); }
// All ones where the row's x is b, else 0.
HEARTH_INLINE RowsI equal_mask(RowsI x, int32_t b) {
  return _mm512_movm_epi32(_mm512_cmpeq_epi32_mask(x, _mm512_set1_epi32(b)));
}
// All ones where bit n of x is set, else 0.
template <int n>
HEARTH_INLINE RowsI mask_of_bit(RowsI x) {
  return _mm512_srai_epi32(_mm512_slli_epi32(x, 31 - n), 31);
}
HEARTH_INLINE RowsI bits_clear(RowsI x, RowsI mask) { return _mm512_andnot_si512(mask, x); }
HEARTH_INLINE RowsF f16_rows(const uint16_t* p) { return load_f16(p); }
// The low 16 bits as f16.
HEARTH_INLINE RowsF low_f16(RowsI x) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(x)); }

HEARTH_INLINE ActWord broadcast_word(const void* p) {
  int32_t x;
  __builtin_memcpy(&x, p, 4);
  return _mm512_set1_epi32(x);
}
// acc + the four products of each row, exact. Codes are unsigned bytes (vpdpbusd); signed ones come
// with kSignedOffset added (signed_codes).
inline constexpr int kSignedOffset = 128;
HEARTH_INLINE RowsI signed_codes(RowsI x) { return bits_xor(x, 0x80808080u); }
// The same, of codes that have 128 added already.
HEARTH_INLINE RowsI offset_codes(RowsI x) { return x; }
template <bool kSigned>
HEARTH_INLINE RowsI dot(RowsI acc, RowsI codes, ActWord x) {
  return _mm512_dpbusd_epi32(acc, codes, x);
}
// acc + the two products of 16-bit pairs.
HEARTH_INLINE RowsI dot_pairs(RowsI acc, RowsI w, ActWord x) {
  return _mm512_dpwssd_epi32(acc, w, x);
}
// x rounded, which is in 0 .. 16383, as bytes: of each four a word of the upper seven bits and a
// word of the lower seven, to out[32]. Returns the integers.
HEARTH_INLINE RowsI store_halves(uint8_t* out, RowsF x) {
  const __m512i w = _mm512_cvtps_epi32(x);
  const __m128i upper = _mm512_cvtepi32_epi8(_mm512_srli_epi32(w, 7));
  const __m128i lower = _mm512_cvtepi32_epi8(bits_and(w, 127));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_unpacklo_epi32(upper, lower));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16), _mm_unpackhi_epi32(upper, lower));
  return w;
}
// A table of 16 signed bytes, as dot<true> takes them; codes are bytes of 0 .. 15.
HEARTH_INLINE RowsI look_up_signed(const int8_t* table, RowsI codes) {
  const __m128i levels =
      _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)), _mm_set1_epi8(-128));
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(levels), codes);
}
// The same with `offset` added, no sum below 0: unsigned.
HEARTH_INLINE RowsI look_up_unsigned(const int8_t* table, int8_t offset, RowsI codes) {
  const __m128i levels =
      _mm_add_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)), _mm_set1_epi8(offset));
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(levels), codes);
}
// table[index] of each row.
HEARTH_INLINE RowsI fetch(const uint32_t* table, RowsI index) {
  return _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), 0xffff, index, table, 4);
}
// Whether codes may be multiplied by their scales before the dot product (each result a byte,
// exact): dot<false> takes all of 0 .. 255.
inline constexpr bool kScaledCodes = true;
HEARTH_INLINE RowsI both_halves(RowsI x) {
  return _mm512_or_si512(bits_and(x, 0xffff), _mm512_slli_epi32(x, 16));
}
// Bytes (code * scale + start) mod 256; scale and start are int32 of the row.
HEARTH_INLINE RowsI scale_codes(RowsI codes, RowsI scale, RowsI start) {
  const __m512i pair = both_halves(scale);
  const __m512i begin = both_halves(start);
  const __m512i low_bytes = _mm512_set1_epi16(255);
  const __m512i even = _mm512_mullo_epi16(_mm512_and_si512(codes, low_bytes), pair);
  const __m512i odd = _mm512_mullo_epi16(_mm512_srli_epi16(codes, 8), pair);
  return _mm512_or_si512(_mm512_and_si512(_mm512_add_epi16(even, begin), low_bytes),
                         _mm512_slli_epi16(_mm512_add_epi16(odd, begin), 8));
}

// --- for kernels/peak-inl.h ---
using IntAcc = __m512i;
inline constexpr int kIntMacs = 64;
HEARTH_INLINE IntAcc int_acc(int x) { return _mm512_set1_epi32(x); }
HEARTH_INLINE IntAcc int_mac(IntAcc acc, IntAcc a, IntAcc b) {
  return _mm512_dpbusd_epi32(acc, a, b);
}
HEARTH_INLINE int int_first(IntAcc acc) { return _mm512_cvtsi512_si32(acc); }

}  // namespace hearth::backend::cpu::HEARTH_ISA
