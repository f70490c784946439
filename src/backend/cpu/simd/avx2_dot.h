// Dot products of AVX2 without VNNI; the rest of the vocabulary is avx2.h. Included only by
// isa/avx2.cc.
#pragma once

#include "backend/cpu/simd/avx2.h"

namespace hearth::backend::cpu::HEARTH_ISA {

// acc + the four products of each row, exact. Unsigned codes are at most 128: two products with
// activations of at most 127 fit 16 bits. vpmaddubsw wants one unsigned operand: of signed codes it
// gets |w|, while w's sign goes to the activation (|-128| is 128, read as unsigned: 128 * 127 * 2 <
// 2^15).
inline constexpr int kSignedOffset = 0;
HEARTH_INLINE RowsI signed_codes(RowsI x) { return x; }
HEARTH_INLINE __m256i sum_products(__m256i u, __m256i s) {
  return _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1));
}
template <bool kSigned>
HEARTH_INLINE RowsI dot(RowsI acc, RowsI w, ActWord x) {
  if constexpr (kSigned)
    return {_mm256_add_epi32(acc.a, sum_products(_mm256_abs_epi8(w.a), _mm256_sign_epi8(x, w.a))),
            _mm256_add_epi32(acc.b, sum_products(_mm256_abs_epi8(w.b), _mm256_sign_epi8(x, w.b)))};
  else
    return {_mm256_add_epi32(acc.a, sum_products(w.a, x)),
            _mm256_add_epi32(acc.b, sum_products(w.b, x))};
}
// acc + the two products of 16-bit pairs.
HEARTH_INLINE RowsI dot_pairs(RowsI acc, RowsI w, ActWord x) {
  return {_mm256_add_epi32(acc.a, _mm256_madd_epi16(w.a, x)),
          _mm256_add_epi32(acc.b, _mm256_madd_epi16(w.b, x))};
}
// A table of 16 signed bytes, as dot<true> takes them; codes are bytes of 0 .. 15.
HEARTH_INLINE RowsI look_up_signed(const int8_t* table, RowsI codes) {
  return shuffle_table(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)), codes);
}
// Codes times scales would not fit what dot<false> takes: scale_codes is never called.
inline constexpr bool kScaledCodes = false;
RowsI scale_codes(RowsI codes, RowsI scale, RowsI start);

// --- for kernels/peak-inl.h ---
using IntAcc = __m256i;
inline constexpr int kIntMacs = 32;
HEARTH_INLINE IntAcc int_acc(int x) { return _mm256_set1_epi32(x); }
HEARTH_INLINE IntAcc int_mac(IntAcc acc, IntAcc a, IntAcc b) {
  // The activation depends on the chain, else the compiler would take the product out of the loop.
  return _mm256_add_epi32(acc, sum_products(a, _mm256_xor_si256(b, acc)));
}
HEARTH_INLINE int int_first(IntAcc acc) { return _mm256_cvtsi256_si32(acc); }

}  // namespace hearth::backend::cpu::HEARTH_ISA
