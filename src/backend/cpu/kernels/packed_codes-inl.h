// How each packed type (packed.cc) gives its codes and scales to the tile of gemm-inl.h, 16 rows at
// a time.
//
// `codes<u, j>(w, outer)`: weights 4 j .. 4 j + 3 of the group of 32 number outer * kUnroll + u,
// one byte each, of the superblock whose words begin at w. Types that get two such words of one
// look-up have `code_pair<u, l>(w, outer, out)` instead: words 2 l and 2 l + 1. `scales(w, halves,
// s)` fills a PanelScales.

namespace hearth::backend::cpu::HEARTH_ISA {

enum class Mins { kNone, kInt, kFloat };

// What decides how a superblock is summed. The order and rounding of every step follow from it
// alone, so that codes unpacked beforehand give the same bits as codes unpacked in registers.
struct Kind {
  ActForm form;
  int group;        // weights per scale: 16 or 32
  int offset;       // codes are stored with this added
  bool is_signed;   // codes need all of int8
  bool int_scales;  // scales are whole numbers of a scale d: summed exactly, then scaled once
  Mins mins;
  bool scaled =
      false;  // codes have been multiplied by their (whole) scales: offset is kScaledOffset
};
inline constexpr int kScaledOffset = 127;

// Scales of one superblock of 16 rows.
struct alignas(64) PanelScales {
  union {
    float scale[16][kPanelRows];         // of each group; or
    uint32_t int_scale[16][kPanelRows];  // with Kind::int_scales
  };
  union {
    float min[16][kPanelRows];        // Mins::kFloat: added to the result, times the sum
    uint32_t int_min[8][kPanelRows];  // Mins::kInt: of two groups each
  };
  float d[kPanelRows];     // with int_scales
  float dmin[kPanelRows];  // with Mins::kInt
};

template <int i>
HEARTH_INLINE RowsI byte_of(RowsI x) {
  return bits_and(shift<8 * i>(x), 255);
}
// The two low bytes as 16-bit numbers.
HEARTH_INLINE RowsI byte_pair(RowsI x) {
  return bits_or(bits_and(x, 255), bits_and(shift<-8>(x), 255 << 16));
}
// f(integral constant 0), .., f(n - 1).
template <int n, class Fn>
HEARTH_INLINE void unrolled(Fn&& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) HEARTH_INLINE_LAMBDA {
    (f(std::integral_constant<int, i>{}), ...);
  }(std::make_integer_sequence<int, n>{});
}

// Words of codes that S gives at a time.
template <class S>
constexpr int codes_at_once() {
  return requires { S::kPairs; } ? 2 : 1;
}
template <class S, int u, int j, int n>
HEARTH_INLINE void get_codes(const uint32_t* w, int outer, RowsI (&out)[n]) {
  if constexpr (n == 2)
    S::template code_pair<u, j / 2>(w, outer, out);
  else
    out[0] = S::template codes<u, j>(w, outer);
}

// Eight halves from four words.
HEARTH_INLINE void store_halves(const uint32_t* w, float (*out)[kPanelRows]) {
  for (int i = 0; i < 4; ++i) {
    const RowsI x = load_rows(w + i * kPanelRows);
    store_rows(out[2 * i], low_f16(x));
    store_rows(out[2 * i + 1], low_f16(shift<16>(x)));
  }
}

// Group outer * 2 + u of nibbles paired as in Q4_K; `w` is at the nibbles.
template <int u>
HEARTH_INLINE RowsI nibbles(const uint32_t* w, int outer, int j) {
  return bits_and(shift<4 * u>(load_rows(w + (outer * 8 + j) * kPanelRows)), 0x0f0f0f0f);
}
// Bit `from` of every byte, moved to bit `to`.
template <int from, int to>
HEARTH_INLINE RowsI bit_of(RowsI plane) {
  return bits_and(shift<from - to>(plane), 0x01010101u << to);
}

// --- blocks of 32 with a half for a scale ---

