// exp and its relatives on vectors. Included once per SIMD ISA; HEARTH_ISA names the namespace.

namespace hearth::backend::cpu::HEARTH_ISA {

// e^x to about 1 ulp: x = n ln 2 + r, |r| <= ln 2 / 2, e^r by its Taylor polynomial of degree 7
// (remainder < 6e-9). Exactly 1 at 0; exactly 0 below -87.33 (the smallest normal float), inf-free:
// saturates at e^88.
HEARTH_INLINE F exp(F x) {
  const F clipped = min(max(x, set1(-87.33f)), set1(88.0f));
  const F n = round_nearest(mul(clipped, set1(1.44269504088896341f)));
  // ln 2 in two parts, so that n * ln2_hi is exact.
  F r = fma(n, set1(-0.693359375f), clipped);
  r = fma(n, set1(2.12194440e-4f), r);
  F p = set1(1.0f / 5040);
  p = fma(p, r, set1(1.0f / 720));
  p = fma(p, r, set1(1.0f / 120));
  p = fma(p, r, set1(1.0f / 24));
  p = fma(p, r, set1(1.0f / 6));
  p = fma(p, r, set1(0.5f));
  p = fma(p, r, set1(1.0f));
  p = fma(p, r, set1(1.0f));
  return keep_if_ge(scale_pow2(p, n), x, set1(-87.33f));
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
