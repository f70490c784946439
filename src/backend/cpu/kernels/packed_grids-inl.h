// What packed_codes-inl.h is, for types whose codes are indices into a codebook (IQ1, IQ2, IQ3),
// and for those of one and two bits and of ternary digits.
//
// An index fetches an entry's digits (quant/iq_grid.h) for 16 rows; a bit for the sign is put above
// each digit, and one look-up in 16 bytes makes the weight of both.

namespace hearth::backend::cpu::HEARTH_ISA {

// Weights are -62 .. 62, made unsigned: AVX2 has no dot product of signed bytes.
inline constexpr int kGridOffset = 64;

// `words` of signs as WordsIQ2_XXS has them, with the eighth sign of each entry (bit 28 + l) put
// in: the number of minus signs is even.
HEARTH_INLINE RowsI all_signs(RowsI word) {
  const RowsI known = bits_and(word, 0x0fffffff);
  RowsI odd = bits_xor(known, shift<4>(known));
  odd = bits_xor(odd, shift<16>(odd));
  odd = bits_xor(odd, shift<8>(odd));
  return bits_or(known, shift<-28>(odd));
}

// The two code words of an entry of eight digits with their signs.
HEARTH_INLINE void look_up_digits(const quant::Table<int8_t, 16>& levels, RowsI digits,
                                  RowsI (&out)[2]) {
  out[0] = look_up_unsigned(&levels[0], kGridOffset, bits_and(digits, 0x0f0f0f0f));
  out[1] = look_up_unsigned(&levels[0], kGridOffset, bits_and(shift<4>(digits), 0x0f0f0f0f));
}

// Index i of four bytes.
template <int i>
HEARTH_INLINE RowsI index_byte(RowsI word) {
  if constexpr (i == 3)
    return shift<24>(word);
  else
    return byte_of<i>(word);
}

// s.scale[i] = d * factor * (2 * code + 1), code the 4 bits at bit 4 i of `words` [n / 8][16 rows].
template <int n>
HEARTH_INLINE void store_odd_scales(const uint32_t* words, RowsF d, PanelScales& s) {
  for (int i = 0; i < n / 8; ++i) {
    const RowsI eight = load_rows(words + i * kPanelRows);
    unrolled<8>([&](auto b) {
      const RowsI code = bits_or(bits_and(shift<4 * b - 1>(eight), 30), all_rows(1));
      store_rows(s.scale[8 * i + b], mul(d, to_float(code)));
    });
  }
}

// The same from the top 4 bits of 8 words.
HEARTH_INLINE void store_top_scales(const uint32_t* words, RowsF d, PanelScales& s) {
  for (int g = 0; g < 8; ++g) {
    const RowsI code =
        bits_or(bits_and(shift<27>(load_rows(words + g * kPanelRows)), 30), all_rows(1));
    store_rows(s.scale[g], mul(d, to_float(code)));
  }
}

template <class T>
struct Grid {
  using Type = T;
  static constexpr Kind kKind{kActFormOf<Type>, Type::kGroup, kGridOffset, false, false,
                              Mins::kNone};
  static constexpr bool kDear = true;
};
template <class T>
struct PairGrid : Grid<T> {
  static constexpr bool kPairs = true;
};

struct CodesIQ2_XXS : PairGrid<quant::IQ2_XXS> {
  static constexpr int kUnroll = 1;
  static constexpr int kWords = 16;
  // d (s + 1/2) / 4
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t* halves, PanelScales& s) {
    store_top_scales(w + 8 * kPanelRows, mul(f16_rows(halves), all_rows(0.125f)), s);
  }
  template <int u, int l>
  HEARTH_INLINE static void code_pair(const uint32_t* w, int g, RowsI (&out)[2]) {
    const RowsI index = index_byte<l>(load_rows(w + g * kPanelRows));
    const RowsI signs = all_signs(load_rows(w + (8 + g) * kPanelRows));
    look_up_digits(
        quant::kLevelsIq2,
        bits_or(fetch(&quant::kDigitsIq2Xxs[0], index), bits_and(shift<l - 3>(signs), 0x88888888)),
        out);
  }
};

struct CodesIQ2_XS : PairGrid<quant::IQ2_XS> {
  static constexpr int kUnroll = 1;
  static constexpr int kWords = 18;
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t* halves, PanelScales& s) {
    store_odd_scales<16>(w + 16 * kPanelRows, mul(f16_rows(halves), all_rows(0.125f)), s);
  }
  template <int u, int l>
  HEARTH_INLINE static void code_pair(const uint32_t* w, int g, RowsI (&out)[2]) {
    const RowsI word = load_rows(w + (8 + g) * kPanelRows);
    const RowsI index =
        bits_or(index_byte<l>(load_rows(w + g * kPanelRows)), bits_and(shift<20 + l>(word), 0x100));
    look_up_digits(quant::kLevelsIq2,
                   bits_or(fetch(&quant::kDigitsIq2Xs[0], index),
                           bits_and(shift<l - 3>(all_signs(word)), 0x88888888)),
                   out);
  }
};

