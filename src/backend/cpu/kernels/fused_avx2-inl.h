// Loaders for gemm_fused on AVX2: one superblock of 256 weights unpacked in registers, 32
// consecutive weights a step. Block layouts are drawn in quant/<type>.h.

namespace hearth::backend::cpu::avx2 {

HEARTH_INLINE __m256i load_32(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
HEARTH_INLINE __m256i mask_bytes(__m256i v, int mask) {
  return _mm256_and_si256(v, _mm256_set1_epi8(char(mask)));
}
// Shifts 16-bit units; to the left if `right` is negative. Mask the result.
template <int right>
HEARTH_INLINE __m256i shift(__m256i v) {
  if constexpr (right >= 0)
    return _mm256_srli_epi16(v, right);
  else
    return _mm256_slli_epi16(v, -right);
}
HEARTH_INLINE float half_at(const void* p) {
  uint16_t h;
  __builtin_memcpy(&h, p, 2);
  return _cvtsh_ss(h);
}

// Eight halves that lie `stride` bytes apart, as scales of groups of 32.
HEARTH_INLINE Scales load_f16_strided(const void* first, int stride) {
  const auto* p = static_cast<const unsigned char*>(first);
  uint16_t h[8];
  for (int i = 0; i < 8; ++i) __builtin_memcpy(&h[i], p + i * stride, 2);
  return scales_of_32(_mm256_cvtph_ps(load_eight_halves(h)));
}

struct LoadQ8_0 {
  using Type = quant::Q8_0;
  static constexpr int kOffset = 0;
  const Type::Block* b;
  HEARTH_INLINE void begin(const Type::Block* block) { b = block; }
  HEARTH_INLINE Scales scales() const { return load_f16_strided(&b->d, sizeof(*b)); }
  template <int kStepIdx>
  HEARTH_INLINE SignedCodes codes() const {
    return signed_codes(load_32(b[kStepIdx].qs));
  }
};

struct LoadQ4_0 {
  using Type = quant::Q4_0;
  static constexpr int kOffset = 8;
  const Type::Block* b;
  HEARTH_INLINE void begin(const Type::Block* block) { b = block; }
  HEARTH_INLINE Scales scales() const { return load_f16_strided(&b->d, sizeof(*b)); }
  template <int kStepIdx>
  HEARTH_INLINE UnsignedCodes codes() const {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b[kStepIdx].qs));
    return {mask_bytes(_mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes), 15)};
  }
};

// The eight 6-bit scales and minima of Q4_K and Q5_K (quant/k_scales.h): scales in the low 8 bytes,
// minima in the high.
HEARTH_INLINE __m128i unpack_k4_scales(const uint8_t* packed) {
  uint32_t u[3];
  __builtin_memcpy(u, packed, 12);
  const uint32_t scale_low = u[0] & 0x3f3f3f3fu;
  const uint32_t scale_high = (u[2] & 0x0f0f0f0fu) | ((u[0] >> 2) & 0x30303030u);
  const uint32_t min_low = u[1] & 0x3f3f3f3fu;
  const uint32_t min_high = ((u[2] >> 4) & 0x0f0f0f0fu) | ((u[1] >> 2) & 0x30303030u);
  return _mm_set_epi32(int(min_high), int(min_low), int(scale_high), int(scale_low));
}

template <class T>
struct LoadK4 {  // what Q4_K and Q5_K share
  using Type = T;
  static constexpr int kOffset = 0;
  const typename T::Block* b;
  F scale;
  F min;
  HEARTH_INLINE void begin(const typename T::Block* block) {
    b = block;
    const __m128i bytes = unpack_k4_scales(b->scales);
    scale = mul(set1(half_at(&b->d)), _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)));
    min = mul(set1(half_at(&b->dmin)),
              _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))));
  }
  HEARTH_INLINE Scales scales() const { return scales_of_32(scale); }
  HEARTH_INLINE M mins(int /*eight*/) const { return min; }
  template <int kStepIdx>
  HEARTH_INLINE __m256i nibbles() const {
    return mask_bytes(shift<4 * (kStepIdx % 2)>(load_32(b->qs + 32 * (kStepIdx / 2))), 15);
  }
};

struct LoadQ4_K : LoadK4<quant::Q4_K> {
  template <int kStepIdx>
  HEARTH_INLINE UnsignedCodes codes() const {
    return {nibbles<kStepIdx>()};
  }
};

struct LoadQ5_K : LoadK4<quant::Q5_K> {
  template <int kStepIdx>
  HEARTH_INLINE UnsignedCodes codes() const {
    // Bit s of qh becomes bit 4.
    return {
        _mm256_or_si256(nibbles<kStepIdx>(), mask_bytes(shift<kStepIdx - 4>(load_32(b->qh)), 16))};
  }
};

struct LoadQ6_K {
  using Type = quant::Q6_K;
  static constexpr int kOffset = 32;
  const Type::Block* b;
  HEARTH_INLINE void begin(const Type::Block* block) { b = block; }
  HEARTH_INLINE Scales scales() const {
    const __m128i order = _mm_setr_epi8(0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
    const __m128i bytes =
        _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b->scales)), order);
    const F d = set1(half_at(&b->d));
    return {{mul(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))),
             mul(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))))}};
  }
  template <int kStepIdx>
  HEARTH_INLINE UnsignedCodes codes() const {
    constexpr int half = kStepIdx / 4;
    constexpr int part = kStepIdx % 4;
    const __m256i low =
        mask_bytes(shift<4 * (part / 2)>(load_32(b->ql + 64 * half + 32 * (part % 2))), 15);
    // Bits 2 * part and 2 * part + 1 of qh become bits 4 and 5.
    const __m256i high = mask_bytes(shift<2 * part - 4>(load_32(b->qh + 32 * half)), 0x30);
    return {_mm256_or_si256(low, high)};
  }
};

template <class L>
static void add_fused(KernelTable& t) {
  t.gemm[quant::type_index<typename L::Type>()] = gemm_fused<L>;
}

static void add_fused_kernels(KernelTable& t) {
  add_fused<LoadQ4_0>(t);
  add_fused<LoadQ8_0>(t);
  add_fused<LoadQ4_K>(t);
  add_fused<LoadQ5_K>(t);
  add_fused<LoadQ6_K>(t);
}

}  // namespace hearth::backend::cpu::avx2