template <class T, int kCodesOffset>
struct HalfScaled {
  using Type = T;
  static constexpr bool kMin = T::kHasMin;
  static constexpr Kind kKind{
      kActFormOf<Type>, 32, kCodesOffset, false, false, kMin ? Mins::kFloat : Mins::kNone};
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t*, PanelScales& s) {
    store_halves(w, s.scale);
    if constexpr (kMin) store_halves(w + 4 * kPanelRows, s.min);
  }
  static constexpr int kScaleWords = kMin ? 8 : 4;
};

template <class T, int kCodesOffset>
struct CodesNibble : HalfScaled<T, kCodesOffset> {
  static constexpr int kUnroll = 2;
  static constexpr int kWords = HalfScaled<T, kCodesOffset>::kScaleWords + 32;
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer) {
    return nibbles<u>(w + HalfScaled<T, kCodesOffset>::kScaleWords * kPanelRows, outer, j);
  }
};
using CodesQ4_0 = CodesNibble<quant::Q4_0, 8>;
using CodesQ4_1 = CodesNibble<quant::Q4_1, 0>;

template <class T, int kCodesOffset>
struct CodesNibbleAndBit : HalfScaled<T, kCodesOffset> {
  static constexpr int kUnroll = 8;
  static constexpr int kPlane = HalfScaled<T, kCodesOffset>::kScaleWords;
  static constexpr int kWords = kPlane + 8 + 32;
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int /*outer*/) {
    const RowsI fifth = bit_of<u, 4>(load_rows(w + (kPlane + j) * kPanelRows));
    return bits_or(nibbles<u % 2>(w + (kPlane + 8) * kPanelRows, u / 2, j), fifth);
  }
};
using CodesQ5_0 = CodesNibbleAndBit<quant::Q5_0, 16>;
using CodesQ5_1 = CodesNibbleAndBit<quant::Q5_1, 0>;

struct CodesQ8_0 {
  using Type = quant::Q8_0;
  static constexpr Kind kKind{kActFormOf<Type>, 32, kSignedOffset, true, false, Mins::kNone};
  static constexpr int kUnroll = 1;
  static constexpr int kWords = 68;
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t*, PanelScales& s) {
    store_halves(w, s.scale);
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer) {
    return signed_codes(load_rows(w + (4 + outer * 8 + j) * kPanelRows));
  }
};

struct CodesIQ4_NL {
  using Type = quant::IQ4_NL;
  static constexpr Kind kKind{kActFormOf<Type>, 32, kSignedOffset, true, false, Mins::kNone};
  static constexpr int kUnroll = 2;
  static constexpr int kWords = 36;
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t*, PanelScales& s) {
    store_halves(w, s.scale);
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer) {
    return look_up_signed(&quant::kIq4Levels[0], nibbles<u>(w + 4 * kPanelRows, outer, j));
  }
};

// --- four-bit floats ---

inline constexpr int kE2m1Offset = 12;

struct CodesMXFP4 {
  using Type = quant::MXFP4;
  static constexpr Kind kKind{kActFormOf<Type>, 32, kE2m1Offset, false, false, Mins::kNone};
  static constexpr int kUnroll = 2;
  static constexpr int kWords = 34;
  // See quant::MXFP4::half_scale.
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t*, PanelScales& s) {
    for (int i = 0; i < 2; ++i) {
      const RowsI four = load_rows(w + i * kPanelRows);
      unrolled<4>([&](auto b) {
        const RowsI e = byte_of<b>(four);
        const RowsI is_0 = equal_mask(e, 0);
        const RowsI tiny =
            bits_or(bits_and(is_0, 0x00200000), bits_and(equal_mask(e, 1), 0x00400000));
        const RowsI normal = bits_clear(shift<-23>(add(e, all_rows(-1))), is_0);
        store_rows(s.scale[4 * i + b], as_float(bits_or(normal, tiny)));
      });
    }
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer) {
    return look_up_unsigned(&quant::kE2m1Doubled[0], kE2m1Offset,
                            nibbles<u>(w + 2 * kPanelRows, outer, j));
  }
};

