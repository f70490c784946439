// Dot products of AVX-VNNI (vpdpbusd of 32 bytes, without AVX-512); the rest of the vocabulary is
// avx2.h. Included only by isa/avx_vnni.cc.
#pragma once

#include "backend/cpu/simd/avx2.h"

namespace hearth::backend::cpu::HEARTH_ISA {

// acc + the four products of each row, exact. Codes are unsigned bytes; signed ones come with
// kSignedOffset added (signed_codes).
inline constexpr int kSignedOffset = 128;
HEARTH_INLINE RowsI signed_codes(RowsI x) { return bits_xor(x, all_rows(int32_t(0x80808080u))); }
// The same, of codes that have 128 added already.
HEARTH_INLINE RowsI offset_codes(RowsI x) { return x; }
template <bool kSigned>
HEARTH_INLINE RowsI dot(RowsI acc, RowsI codes, ActWord x) {
  return {_mm256_dpbusd_avx_epi32(acc.a, codes.a, x), _mm256_dpbusd_avx_epi32(acc.b, codes.b, x)};
}
// acc + the two products of 16-bit pairs.
HEARTH_INLINE RowsI dot_pairs(RowsI acc, RowsI w, ActWord x) {
  return {_mm256_dpwssd_avx_epi32(acc.a, w.a, x), _mm256_dpwssd_avx_epi32(acc.b, w.b, x)};
}
// A table of 16 signed bytes, as dot<true> takes them; codes are bytes of 0 .. 15.
HEARTH_INLINE RowsI look_up_signed(const int8_t* table, RowsI codes) {
  return shuffle_table(
      _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)), _mm_set1_epi8(-128)),
      codes);
}
// Whether codes may be multiplied by their scales before the dot product (each result a byte,
// exact): dot<false> takes all of 0 .. 255.
inline constexpr bool kScaledCodes = true;
HEARTH_INLINE __m256i scale_eight(__m256i codes, __m256i scale, __m256i start) {
  const __m256i low_halves = _mm256_set1_epi32(0xffff);
  const __m256i low_bytes = _mm256_set1_epi16(255);
  const __m256i pair =
      _mm256_or_si256(_mm256_and_si256(scale, low_halves), _mm256_slli_epi32(scale, 16));
  const __m256i begin =
      _mm256_or_si256(_mm256_and_si256(start, low_halves), _mm256_slli_epi32(start, 16));
  const __m256i even = _mm256_mullo_epi16(_mm256_and_si256(codes, low_bytes), pair);
  const __m256i odd = _mm256_mullo_epi16(_mm256_srli_epi16(codes, 8), pair);
  return _mm256_or_si256(_mm256_and_si256(_mm256_add_epi16(even, begin), low_bytes),
                         _mm256_slli_epi16(_mm256_add_epi16(odd, begin), 8));
}
// Bytes (code * scale + start) mod 256; scale and start are int32 of the row.
HEARTH_INLINE RowsI scale_codes(RowsI codes, RowsI scale, RowsI start) {
  return {scale_eight(codes.a, scale.a, start.a), scale_eight(codes.b, scale.b, start.b)};
}

// --- for kernels/peak-inl.h ---
using IntAcc = __m256i;
inline constexpr int kIntMacs = 32;
HEARTH_INLINE IntAcc int_acc(int x) { return _mm256_set1_epi32(x); }
HEARTH_INLINE IntAcc int_mac(IntAcc acc, IntAcc a, IntAcc b) {
  return _mm256_dpbusd_avx_epi32(acc, a, b);
}
HEARTH_INLINE int int_first(IntAcc acc) { return _mm256_cvtsi256_si32(acc); }

}  // namespace hearth::backend::cpu::HEARTH_ISA
