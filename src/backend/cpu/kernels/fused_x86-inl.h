// Loaders for gemm_fused that AVX2 and AVX-512 share: the less common types, unpacked 32 weights at
// a time with AVX2; widen_codes (simd/) makes a step of the ISA out of that. Without them a decode
// step takes 3 to 8 times as long in these types. Block layouts are drawn in quant/<type>.h.

namespace hearth::backend::cpu::HEARTH_ISA {

// 32 codes from the 16 bytes at p: the low nibbles, then the high ones.
HEARTH_INLINE __m256i nibbles_of(const uint8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes), _mm256_set1_epi8(15));
}
// The same where each 8 bytes hold 16 codes of their own.
HEARTH_INLINE __m256i nibbles_of_halves(const uint8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i low = _mm_and_si128(bytes, _mm_set1_epi8(15));
  const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
  return _mm256_set_m128i(_mm_unpackhi_epi64(low, high), _mm_unpacklo_epi64(low, high));
}
HEARTH_INLINE __m256i look_up(const int8_t* levels, __m256i codes) {
  const __m128i table = _mm_loadu_si128(reinterpret_cast<const __m128i*>(levels));
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), codes);
}
// Byte i is `value` where bit i of the four bytes at p is set, else 0.
HEARTH_INLINE __m256i spread_bits(const uint8_t* p, int value) {
  int bits;
  __builtin_memcpy(&bits, p, 4);
  const __m256i byte_of =
      _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bit_of = _mm256_set1_epi64x(int64_t(0x8040201008040201u));
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), byte_of);
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit_of), bit_of);
  return _mm256_and_si256(set, _mm256_set1_epi8(char(value)));
}
// Two bits of each of 32 bytes, from bit `from` up.
template <int from>
HEARTH_INLINE __m256i bit_pairs(const uint8_t* p) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm256_and_si256(_mm256_srli_epi16(bytes, from), _mm256_set1_epi8(3));
}

// Eight halves as floats.
HEARTH_INLINE void store_halves(const uint16_t (&h)[8], float* out) {
  _mm256_storeu_ps(out, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(h))));
}

// Each Unpack32 gives: the codes of step kStepIdx (of eight) of a superblock, either any signed
// number (kSigned) or unsigned with kOffset added; and the scales and minima exactly as T::unpack
// makes them.

template <class T>
struct HalfScales {  // a half per block of 32
  using Type = T;
  HEARTH_INLINE static void scales(const typename T::Block* b, float* out) {
    uint16_t h[8];
    for (int i = 0; i < 8; ++i) h[i] = b[i].d;
    store_halves(h, out);
  }
};
template <class T>
struct HalfScalesAndMins : HalfScales<T> {
  HEARTH_INLINE static void mins(const typename T::Block* b, float* out) {
    uint16_t h[8];
    for (int i = 0; i < 8; ++i) h[i] = b[i].m ^ 0x8000;  // y = d * q + m: the minimum is -m
    store_halves(h, out);
  }
};

struct UnpackQ4_1 : HalfScalesAndMins<quant::Q4_1> {
  static constexpr bool kSigned = false;
  static constexpr int kOffset = 0;
  template <int kStepIdx>
  HEARTH_INLINE static __m256i codes(const Type::Block* b) {
    return nibbles_of(b[kStepIdx].qs);
  }
};

struct UnpackQ5_0 : HalfScales<quant::Q5_0> {
  static constexpr bool kSigned = false;
  static constexpr int kOffset = 16;
  template <int kStepIdx>
  HEARTH_INLINE static __m256i codes(const Type::Block* b) {
    return _mm256_or_si256(nibbles_of(b[kStepIdx].qs), spread_bits(b[kStepIdx].qh, 16));
  }
};

struct UnpackQ5_1 : HalfScalesAndMins<quant::Q5_1> {
  static constexpr bool kSigned = false;
  static constexpr int kOffset = 0;
  template <int kStepIdx>
  HEARTH_INLINE static __m256i codes(const Type::Block* b) {
    return _mm256_or_si256(nibbles_of(b[kStepIdx].qs), spread_bits(b[kStepIdx].qh, 16));
  }
};

struct UnpackIQ4_NL : HalfScales<quant::IQ4_NL> {
  static constexpr bool kSigned = true;
  template <int kStepIdx>
  HEARTH_INLINE static __m256i codes(const Type::Block* b) {
    return look_up(&quant::kIq4Levels[0], nibbles_of(b[kStepIdx].qs));
  }
};

struct UnpackIQ4_XS {
  using Type = quant::IQ4_XS;
  static constexpr bool kSigned = true;
  HEARTH_INLINE static void scales(const Type::Block* b, float* out) {
    const float d = _cvtsh_ss(b->d);
    for (int g = 0; g < 8; ++g) {
      const int low = (b->scales_l[g / 2] >> (4 * (g % 2))) & 15;
      const int high = (b->scales_h >> (2 * g)) & 3;
      out[g] = d * float((low | (high << 4)) - 32);
    }
  }
  template <int kStepIdx>
  HEARTH_INLINE static __m256i codes(const Type::Block* b) {
    return look_up(&quant::kIq4Levels[0], nibbles_of(b->qs + 16 * kStepIdx));
  }
};