struct CodesNVFP4 {
  using Type = quant::NVFP4;
  static constexpr Kind kKind{kActFormOf<Type>, 16, kE2m1Offset, false, false, Mins::kNone};
  static constexpr int kUnroll = 2;
  static constexpr int kWords = 36;
  // See quant::NVFP4::half_scale.
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t*, PanelScales& s) {
    for (int i = 0; i < 4; ++i) {
      const RowsI four = load_rows(w + i * kPanelRows);
      unrolled<4>([&](auto b) {
        RowsI code = bits_and(shift<8 * b>(four), 0x7f);
        code = bits_clear(code, equal_mask(code, 0x7f));
        store_rows(s.scale[4 * i + b], mul(low_f16(shift<-7>(code)), all_rows(128.0f)));
      });
    }
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer) {
    return look_up_unsigned(&quant::kE2m1Doubled[0], kE2m1Offset,
                            nibbles<u>(w + 4 * kPanelRows, outer, j));
  }
};

// --- K-quants ---

// d and dmin in one word, 8 scales and 8 minima of 6 bits in three (quant::unpack_k_scales).
HEARTH_INLINE void store_k_scales(const uint32_t* w, PanelScales& s) {
  const RowsI both = load_rows(w);
  const RowsI w0 = load_rows(w + kPanelRows);
  const RowsI w1 = load_rows(w + 2 * kPanelRows);
  const RowsI w2 = load_rows(w + 3 * kPanelRows);
  const RowsF d = low_f16(both);
  store_rows(s.dmin, low_f16(shift<16>(both)));
  const RowsI scale[2] = {bits_and(w0, 0x3f3f3f3f),
                          bits_or(bits_and(w2, 0x0f0f0f0f), bits_and(shift<2>(w0), 0x30303030))};
  const RowsI min[2] = {bits_and(w1, 0x3f3f3f3f), bits_or(bits_and(shift<4>(w2), 0x0f0f0f0f),
                                                          bits_and(shift<2>(w1), 0x30303030))};
  for (int i = 0; i < 2; ++i) {
    unrolled<4>(
        [&](auto b) { store_rows(s.scale[4 * i + b], mul(d, to_float(byte_of<b>(scale[i])))); });
    store_rows(s.int_min[2 * i], byte_pair(min[i]));
    store_rows(s.int_min[2 * i + 1], byte_pair(shift<16>(min[i])));
  }
}

struct CodesQ4_K {
  using Type = quant::Q4_K;
  static constexpr Kind kKind{kActFormOf<Type>, 32, 0, false, false, Mins::kInt};
  static constexpr int kUnroll = 2;
  static constexpr int kWords = 36;
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t*, PanelScales& s) {
    store_k_scales(w, s);
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer) {
    return nibbles<u>(w + 4 * kPanelRows, outer, j);
  }
};

struct CodesQ5_K {
  using Type = quant::Q5_K;
  static constexpr Kind kKind{kActFormOf<Type>, 32, 0, false, false, Mins::kInt};
  static constexpr int kUnroll = 8;
  static constexpr int kWords = 44;
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t*, PanelScales& s) {
    store_k_scales(w, s);
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int /*outer*/) {
    const RowsI fifth = bit_of<u, 4>(load_rows(w + (4 + j) * kPanelRows));
    return bits_or(nibbles<u % 2>(w + 12 * kPanelRows, u / 2, j), fifth);
  }
};

// [low nibbles: per half of 128, parts 0 and 1, with parts 2 and 3 above][two high bits: per half,
// four parts][16 scales of 8 bits]
struct CodesQ6_K {
  using Type = quant::Q6_K;
  static constexpr Kind kKind{kActFormOf<Type>, 16, 32, false, false, Mins::kNone};
  static constexpr int kUnroll = 4;
  static constexpr int kWords = 52;
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t* halves, PanelScales& s) {
    const RowsF d = f16_rows(halves);
    for (int i = 0; i < 4; ++i) {
      const RowsI four = load_rows(w + (48 + i) * kPanelRows);
      unrolled<4>(
          [&](auto b) { store_rows(s.scale[4 * i + b], mul(d, to_float(signed_byte<b>(four)))); });
    }
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer) {
    const RowsI low = load_rows(w + (outer * 16 + u % 2 * 8 + j) * kPanelRows);
    const RowsI high = load_rows(w + (32 + outer * 8 + j) * kPanelRows);
    return bits_or(bits_and(shift<u / 2 * 4>(low), 0x0f0f0f0f),
                   bits_and(shift<2 * u - 4>(high), 0x30303030));
  }
};