struct CodesIQ2_S : PairGrid<quant::IQ2_S> {
  static constexpr int kUnroll = 4;
  static constexpr int kWords = 20;
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t* halves, PanelScales& s) {
    store_odd_scales<16>(w + 18 * kPanelRows, mul(f16_rows(halves), all_rows(0.125f)), s);
  }
  template <int u, int l>
  HEARTH_INLINE static void code_pair(const uint32_t* w, int outer, RowsI (&out)[2]) {
    const int g = 4 * outer + u;
    const RowsI high = load_rows(w + (16 + outer) * kPanelRows);
    const RowsI index = bits_or(index_byte<l>(load_rows(w + g * kPanelRows)),
                                bits_and(shift<8 * u + 2 * l - 8>(high), 0x300));
    const RowsI signs = load_rows(w + (8 + g) * kPanelRows);
    look_up_digits(
        quant::kLevelsIq2,
        bits_or(fetch(&quant::kDigitsIq2S[0], index), bits_and(shift<l - 3>(signs), 0x88888888)),
        out);
  }
};

// Four digits of code word j and their signs.
template <int j>
HEARTH_INLINE RowsI four_digits(const quant::Table<int8_t, 16>& levels, RowsI digits, RowsI signs) {
  return look_up_unsigned(&levels[0], kGridOffset,
                          bits_or(digits, bit_of<j / 2 + j % 2 * 4, 3>(signs)));
}

struct CodesIQ3_XXS : Grid<quant::IQ3_XXS> {
  static constexpr int kUnroll = 1;
  static constexpr int kWords = 24;
  // d (s + 1/2) / 2
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t* halves, PanelScales& s) {
    store_top_scales(w + 16 * kPanelRows, mul(f16_rows(halves), all_rows(0.25f)), s);
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int g) {
    const RowsI index = index_byte<j % 4>(load_rows(w + (2 * g + j / 4) * kPanelRows));
    const RowsI signs = all_signs(load_rows(w + (16 + g) * kPanelRows));
    return four_digits<j>(quant::kLevelsIq3Xxs, fetch(&quant::kDigitsIq3Xxs[0], index), signs);
  }
};

struct CodesIQ3_S : Grid<quant::IQ3_S> {
  static constexpr int kUnroll = 4;
  static constexpr int kWords = 27;
  // d (2 s + 1)
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t* halves, PanelScales& s) {
    store_odd_scales<8>(w + 26 * kPanelRows, f16_rows(halves), s);
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer) {
    const int g = 4 * outer + u;
    const RowsI high = load_rows(w + (24 + outer) * kPanelRows);
    const RowsI index = bits_or(index_byte<j % 4>(load_rows(w + (2 * g + j / 4) * kPanelRows)),
                                bits_and(shift<8 * u + j - 8>(high), 0x100));
    const RowsI signs = load_rows(w + (16 + g) * kPanelRows);
    return four_digits<j>(quant::kLevelsIq3S, fetch(&quant::kDigitsIq3S[0], index), signs);
  }
};

// Entry l of group 2 outer + u: low bytes of the indices at w, their top 3 bits at bit
// 16 u + kStep l of `high`. `minus`: all ones where the entry is shifted down.
template <int kStep, int u, int l>
HEARTH_INLINE void shifted_entry(const uint32_t* w, int outer, RowsI high, RowsI minus,
                                 RowsI (&out)[2]) {
  const RowsI index = bits_or(index_byte<l>(load_rows(w + (2 * outer + u) * kPanelRows)),
                              bits_and(shift<16 * u + kStep * l - 8>(high), 0x700));
  look_up_digits(quant::kLevelsIq1,
                 bits_or(fetch(&quant::kDigitsIq1[0], index), bits_and(minus, 0x88888888)), out);
}

struct CodesIQ1_S : PairGrid<quant::IQ1_S> {
  static constexpr int kUnroll = 2;
  static constexpr int kWords = 12;
  // d (2 s + 1) / 8
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t* halves, PanelScales& s) {
    const RowsF d = mul(f16_rows(halves), all_rows(0.125f));
    for (int i = 0; i < 4; ++i) {
      const RowsI two = load_rows(w + (8 + i) * kPanelRows);
      unrolled<2>([&](auto b) {
        const RowsI code = bits_or(bits_and(shift<16 * b + 11>(two), 14), all_rows(1));
        store_rows(s.scale[2 * i + b], mul(d, to_float(code)));
      });
    }
  }
  template <int u, int l>
  HEARTH_INLINE static void code_pair(const uint32_t* w, int outer, RowsI (&out)[2]) {
    const RowsI high = load_rows(w + (8 + outer) * kPanelRows);
    shifted_entry<3, u, l>(w, outer, high, mask_of_bit<16 * u + 15>(high), out);
  }
};

