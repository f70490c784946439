// Vector vocabulary, AVX2 with FMA and F16C: 8 floats, 32 bytes. Included by isa/avx2.cc and
// isa/avx_vnni.cc, each of which names its namespace in HEARTH_ISA and adds the dot products:
// avx2_dot.h or avx_vnni_dot.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "base/f16.h"

namespace hearth::backend::cpu::HEARTH_ISA {

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

// Pairs (x, y) of `head` turned by those (cos, sin) of `table`.
HEARTH_INLINE F rotate_pairs(F head, F table) {
  const F swapped = _mm256_permute_ps(head, 0xb1);
  return _mm256_fmaddsub_ps(head, _mm256_moveldup_ps(table),
                            _mm256_mul_ps(swapped, _mm256_movehdup_ps(table)));
}

// --- sixteen rows of a packed weight side by side (packed.h): 32 bits of each, rows 0 .. 7 in `a`
// ---

struct RowsI {
  __m256i a, b;
};
struct RowsF {
  __m256 a, b;
};
using ActWord = __m256i;  // four int8 (or two int16) activations of one column, for every row

// The columns of a tile. No result depends on it.
inline constexpr int kTileColumns = 2;

// Whether the ISA multiplies small matrices (gemm_tile_i8mm-inl.h).
inline constexpr bool kMatrixProducts = false;

HEARTH_INLINE RowsI load_rows(const uint32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8))};
}
HEARTH_INLINE RowsF load_rows(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
HEARTH_INLINE void store_rows(uint32_t* p, RowsI x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.a);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), x.b);
}
HEARTH_INLINE void store_rows(float* p, RowsF x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
// Words j and j + 1 of codes, as the tile reads them from `Lines`.
HEARTH_INLINE void store_code_pair(uint32_t* p, RowsI even, RowsI odd) {
  store_rows(p, even);
  store_rows(p + 16, odd);
}
HEARTH_INLINE RowsI all_rows(int32_t x) {
  const __m256i v = _mm256_set1_epi32(x);
  return {v, v};
}
HEARTH_INLINE RowsF all_rows(float x) {
  const __m256 v = _mm256_set1_ps(x);
  return {v, v};
}
HEARTH_INLINE RowsI bits_and(RowsI x, uint32_t mask) {
  const __m256i m = _mm256_set1_epi32(int(mask));
  return {_mm256_and_si256(x.a, m), _mm256_and_si256(x.b, m)};
}
HEARTH_INLINE RowsI bits_or(RowsI x, RowsI y) {
  return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)};
}
HEARTH_INLINE RowsI bits_xor(RowsI x, RowsI y) {
  return {_mm256_xor_si256(x.a, y.a), _mm256_xor_si256(x.b, y.b)};
}
// Right by n if positive, left by -n if negative; zeros come in.
template <int n>
HEARTH_INLINE RowsI shift(RowsI x) {
  if constexpr (n >= 0)
    return {_mm256_srli_epi32(x.a, n), _mm256_srli_epi32(x.b, n)};
  else
    return {_mm256_slli_epi32(x.a, -n), _mm256_slli_epi32(x.b, -n)};
}
// The signed byte i.
template <int i>
HEARTH_INLINE RowsI signed_byte(RowsI x) {
  return {_mm256_srai_epi32(_mm256_slli_epi32(x.a, 24 - 8 * i), 24),
          _mm256_srai_epi32(_mm256_slli_epi32(x.b, 24 - 8 * i), 24)};
}
HEARTH_INLINE RowsI add(RowsI x, RowsI y) {
  return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)};
}
HEARTH_INLINE RowsI mul(RowsI x, RowsI y) {
  return {_mm256_mullo_epi32(x.a, y.a), _mm256_mullo_epi32(x.b, y.b)};
}
// 16-bit halves times n, modulo 2^16.
HEARTH_INLINE RowsI mul16(RowsI x, int n) {
  const __m256i v = _mm256_set1_epi16(int16_t(n));
  return {_mm256_mullo_epi16(x.a, v), _mm256_mullo_epi16(x.b, v)};
}
HEARTH_INLINE RowsF add(RowsF x, RowsF y) {
  return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
HEARTH_INLINE RowsF mul(RowsF x, RowsF y) {
  return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
HEARTH_INLINE RowsF fma(RowsF x, RowsF y, RowsF z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
HEARTH_INLINE RowsF to_float(RowsI x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
HEARTH_INLINE RowsF as_float(RowsI x) {
  return {_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)};
}
// All ones where the row's x is b, else 0.
HEARTH_INLINE RowsI equal_mask(RowsI x, int32_t b) {
  const __m256i v = _mm256_set1_epi32(b);
  return {_mm256_cmpeq_epi32(x.a, v), _mm256_cmpeq_epi32(x.b, v)};
}
// All ones where bit n of x is set, else 0.
template <int n>
HEARTH_INLINE RowsI mask_of_bit(RowsI x) {
  return {_mm256_srai_epi32(_mm256_slli_epi32(x.a, 31 - n), 31),
          _mm256_srai_epi32(_mm256_slli_epi32(x.b, 31 - n), 31)};
}
HEARTH_INLINE RowsI bits_clear(RowsI x, RowsI mask) {
  return {_mm256_andnot_si256(mask.a, x.a), _mm256_andnot_si256(mask.b, x.b)};
}
HEARTH_INLINE RowsF f16_rows(const uint16_t* p) { return {load_f16(p), load_f16(p + 8)}; }
// The low 16 bits as f16.
HEARTH_INLINE RowsF low_f16(RowsI x) {
  const RowsI low = bits_and(x, 0xffff);
  // In-lane packing leaves the quarters as a0 b0 a1 b1.
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(low.a, low.b), 0xd8);
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(packed)),
          _mm256_cvtph_ps(_mm256_extracti128_si256(packed, 1))};
}