// Two bits of part u of a half of 128.
template <int u>
HEARTH_INLINE RowsI bit_pairs(const uint32_t* w, int outer, int j) {
  return bits_and(shift<2 * u>(load_rows(w + (outer * 8 + j) * kPanelRows)), 0x03030303);
}

struct CodesQ2_K {
  using Type = quant::Q2_K;
  static constexpr Kind kKind{kActFormOf<Type>, 16, 0, false, true, Mins::kInt};
  static constexpr int kUnroll = 4;
  static constexpr int kWords = 21;
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t*, PanelScales& s) {
    const RowsI both = load_rows(w + 20 * kPanelRows);
    store_rows(s.d, low_f16(both));
    store_rows(s.dmin, low_f16(shift<16>(both)));
    for (int i = 0; i < 4; ++i) {
      const RowsI four = load_rows(w + i * kPanelRows);
      unrolled<4>(
          [&](auto b) { store_rows(s.int_scale[4 * i + b], bits_and(shift<8 * b>(four), 15)); });
      const RowsI min = bits_and(shift<4>(four), 0x0f0f0f0f);
      store_rows(s.int_min[2 * i], byte_pair(min));
      store_rows(s.int_min[2 * i + 1], byte_pair(shift<16>(min)));
    }
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer) {
    return bit_pairs<u>(w + 4 * kPanelRows, outer, j);
  }
};

struct CodesQ3_K {
  using Type = quant::Q3_K;
  static constexpr Kind kKind{kActFormOf<Type>, 16, 4, false, true, Mins::kNone};
  static constexpr int kUnroll = 8;
  static constexpr int kWords = 27;
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t* halves, PanelScales& s) {
    store_rows(s.d, f16_rows(halves));
    const RowsI w0 = load_rows(w + 24 * kPanelRows);
    const RowsI w1 = load_rows(w + 25 * kPanelRows);
    const RowsI high = load_rows(w + 26 * kPanelRows);
    unrolled<4>([&](auto i) {
      const RowsI low = bits_and(shift<i / 2 * 4>(i % 2 == 0 ? w0 : w1), 0x0f0f0f0f);
      const RowsI four = bits_or(low, bits_and(shift<2 * i - 4>(high), 0x30303030));
      unrolled<4>([&](auto b) {
        store_rows(s.int_scale[4 * i + b], add(byte_of<b>(four), all_rows(-32)));
      });
    });
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int /*outer*/) {
    return bits_or(bit_pairs<u % 4>(w + 8 * kPanelRows, u / 4, j),
                   bit_of<u, 2>(load_rows(w + j * kPanelRows)));
  }
};

// [d and the high bits of the scales][their low nibbles][nibbles]
struct CodesIQ4_XS {
  using Type = quant::IQ4_XS;
  static constexpr Kind kKind{kActFormOf<Type>, 32, kSignedOffset, true, false, Mins::kNone};
  static constexpr int kUnroll = 2;
  static constexpr int kWords = 34;
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t*, PanelScales& s) {
    const RowsI first = load_rows(w);
    const RowsI low = load_rows(w + kPanelRows);
    const RowsF d = low_f16(first);
    unrolled<8>([&](auto g) {
      const RowsI scale =
          bits_or(bits_and(shift<4 * g>(low), 15), bits_and(shift<12 + 2 * g>(first), 0x30));
      store_rows(s.scale[g], mul(d, to_float(add(scale, all_rows(-32)))));
    });
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer) {
    return look_up_signed(&quant::kIq4Levels[0], nibbles<u>(w + 2 * kPanelRows, outer, j));
  }
};

}  // namespace hearth::backend::cpu::HEARTH_ISA