struct CodesIQ1_M : PairGrid<quant::IQ1_M> {
  static constexpr int kUnroll = 2;
  static constexpr int kWords = 14;
  // d (2 s + 1) / 8, four scales of 3 bits and a nibble of d in 16 bits
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t*, PanelScales& s) {
    const RowsI w0 = load_rows(w + 12 * kPanelRows);
    const RowsI w1 = load_rows(w + 13 * kPanelRows);
    const RowsI low = bits_or(bits_and(shift<12>(w0), 0xf), bits_and(shift<24>(w0), 0xf0));
    const RowsI high = bits_or(bits_and(shift<4>(w1), 0xf00), bits_and(shift<16>(w1), 0xf000));
    const RowsF d = mul(low_f16(bits_or(low, high)), all_rows(0.125f));
    unrolled<16>([&](auto i) {
      constexpr int at = i % 8 / 4 * 16 + i % 4 * 3;
      const RowsI code = bits_or(bits_and(shift<at - 1>(i < 8 ? w0 : w1), 14), all_rows(1));
      store_rows(s.scale[i], mul(d, to_float(code)));
    });
  }
  template <int u, int l>
  HEARTH_INLINE static void code_pair(const uint32_t* w, int outer, RowsI (&out)[2]) {
    const RowsI high = load_rows(w + (8 + outer) * kPanelRows);
    shifted_entry<4, u, l>(w, outer, high, mask_of_bit<16 * u + 4 * l + 3>(high), out);
  }
};

// --- one and two bits, ternary digits ---

template <class T>
struct Small {
  using Type = T;
  static constexpr Kind kKind{kActFormOf<Type>, 32, 1, false, false, Mins::kNone};
};

HEARTH_INLINE void store_one_scale(const uint16_t* halves, PanelScales& s) {
  const RowsF d = f16_rows(halves);
  for (int g = 0; g < 8; ++g) store_rows(s.scale[g], d);
}

struct CodesTQ2_0 : Small<quant::TQ2_0> {
  static constexpr int kUnroll = 4;
  static constexpr int kWords = 16;
  HEARTH_INLINE static void scales(const uint32_t*, const uint16_t* halves, PanelScales& s) {
    store_one_scale(halves, s);
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer) {
    return bit_pairs<u>(w, outer, j);
  }
};

// Digit n of each byte: the integer part of 3 * frac(byte * 3^n / 256). The products of two bytes
// stand in 16 bits each.
template <int n>
HEARTH_INLINE RowsI ternary_digits(RowsI bytes) {
  constexpr int kPowers[] = {1, 3, 9, 27, 81};
  RowsI even = bits_and(bytes, 0x00ff00ff);
  RowsI odd = bits_and(shift<8>(bytes), 0x00ff00ff);
  if constexpr (n > 0) {
    even = bits_and(mul16(even, kPowers[n]), 0x00ff00ff);
    odd = bits_and(mul16(odd, kPowers[n]), 0x00ff00ff);
  }
  return bits_or(bits_and(shift<8>(mul16(even, 3)), 0x00030003),
                 bits_and(mul16(odd, 3), 0x03000300));
}

struct CodesTQ1_0 : Small<quant::TQ1_0> {
  static constexpr bool kDear = true;
  static constexpr int kUnroll = 8;
  static constexpr int kWords = 13;
  HEARTH_INLINE static void scales(const uint32_t*, const uint16_t* halves, PanelScales& s) {
    store_one_scale(halves, s);
  }
  // 5 runs of 32 weights from words 0 .. 7, 5 of 16 from words 8 .. 11, 4 of 4 from word 12.
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int /*outer*/) {
    constexpr int i = 8 * u + j;  // of the superblock's 64 code words
    constexpr int word = i < 40 ? j : i < 60 ? 8 + i % 4 : 12;
    constexpr int n = i < 40 ? u : i < 60 ? (i - 40) / 4 : i - 60;
    return ternary_digits<n>(load_rows(w + word * kPanelRows));
  }
};

struct CodesQ1_0 : Small<quant::Q1_0> {
  static constexpr int kUnroll = 1;
  static constexpr int kWords = 9;
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t*, PanelScales& s) {
    const RowsI both = load_rows(w);
    for (int g = 0; g < 8; ++g) store_rows(s.scale[g], low_f16(g < 4 ? both : shift<16>(both)));
  }
  // Twice the bit: with the offset, -1 or 1.
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int g) {
    return bit_of<j / 2 + j % 2 * 4, 1>(load_rows(w + (1 + g) * kPanelRows));
  }
};

struct CodesQ2_0 : Small<quant::Q2_0> {
  static constexpr int kUnroll = 1;
  static constexpr int kWords = 18;
  HEARTH_INLINE static void scales(const uint32_t* w, const uint16_t*, PanelScales& s) {
    for (int i = 0; i < 4; ++i) {
      const RowsI both = load_rows(w + i / 2 * kPanelRows);
      const RowsF d = low_f16(i % 2 == 0 ? both : shift<16>(both));
      for (int g = 0; g < 2; ++g) store_rows(s.scale[2 * i + g], d);
    }
  }
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int g) {
    return bits_and(shift<j % 4 * 2>(load_rows(w + (2 + 2 * g + j / 4) * kPanelRows)), 0x03030303);
  }
};

}  // namespace hearth::backend::cpu::HEARTH_ISA