struct UnpackMXFP4 {
  using Type = quant::MXFP4;
  static constexpr bool kSigned = true;
  HEARTH_INLINE static void scales(const Type::Block* b, float* out) {
    for (int i = 0; i < 8; ++i) out[i] = Type::half_scale(b[i].e);
  }
  template <int kStepIdx>
  HEARTH_INLINE static __m256i codes(const Type::Block* b) {
    return look_up(&quant::kE2m1Doubled[0], nibbles_of(b[kStepIdx].qs));
  }
};

struct UnpackNVFP4 {
  using Type = quant::NVFP4;
  static constexpr bool kSigned = true;
  HEARTH_INLINE static void scales(const Type::Block* b, float* out) {
    for (int i = 0; i < 16; ++i) out[i] = Type::half_scale(b[i / 4].d[i % 4]);
  }
  template <int kStepIdx>
  HEARTH_INLINE static __m256i codes(const Type::Block* b) {
    return look_up(&quant::kE2m1Doubled[0],
                   nibbles_of_halves(b[kStepIdx / 2].qs + 16 * (kStepIdx % 2)));
  }
};

struct UnpackQ2_K {
  using Type = quant::Q2_K;
  static constexpr bool kSigned = false;
  static constexpr int kOffset = 0;
  HEARTH_INLINE static void scales(const Type::Block* b, float* out) {
    const float d = _cvtsh_ss(b->d);
    for (int g = 0; g < 16; ++g) out[g] = d * float(b->sm[g] & 15);
  }
  HEARTH_INLINE static void mins(const Type::Block* b, float* out) {
    const float dmin = _cvtsh_ss(b->dmin);
    for (int g = 0; g < 16; ++g) out[g] = dmin * float(b->sm[g] >> 4);
  }
  template <int kStepIdx>
  HEARTH_INLINE static __m256i codes(const Type::Block* b) {
    return bit_pairs<2 * (kStepIdx % 4)>(b->qs + 32 * (kStepIdx / 4));
  }
};

struct UnpackQ3_K {
  using Type = quant::Q3_K;
  static constexpr bool kSigned = false;
  static constexpr int kOffset = 4;
  HEARTH_INLINE static void scales(const Type::Block* b, float* out) {
    const float d = _cvtsh_ss(b->d);
    for (int g = 0; g < 16; ++g) {
      const int low = (b->scales[g % 8] >> (4 * (g / 8))) & 15;
      const int high = (b->scales[8 + g % 4] >> (2 * (g / 4))) & 3;
      out[g] = d * float((low | (high << 4)) - 32);
    }
  }
  template <int kStepIdx>
  HEARTH_INLINE static __m256i codes(const Type::Block* b) {
    const __m256i mask = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b->hmask));
    const __m256i bit = _mm256_and_si256(_mm256_srli_epi16(mask, kStepIdx), _mm256_set1_epi8(1));
    const __m256i low = bit_pairs<2 * (kStepIdx % 4)>(b->qs + 32 * (kStepIdx / 4));
    return _mm256_or_si256(low, _mm256_slli_epi16(bit, 2));
  }
};

template <class U>
struct LoadX86 {
  using Type = typename U::Type;
  static constexpr int kOffset = kWideOffset<U>;
  const typename Type::Block* b;
  float scale[256 / Type::kGroup];
  float min[Type::kHasMin ? 256 / Type::kGroup : 1];
  HEARTH_INLINE void begin(const typename Type::Block* block) {
    b = block;
    U::scales(b, scale);
    if constexpr (Type::kHasMin) U::mins(b, min);
  }
  HEARTH_INLINE auto scales() const { return load_weight_scales<Type::kGroup>(scale); }
  HEARTH_INLINE M mins(int i) const { return load_mins(min + 8 * i); }
  template <int kStepIdx>
  HEARTH_INLINE auto codes() const {
    return wide_codes<U, kStepIdx>(b);
  }
};

static void add_fused_x86(KernelTable& t) {
  add_fused<LoadX86<UnpackQ4_1>>(t);
  add_fused<LoadX86<UnpackQ5_0>>(t);
  add_fused<LoadX86<UnpackQ5_1>>(t);
  add_fused<LoadX86<UnpackQ2_K>>(t);
  add_fused<LoadX86<UnpackQ3_K>>(t);
  add_fused<LoadX86<UnpackIQ4_NL>>(t);
  add_fused<LoadX86<UnpackIQ4_XS>>(t);
  add_fused<LoadX86<UnpackMXFP4>>(t);
  add_fused<LoadX86<UnpackNVFP4>>(t);
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
