// exp, log and pow from plain IEEE additions and multiplications. The C library's differ in the
// last bit from platform to platform, which is enough to change a sampled token; these give the
// same bits everywhere (the build forbids fused multiply-add). Relative error below 4e-16; see
// math_test.cc.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace hearth::sample {

// e^x: x = k ln 2 + r with |r| <= 0.35, then the Taylor series of e^r to r^13 / 13! (rest below
// 5e-18).
inline double exact_exp(double x) {
  if (x < -745.0) return 0.0;
  if (x > 709.0) return std::numeric_limits<double>::infinity();
  constexpr double kLog2E = 1.4426950408889634074;
  constexpr double kLn2Hi = 6.93147180369123816490e-01;  // upper bits of ln 2: k * kLn2Hi is exact
  constexpr double kLn2Lo = 1.90821492927058770002e-10;
  const int k = int(x * kLog2E + (x < 0 ? -0.5 : 0.5));
  const double r = (x - k * kLn2Hi) - k * kLn2Lo;
  double e = 1.0 / 6227020800.0;
  e = e * r + 1.0 / 479001600.0;
  e = e * r + 1.0 / 39916800.0;
  e = e * r + 1.0 / 3628800.0;
  e = e * r + 1.0 / 362880.0;
  e = e * r + 1.0 / 40320.0;
  e = e * r + 1.0 / 5040.0;
  e = e * r + 1.0 / 720.0;
  e = e * r + 1.0 / 120.0;
  e = e * r + 1.0 / 24.0;
  e = e * r + 1.0 / 6.0;
  e = e * r + 0.5;
  e = e * r + 1.0;
  e = e * r + 1.0;
  if (k < -1022) return e * std::bit_cast<double>(uint64_t(k + 1023 + 100) << 52) * 0x1p-100;
  return e * std::bit_cast<double>(uint64_t(k + 1023) << 52);
}

// Natural logarithm: x = 2^k m with m in [sqrt(1/2), sqrt(2)), log m = 2 artanh((m - 1) / (m + 1)).
// log 0 = -infinity; a negative x gives NaN.
inline double exact_log(double x) {
  if (x == 0) return -std::numeric_limits<double>::infinity();
  if (!(x > 0)) return std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(x)) return x;
  int k = 0;
  double m = std::frexp(x, &k);  // [0.5, 1)
  if (m < 0.70710678118654752440) {
    m *= 2;
    --k;
  }
  const double s = (m - 1) / (m + 1);
  const double s2 = s * s;
  double sum = 0;
  for (int n = 23; n >= 1; n -= 2) sum = sum * s2 + 1.0 / n;
  constexpr double kLn2Hi = 6.93147180369123816490e-01;
  constexpr double kLn2Lo = 1.90821492927058770002e-10;
  return k * kLn2Hi + (2 * s * sum + k * kLn2Lo);
}

// base^exponent for base >= 0.
inline double exact_pow(double base, double exponent) {
  if (exponent == 0) return 1.0;
  if (base == 0) return exponent > 0 ? 0.0 : std::numeric_limits<double>::infinity();
  return exact_exp(exponent * exact_log(base));
}

}  // namespace hearth::sample
