// Loaders for gemm_fused on AVX-512: one superblock of 256 weights unpacked in registers, 64
// consecutive weights a step, as unsigned codes with kOffset added. Block layouts are drawn in
// quant/<type>.h.

namespace hearth::backend::cpu::avx512 {

// 32 bytes in both halves of a register.
HEARTH_INLINE __m512i twice(const void* p) {
  return _mm512_broadcast_i64x4(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
// Shifts the low 32 bytes right by `low` bits and the high 32 by `high`, in 16-bit units: mask the
// result.
template <int low, int high>
HEARTH_INLINE __m512i shift_halves(__m512i v) {
  return _mm512_srlv_epi16(v,
                           _mm512_inserti64x4(_mm512_set1_epi16(low), _mm256_set1_epi16(high), 1));
}
HEARTH_INLINE __m512i mask_bytes(__m512i v, int mask) {
  return _mm512_and_si512(v, _mm512_set1_epi8(char(mask)));
}

// Eight halves that lie `stride` bytes apart, as floats.
HEARTH_INLINE __m256 load_f16_strided(const void* first, int stride) {
  const auto* p = static_cast<const unsigned char*>(first);
  uint16_t h[8];
  for (int i = 0; i < 8; ++i) __builtin_memcpy(&h[i], p + i * stride, 2);
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(h)));
}

struct LoadQ8_0 {
  using Type = quant::Q8_0;
  static constexpr int kOffset = 128;
  const Type::Block* b;
  HEARTH_INLINE void begin(const Type::Block* block) { b = block; }
  HEARTH_INLINE Scales scales() const { return scales_of_32(load_f16_strided(&b->d, sizeof(*b))); }
  template <int kStepIdx>
  HEARTH_INLINE __m512i codes() const {
    const __m512i low = _mm512_castsi256_si512(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b[2 * kStepIdx].qs)));
    const __m512i both = _mm512_inserti64x4(
        low, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b[2 * kStepIdx + 1].qs)), 1);
    return _mm512_xor_si512(both, _mm512_set1_epi8(char(0x80)));
  }
};

struct LoadQ4_0 {
  using Type = quant::Q4_0;
  static constexpr int kOffset = 8;
  const Type::Block* b;
  HEARTH_INLINE void begin(const Type::Block* block) { b = block; }
  HEARTH_INLINE Scales scales() const { return scales_of_32(load_f16_strided(&b->d, sizeof(*b))); }
  template <int kStepIdx>
  HEARTH_INLINE __m512i codes() const {
    // Quarters 0 and 1 take block 2s (low nibbles, high nibbles), quarters 2 and 3 block 2s + 1.
    const __m256i low = _mm256_broadcastsi128_si256(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(b[2 * kStepIdx].qs)));
    const __m256i high = _mm256_broadcastsi128_si256(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(b[2 * kStepIdx + 1].qs)));
    const __m512i v = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    const __m512i shifts = _mm512_set_epi64(0x0004000400040004, 0x0004000400040004, 0, 0,
                                            0x0004000400040004, 0x0004000400040004, 0, 0);
    return mask_bytes(_mm512_srlv_epi16(v, shifts), 15);
  }
};

// The eight 6-bit scales and minima of Q4_K and Q5_K (quant/q4_k.h) as bytes: scales in the low
// half, minima in the high.
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
  __m256 scale;
  __m256 min;
  HEARTH_INLINE void begin(const typename T::Block* block) {
    b = block;
    const __m128i bytes = unpack_k4_scales(b->scales);
    const __m256 d = _mm256_set1_ps(_cvtsh_ss(b->d));
    const __m256 dmin = _mm256_set1_ps(_cvtsh_ss(b->dmin));
    scale = _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)));
    min = _mm256_mul_ps(dmin, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))));
  }
  HEARTH_INLINE Scales scales() const { return scales_of_32(scale); }
  HEARTH_INLINE M mins(int /*eight*/) const { return min; }
  template <int kStepIdx>
  HEARTH_INLINE __m512i nibbles() const {
    return mask_bytes(shift_halves<0, 4>(twice(b->qs + 32 * kStepIdx)), 15);
  }
};

struct LoadQ4_K : LoadK4<quant::Q4_K> {
  template <int kStepIdx>
  HEARTH_INLINE __m512i codes() const {
    return nibbles<kStepIdx>();
  }
};

struct LoadQ5_K : LoadK4<quant::Q5_K> {
  template <int kStepIdx>
  HEARTH_INLINE __m512i codes() const {
    const __m512i bit = mask_bytes(shift_halves<2 * kStepIdx, 2 * kStepIdx + 1>(twice(b->qh)), 1);
    return _mm512_or_si512(nibbles<kStepIdx>(), _mm512_slli_epi16(bit, 4));
  }
};

struct LoadQ6_K {
  using Type = quant::Q6_K;
  static constexpr int kOffset = 32;
  const Type::Block* b;
  HEARTH_INLINE void begin(const Type::Block* block) { b = block; }
  HEARTH_INLINE Scales scales() const {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b->scales));
    return _mm512_mul_ps(_mm512_set1_ps(_cvtsh_ss(b->d)),
                         _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)));
  }
  template <int kStepIdx>
  HEARTH_INLINE __m512i codes() const {
    constexpr int half = kStepIdx / 2;
    constexpr int shift = 4 * (kStepIdx % 2);
    const __m512i ql = _mm512_loadu_si512(b->ql + 64 * half);
    const __m512i low = mask_bytes(_mm512_srli_epi16(ql, shift), 15);
    const __m512i high = mask_bytes(shift_halves<shift, shift + 2>(twice(b->qh + 32 * half)), 3);
    return _mm512_or_si512(low, _mm512_slli_epi16(high, 4));
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

}  // namespace hearth::backend::cpu::avx512
