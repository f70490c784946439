// Vector vocabulary, scalar: one lane. The reference that every other ISA is tested against.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/f16.h"

namespace hearth::backend::cpu::scalar {

inline constexpr int kLanes = 1;
inline constexpr int kValueVectors = 4;
using F = float;

HEARTH_INLINE F zero() { return 0.0f; }
HEARTH_INLINE F set1(float x) { return x; }
HEARTH_INLINE F load(const float* p) { return *p; }
HEARTH_INLINE F load_n(const float* p, int n) { return n > 0 ? *p : 0.0f; }
HEARTH_INLINE void store(float* p, F x) { *p = x; }
HEARTH_INLINE void store_n(float* p, F x, int n) {
  if (n > 0) *p = x;
}
HEARTH_INLINE F load_f16(const uint16_t* p) { return f16_to_f32(*p); }
HEARTH_INLINE F load_f16_n(const uint16_t* p, int n) { return n > 0 ? f16_to_f32(*p) : 0.0f; }
HEARTH_INLINE F load_bf16(const uint16_t* p) { return bf16_to_f32(*p); }
HEARTH_INLINE F load_bf16_n(const uint16_t* p, int n) { return n > 0 ? bf16_to_f32(*p) : 0.0f; }
HEARTH_INLINE F add(F a, F b) { return a + b; }
HEARTH_INLINE F sub(F a, F b) { return a - b; }
HEARTH_INLINE F mul(F a, F b) { return a * b; }
HEARTH_INLINE F div(F a, F b) { return a / b; }
HEARTH_INLINE F fma(F a, F b, F c) { return a * b + c; }
HEARTH_INLINE F max(F a, F b) { return a > b ? a : b; }
HEARTH_INLINE F min(F a, F b) { return a < b ? a : b; }
HEARTH_INLINE F abs(F a) { return std::fabs(a); }
HEARTH_INLINE F exp(F x) { return std::exp(x); }
HEARTH_INLINE float reduce_add(F x) { return x; }
HEARTH_INLINE float reduce_max(F x) { return x; }

// One lane holds no pair: never called.
F rotate_pairs(F head, F table);

// --- for kernels/peak-inl.h ---
using IntAcc = int32_t;
inline constexpr int kIntMacs = 1;
HEARTH_INLINE IntAcc int_acc(int x) { return x; }
HEARTH_INLINE IntAcc int_mac(IntAcc acc, IntAcc a, IntAcc b) { return acc + (b ^ acc) * a; }
HEARTH_INLINE int int_first(IntAcc acc) { return acc; }

}  // namespace hearth::backend::cpu::scalar
