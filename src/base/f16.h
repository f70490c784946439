// IEEE half and bfloat16 <-> float, in portable bit arithmetic. Everything here is forced inline,
// so that no copy compiled with one ISA's flags can be shared with another (see docs/recipes.md,
// "Add an ISA"). For the same reason std::bit_cast, an inline function in a debug build, is not
// used.
#pragma once

#include <cstdint>

#define HEARTH_INLINE [[gnu::always_inline]] inline
// Behind the parameters of a lambda.
#define HEARTH_INLINE_LAMBDA __attribute__((always_inline))

namespace hearth {

// Exact: every half is a float. Denormals, infinities and NaN included.
HEARTH_INLINE float f16_to_f32(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000u) << 16;
  const uint32_t exponent_mantissa = h & 0x7fffu;
  if (exponent_mantissa >= 0x7c00u)  // infinity, NaN
    return __builtin_bit_cast(float, sign | 0x7f800000u | ((exponent_mantissa & 0x3ffu) << 13));
  if (exponent_mantissa >= 0x0400u)  // normal: rebias the exponent by 127 - 15
    return __builtin_bit_cast(float, sign | ((exponent_mantissa << 13) + (112u << 23)));
  // Denormal or zero: mantissa * 2^-24, exact in float.
  const float magnitude = float(exponent_mantissa) * 0x1p-24f;
  return __builtin_bit_cast(float, sign | __builtin_bit_cast(uint32_t, magnitude));
}

// Round to nearest even; overflow goes to infinity; NaN stays NaN.
HEARTH_INLINE uint16_t f32_to_f16(float f) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, f);
  const uint16_t sign = uint16_t((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return uint16_t(sign | 0x7e00u);
  if (magnitude >= 0x47800000u) return uint16_t(sign | 0x7c00u);  // >= 65536
  if (magnitude < 0x38800000u) {                                  // < 2^-14: denormal half
    // Adding 0.5 lines the mantissa up so that the float adder does the rounding.
    const float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
    return uint16_t(sign | (__builtin_bit_cast(uint32_t, shifted) - 0x3f000000u));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return uint16_t(sign | ((rounded - (112u << 23)) >> 13));  // a carry into 65536 gives infinity
}

HEARTH_INLINE float bf16_to_f32(uint16_t h) { return __builtin_bit_cast(float, uint32_t(h) << 16); }

// Round to nearest even; NaN stays NaN (quiet).
HEARTH_INLINE uint16_t f32_to_bf16(float f) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, f);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return uint16_t((bits >> 16) | 0x40u);
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace hearth
