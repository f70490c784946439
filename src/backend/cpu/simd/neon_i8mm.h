// What NEON with i8mm has beyond neon.h: products of 2 x 8 by 8 x 2 bytes. Included only by
// isa/neon_i8mm.cc.
#pragma once

#include "backend/cpu/simd/neon.h"

namespace hearth::backend::cpu::HEARTH_ISA {

// The columns of a tile: 8 integer and 8 float accumulators of the 32 registers. No result depends
// on it.
inline constexpr int kTileColumns = 4;
// Whether the ISA multiplies small matrices (gemm_tile_i8mm-inl.h).
inline constexpr bool kMatrixProducts = true;

// Two columns of activations at once: lanes are [row 0, row 0, row 1, row 1] by [column 0, column
// 1, column 0, column 1].
struct PairI {
  int32x4_t v;
};
struct PairF {
  float32x4_t v;
};

// Eight activations of each of two columns.
HEARTH_INLINE int8x16_t load_pair(const int8_t* x0, const int8_t* x1) {
  return vcombine_s8(vld1_s8(x0), vld1_s8(x1));
}
HEARTH_INLINE PairI column_pair(int32_t x0, int32_t x1) {
  const int32x2_t both = vset_lane_s32(x1, vdup_n_s32(x0), 1);
  return {vcombine_s32(both, both)};
}
HEARTH_INLINE PairF column_pair(float x0, float x1) {
  const float32x2_t both = vset_lane_f32(x1, vdup_n_f32(x0), 1);
  return {vcombine_f32(both, both)};
}
// Rows 2 i and 2 i + 1 of p.
HEARTH_INLINE PairF row_pair(const float* p, int i) {
  const float32x2_t both = vld1_f32(p + 2 * i);
  return {vcombine_f32(vdup_lane_f32(both, 0), vdup_lane_f32(both, 1))};
}
HEARTH_INLINE PairI row_pair(const uint32_t* p, int i) {
  const int32x2_t both = vreinterpret_s32_u32(vld1_u32(p + 2 * i));
  return {vcombine_s32(vdup_lane_s32(both, 0), vdup_lane_s32(both, 1))};
}
// acc + the eight products of two rows with two columns.
HEARTH_INLINE PairI dot_matrix(PairI acc, const uint32_t* codes, int8x16_t x) {
  return {vmmlaq_s32(acc.v, vreinterpretq_s8_u32(vld1q_u32(codes)), x)};
}
HEARTH_INLINE PairI add(PairI a, PairI b) { return {vaddq_s32(a.v, b.v)}; }
HEARTH_INLINE PairI mul(PairI a, PairI b) { return {vmulq_s32(a.v, b.v)}; }
HEARTH_INLINE PairF mul(PairF a, PairF b) { return {vmulq_f32(a.v, b.v)}; }
HEARTH_INLINE PairF fma(PairF a, PairF b, PairF c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
HEARTH_INLINE PairF to_float(PairI x) { return {vcvtq_f32_s32(x.v)}; }

// Two code words of 16 rows as dot_matrix reads them: of each two rows, eight bytes each.
HEARTH_INLINE void store_code_pair(uint32_t* p, RowsI even, RowsI odd) {
  for (int i = 0; i < 4; ++i) {
    vst1q_u32(p + 8 * i, vreinterpretq_u32_s32(vzip1q_s32(even.v[i], odd.v[i])));
    vst1q_u32(p + 8 * i + 4, vreinterpretq_u32_s32(vzip2q_s32(even.v[i], odd.v[i])));
  }
}
// Two rows of two columns in memory.
HEARTH_INLINE PairF load_pair(const float* column0, const float* column1) {
  const float32x2_t a = vld1_f32(column0);
  const float32x2_t b = vld1_f32(column1);
  return {vcombine_f32(vzip1_f32(a, b), vzip2_f32(a, b))};
}
// Column 1 is written first: where both are the same column, column 0 stays.
HEARTH_INLINE void store_pair(float* column0, float* column1, PairF x) {
  const float32x2_t low = vget_low_f32(x.v);
  const float32x2_t high = vget_high_f32(x.v);
  vst1_f32(column1, vuzp2_f32(low, high));
  vst1_f32(column0, vuzp1_f32(low, high));
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