HEARTH_INLINE ActWord broadcast_word(const void* p) {
  int32_t x;
  __builtin_memcpy(&x, p, 4);
  return _mm256_set1_epi32(x);
}
// Sixteen integers of 0 .. 255 as bytes.
HEARTH_INLINE __m128i to_bytes(RowsI x) {
  // In-lane packing leaves the quarters as a0 b0 a1 b1.
  const __m256i halves = _mm256_permute4x64_epi64(_mm256_packus_epi32(x.a, x.b), 0xd8);
  return _mm_packus_epi16(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}
// x rounded, which is in 0 .. 16383, as bytes: of each four a word of the upper seven bits and a
// word of the lower seven, to out[32]. Returns the integers.
HEARTH_INLINE RowsI store_halves(uint8_t* out, RowsF x) {
  const RowsI w = {_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)};
  const __m128i upper = to_bytes(shift<7>(w));
  const __m128i lower = to_bytes(bits_and(w, 127));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_unpacklo_epi32(upper, lower));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16), _mm_unpackhi_epi32(upper, lower));
  return w;
}
HEARTH_INLINE RowsI shuffle_table(__m128i levels, RowsI codes) {
  const __m256i t = _mm256_broadcastsi128_si256(levels);
  return {_mm256_shuffle_epi8(t, codes.a), _mm256_shuffle_epi8(t, codes.b)};
}
// A table of 16 bytes with `offset` added, no sum below 0; codes are bytes of 0 .. 15.
HEARTH_INLINE RowsI look_up_unsigned(const int8_t* table, int8_t offset, RowsI codes) {
  return shuffle_table(
      _mm_add_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)), _mm_set1_epi8(offset)),
      codes);
}
// table[index] of each row.
HEARTH_INLINE RowsI fetch(const uint32_t* table, RowsI index) {
  const int* const at = reinterpret_cast<const int*>(table);
  return {_mm256_i32gather_epi32(at, index.a, 4), _mm256_i32gather_epi32(at, index.b, 4)};
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
