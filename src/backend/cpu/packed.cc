#include "backend/cpu/packed.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/checked.h"

namespace hearth::backend::cpu {
namespace {

using namespace quant;

// Each `Words` names the words of 256 weights of one row, in order, and makes them of the file's
// blocks. words_of(n): how many of them the first n weights need. kInPlace: the first of a row's
// bytes in the file are these words already.
//
// Nibbles stand as in Q4_K: of 64 weights, byte i holds weight i low and weight i + 32 high. Types
// that pair their nibbles otherwise are re-paired here, so that all of them share one kernel.

// The file's own order: the first kWords * 4 bytes of the block.
template <class T, int kWordsOfRow>
struct SameWords {
  using Type = T;
  static constexpr int kWords = kWordsOfRow;
  static constexpr bool kHalf = sizeof(typename T::Block) > size_t(kWords) * 4;
  static constexpr int words_of(int) { return kWords; }
  static constexpr bool kInPlace = true;
  static void make(const typename T::Block* b, uint32_t* words, uint16_t* half) {
    std::memcpy(words, b, size_t(kWords) * 4);
    if constexpr (kHalf) *half = b->d;
  }
};

// Words of the nibbles of n weights: eight for each 64, begun or whole.
constexpr int nibble_words(int n) { return (n + 63) / 64 * 8; }

// words[32] from 256 codes of 4 bits, one a byte.
void pair_nibbles(const uint8_t* codes, uint32_t* words) {
  std::array<uint8_t, 128> bytes;
  for (size_t chunk = 0; chunk < 4; ++chunk)
    for (size_t i = 0; i < 32; ++i)
      bytes[32 * chunk + i] = uint8_t(codes[64 * chunk + i] | (codes[64 * chunk + 32 + i] << 4));
  std::memcpy(words, bytes.data(), bytes.size());
}

// Codes of a run of 2 n weights whose byte i holds weight i low and weight i + n high.
void split_nibbles(const uint8_t* bytes, int n, uint8_t* codes) {
  for (int i = 0; i < n; ++i) {
    codes[i] = bytes[i] & 15;
    codes[n + i] = bytes[i] >> 4;
  }
}

// Blocks of 32 with nibbles: [d: 8 halves][m: 8 halves if any][fifth bits: byte i, bit g = weight i
// of block g, if any][nibbles].
template <class T>
struct Blocks32 {
  using Type = T;
  using Block = typename T::Block;
  static constexpr bool kMin = requires(Block b) { b.m; };
  static constexpr bool kFifth = requires(Block b) { b.qh; };
  static constexpr int kWords = 4 + (kMin ? 4 : 0) + (kFifth ? 8 : 0) + 32;
  static constexpr bool kHalf = false;
  static constexpr int words_of(int n) { return kFifth ? kWords : kWords - 32 + nibble_words(n); }
  static constexpr bool kInPlace = false;
  static void make(const Block* b, uint32_t* words, uint16_t*) {
    std::array<uint16_t, 8> halves;
    for (size_t g = 0; g < 8; ++g) halves[g] = b[g].d;
    std::memcpy(words, halves.data(), 16);
    words += 4;
    if constexpr (kMin) {
      for (size_t g = 0; g < 8; ++g) halves[g] = b[g].m;
      std::memcpy(words, halves.data(), 16);
      words += 4;
    }
    if constexpr (kFifth) {
      std::array<uint8_t, 32> planes{};
      for (size_t g = 0; g < 8; ++g)
        for (size_t i = 0; i < 32; ++i)
          planes[i] = uint8_t(planes[i] | (((b[g].qh[i / 8] >> (i % 8)) & 1) << g));
      std::memcpy(words, planes.data(), 32);
      words += 8;
    }
    std::array<uint8_t, 256> codes;
    for (size_t g = 0; g < 8; ++g) split_nibbles(b[g].qs, 16, codes.data() + 32 * g);
    pair_nibbles(codes.data(), words);
  }
};

// [d: 8 halves][256 signed bytes]
struct WordsQ8_0 {
  using Type = Q8_0;
  static constexpr int kWords = 4 + 64;
  static constexpr bool kHalf = false;
  static constexpr int words_of(int n) { return 4 + (n + 3) / 4; }
  static constexpr bool kInPlace = false;
  static void make(const Q8_0::Block* b, uint32_t* words, uint16_t*) {
    for (size_t g = 0; g < 8; ++g) {
      std::memcpy(reinterpret_cast<std::byte*>(words) + 2 * g, &b[g].d, 2);
      std::memcpy(words + 4 + 8 * g, b[g].qs, 32);
    }
  }
};

// [d, scales_h][scales_l][nibbles]
struct WordsIQ4_XS {
  using Type = IQ4_XS;
  static constexpr int kWords = 2 + 32;
  static constexpr bool kHalf = false;
  static constexpr int words_of(int n) { return 2 + nibble_words(n); }
  static constexpr bool kInPlace = false;
  static void make(const IQ4_XS::Block* b, uint32_t* words, uint16_t*) {
    std::memcpy(words, b, 8);
    std::array<uint8_t, 256> codes;
    for (size_t g = 0; g < 8; ++g) split_nibbles(b->qs + 16 * g, 16, codes.data() + 32 * g);
    pair_nibbles(codes.data(), words + 2);
  }
};

// [8 exponents][nibbles]
struct WordsMXFP4 {
  using Type = MXFP4;
  static constexpr int kWords = 2 + 32;
  static constexpr bool kHalf = false;
  static constexpr int words_of(int n) { return 2 + nibble_words(n); }
  static constexpr bool kInPlace = false;
  static void make(const MXFP4::Block* b, uint32_t* words, uint16_t*) {
    std::array<uint8_t, 256> codes;
    for (size_t g = 0; g < 8; ++g) {
      std::memcpy(reinterpret_cast<std::byte*>(words) + g, &b[g].e, 1);
      split_nibbles(b[g].qs, 16, codes.data() + 32 * g);
    }
    pair_nibbles(codes.data(), words + 2);
  }
};

// [16 scales][nibbles]
struct WordsNVFP4 {
  using Type = NVFP4;
  static constexpr int kWords = 4 + 32;
  static constexpr bool kHalf = false;
  static constexpr int words_of(int n) { return 4 + nibble_words(n); }
  static constexpr bool kInPlace = false;
  static void make(const NVFP4::Block* b, uint32_t* words, uint16_t*) {
    std::array<uint8_t, 256> codes;
    for (size_t i = 0; i < 4; ++i) {
      std::memcpy(words + i, b[i].d, 4);
      for (size_t s = 0; s < 4; ++s)
        split_nibbles(b[i].qs + 8 * s, 8, codes.data() + 64 * i + 16 * s);
    }
    pair_nibbles(codes.data(), words + 4);
  }
};

// --- indices into codebooks, signs, bits ---

// Exchanges the bits at `mask` with those `by` above them.
constexpr uint32_t swap_bits(uint32_t x, int by, uint32_t mask) {
  const uint32_t differ = (x ^ (x >> by)) & mask;
  return x ^ differ ^ (differ << by);
}

// A bit of each of 32 weights (weight w at bit w), so that bytes are as far apart as the bytes of a
// code word: weight 8 l + 4 h + i goes to bit l + 4 h of byte i.
constexpr uint32_t spread_bits(uint32_t x) {
  return swap_bits(swap_bits(x, 7, 0x00aa00aa), 14, 0x0000cccc);
}

// Two bits of each of 16 weights: weight 4 j + i goes to bits 2 j of byte i.
constexpr uint32_t spread_bit_pairs(uint32_t x) {
  return swap_bits(swap_bits(x, 6, 0x00cc00cc), 12, 0x0000f0f0);
}

// Four 7-bit sign codes: the eighth sign of each follows from the others, and bit l of `extra`
// stands in its place: bits 28 .. 31 of the word.
constexpr uint32_t spread_codes7(uint32_t codes, uint32_t extra) {
  uint32_t signs = 0;
  for (int l = 0; l < 4; ++l)
    signs |= (((codes >> (7 * l)) & 127) | (((extra >> l) & 1) << 7)) << (8 * l);
  return spread_bits(signs);
}

uint32_t word_at(const uint8_t* bytes) {
  uint32_t word;
  std::memcpy(&word, bytes, 4);
  return word;
}

// [per group of 32: four indices][per group: signs, the scale in bits 28 .. 31]
struct WordsIQ2_XXS {
  using Type = IQ2_XXS;
  static constexpr int kWords = 8 + 8;
  static constexpr bool kHalf = true;
  static constexpr int words_of(int) { return kWords; }
  static constexpr bool kInPlace = false;
  static void make(const IQ2_XXS::Block* b, uint32_t* words, uint16_t* half) {
    *half = b->d;
    for (int g = 0; g < 8; ++g) {
      words[g] = word_at(b->groups + 8 * g);
      const uint32_t signs_scale = word_at(b->groups + 8 * g + 4);
      words[8 + g] = spread_codes7(signs_scale, signs_scale >> 28);
    }
  }
};

// [per group of 32: low bytes of four indices][per group: signs, the indices' top bits in bits
// 28 .. 31][16 scales of 4 bits]
struct WordsIQ2_XS {
  using Type = IQ2_XS;
  static constexpr int kWords = 8 + 8 + 2;
  static constexpr bool kHalf = true;
  static constexpr int words_of(int) { return kWords; }
  static constexpr bool kInPlace = false;
  static void make(const IQ2_XS::Block* b, uint32_t* words, uint16_t* half) {
    *half = b->d;
    for (int g = 0; g < 8; ++g) {
      uint32_t low = 0;
      uint32_t high = 0;
      uint32_t codes = 0;
      for (int l = 0; l < 4; ++l) {
        const uint32_t q = b->qs[4 * g + l];
        low |= (q & 255) << (8 * l);
        high |= ((q >> 8) & 1) << l;
        codes |= (q >> 9) << (7 * l);
      }
      words[g] = low;
      words[8 + g] = spread_codes7(codes, high);
    }
    std::memcpy(words + 16, b->scales, 8);
  }
};

// [low bytes of 32 indices][per group of 32: signs][the indices' top bits][16 scales of 4 bits]
struct WordsIQ2_S {
  using Type = IQ2_S;
  static constexpr int kWords = 8 + 8 + 2 + 2;
  static constexpr bool kHalf = true;
  static constexpr int words_of(int) { return kWords; }
  static constexpr bool kInPlace = false;
  static void make(const IQ2_S::Block* b, uint32_t* words, uint16_t* half) {
    *half = b->d;
    std::memcpy(words, b->qs, 32);
    for (int g = 0; g < 8; ++g) words[8 + g] = spread_bits(word_at(b->signs + 4 * g));
    std::memcpy(words + 16, b->qh, 8);
    std::memcpy(words + 18, b->scales, 8);
  }
};

// [64 indices][per group of 32: signs, the scale in bits 28 .. 31]
struct WordsIQ3_XXS {
  using Type = IQ3_XXS;
  static constexpr int kWords = 16 + 8;
  static constexpr bool kHalf = true;
  static constexpr int words_of(int) { return kWords; }
  static constexpr bool kInPlace = false;
  static void make(const IQ3_XXS::Block* b, uint32_t* words, uint16_t* half) {
    *half = b->d;
    std::memcpy(words, b->qs, 64);
    for (int g = 0; g < 8; ++g) {
      const uint32_t signs_scale = word_at(b->signs_scale + 4 * g);
      words[16 + g] = spread_codes7(signs_scale, signs_scale >> 28);
    }
  }
};

// [low bytes of 64 indices][per group of 32: signs][the indices' top bits][8 scales of 4 bits]
struct WordsIQ3_S {
  using Type = IQ3_S;
  static constexpr int kWords = 16 + 8 + 2 + 1;
  static constexpr bool kHalf = true;
  static constexpr int words_of(int) { return kWords; }
  static constexpr bool kInPlace = false;
  static void make(const IQ3_S::Block* b, uint32_t* words, uint16_t* half) {
    *half = b->d;
    std::memcpy(words, b->qs, 64);
    for (int g = 0; g < 8; ++g) words[16 + g] = spread_bits(word_at(b->signs + 4 * g));
    std::memcpy(words + 24, b->qh, 8);
    std::memcpy(words + 26, b->scales, 4);
  }
};

// [low bytes of 32 indices][per group of 32: 16 bits of top bits, scale and shift]
struct WordsIQ1_S {
  using Type = IQ1_S;
  static constexpr int kWords = 8 + 4;
  static constexpr bool kHalf = true;
  static constexpr int words_of(int) { return kWords; }
  static constexpr bool kInPlace = false;
  static void make(const IQ1_S::Block* b, uint32_t* words, uint16_t* half) {
    *half = b->d;
    std::memcpy(words, b->qs, 32 + 16);
  }
};

// [d: 2 halves][per group of 32: bits]
struct WordsQ1_0 {
  using Type = Q1_0;
  static constexpr int kWords = 1 + 8;
  static constexpr bool kHalf = false;
  static constexpr int words_of(int n) { return 1 + (n + 31) / 32; }
  static constexpr bool kInPlace = false;
  static void make(const Q1_0::Block* b, uint32_t* words, uint16_t*) {
    words[0] = uint32_t(b[0].d) | (uint32_t(b[1].d) << 16);
    for (int g = 0; g < 8; ++g) words[1 + g] = spread_bits(word_at(b[g / 4].qs + 4 * (g % 4)));
  }
};

// [d: 4 halves][per 16: two bits each]
struct WordsQ2_0 {
  using Type = Q2_0;
  static constexpr int kWords = 2 + 16;
  static constexpr bool kHalf = false;
  static constexpr int words_of(int n) { return 2 + (n + 15) / 16; }
  static constexpr bool kInPlace = false;
  static void make(const Q2_0::Block* b, uint32_t* words, uint16_t*) {
    for (int i = 0; i < 2; ++i) words[i] = uint32_t(b[2 * i].d) | (uint32_t(b[2 * i + 1].d) << 16);
    for (int i = 0; i < 16; ++i)
      words[2 + i] = spread_bit_pairs(word_at(b[i / 4].qs + 4 * (i % 4)));
  }
};

// Floats: two halves, or one float, a word.
template <class T>
struct Floats {
  using Type = T;
  static constexpr int kWords = kSuperblock * int(sizeof(typename T::Block)) / 4;
  static constexpr bool kHalf = false;
  static constexpr int words_of(int n) { return (n * int(sizeof(typename T::Block)) + 3) / 4; }
  static constexpr bool kInPlace = true;
  static void make(const typename T::Block* b, uint32_t* words, uint16_t*) {
    std::memcpy(words, b, size_t(kWords) * 4);
  }
};

// Four 32-bit words: a vector of every CPU that this file is compiled for (SSE2, NEON).
using Words4 [[gnu::vector_size(16)]] = uint32_t;

Words4 load4(const std::byte* at) {
  Words4 v;
  std::memcpy(&v, at, sizeof(v));
  return v;
}

void store4(uint32_t* at, Words4 v) { std::memcpy(at, &v, sizeof(v)); }

// words[w * 16 + r] = word w of rows[r], which may lie at any address: a transposition in squares
// of 4 x 4 words. Q4_K on one core of a 2023 server: 5.3 GB/s, where word by word gave 2.9.
template <int kWords>
void interleave(const std::byte* const* rows, uint32_t* words) {
  constexpr int kWhole = kWords / 4 * 4;
  for (int r = 0; r < kPanelRows; r += 4)
    for (int w = 0; w < kWhole; w += 4) {
      const Words4 a = load4(rows[r] + 4 * w);
      const Words4 b = load4(rows[r + 1] + 4 * w);
      const Words4 c = load4(rows[r + 2] + 4 * w);
      const Words4 d = load4(rows[r + 3] + 4 * w);
      const Words4 ac_low = __builtin_shufflevector(a, c, 0, 4, 1, 5);
      const Words4 bd_low = __builtin_shufflevector(b, d, 0, 4, 1, 5);
      const Words4 ac_high = __builtin_shufflevector(a, c, 2, 6, 3, 7);
      const Words4 bd_high = __builtin_shufflevector(b, d, 2, 6, 3, 7);
      uint32_t* const out = words + w * kPanelRows + r;
      store4(out, __builtin_shufflevector(ac_low, bd_low, 0, 4, 1, 5));
      store4(out + kPanelRows, __builtin_shufflevector(ac_low, bd_low, 2, 6, 3, 7));
      store4(out + 2 * kPanelRows, __builtin_shufflevector(ac_high, bd_high, 0, 4, 1, 5));
      store4(out + 3 * kPanelRows, __builtin_shufflevector(ac_high, bd_high, 2, 6, 3, 7));
    }
  for (int w = kWhole; w < kWords; ++w)
    for (int r = 0; r < kPanelRows; ++r)
      std::memcpy(words + w * kPanelRows + r, rows[r] + 4 * w, 4);
}

template <class W>
void pack_superblock(const std::byte* const* blocks, int n_blocks, uint32_t* words,
                     uint16_t* halves) noexcept {
  using Block = typename W::Type::Block;
  constexpr int kBlocks = kSuperblock / W::Type::kBlockLen;
  // What a row's words are made of and into, where they do not stand ready in the file.
  std::array<uint32_t, size_t(W::kWords)> made[kPanelRows];
  std::array<Block, size_t(kBlocks)> filled;
  const std::byte* rows[kPanelRows];
  for (int r = 0; r < kPanelRows; ++r) {
    uint16_t half = 0;
    rows[r] = reinterpret_cast<const std::byte*>(made[r].data());
    if (blocks[r] == nullptr) {
      made[r].fill(0);
    } else if (n_blocks < kBlocks) {
      std::memset(filled.data(), 0, sizeof(filled));
      std::memcpy(filled.data(), blocks[r], sizeof(Block) * size_t(n_blocks));
      W::make(filled.data(), made[r].data(), &half);
    } else if constexpr (W::kInPlace) {
      rows[r] = blocks[r];
      if constexpr (W::kHalf) half = reinterpret_cast<const Block*>(blocks[r])->d;
    } else {
      W::make(reinterpret_cast<const Block*>(blocks[r]), made[r].data(), &half);
    }
    if constexpr (W::kHalf) halves[r] = half;
  }
  interleave<W::kWords>(rows, words);
}

template <class... Ws>
constexpr auto make_table() {
  std::array<Packing, TypeList::kSize> table{};
  ((table[size_t(type_index<typename Ws::Type>())] = {Ws::kWords, Ws::words_of, Ws::kHalf,
                                                      pack_superblock<Ws>}),
   ...);
  return table;
}

// The types that have a packed form. Each has its `Codes` in kernels/packed_codes-inl.h.
constexpr auto kTable =
    make_table<Floats<F32>, Floats<F16>, Floats<BF16>, Blocks32<Q4_0>, Blocks32<Q4_1>,
               Blocks32<Q5_0>, Blocks32<Q5_1>, WordsQ8_0, SameWords<Q2_K, 21>, SameWords<Q3_K, 27>,
               SameWords<Q4_K, 36>, SameWords<Q5_K, 44>, SameWords<Q6_K, 52>, Blocks32<IQ4_NL>,
               WordsIQ4_XS, WordsMXFP4, WordsNVFP4, WordsIQ1_S, SameWords<IQ1_M, 14>, WordsIQ2_XXS,
               WordsIQ2_XS, WordsIQ2_S, WordsIQ3_XXS, WordsIQ3_S, SameWords<TQ1_0, 13>,
               SameWords<TQ2_0, 16>, WordsQ1_0, WordsQ2_0>();

}  // namespace

const Packing* find_packing(const quant::TypeInfo& type) {
  const Packing& packing = kTable[size_t(type.index)];
  return packing.words > 0 ? &packing : nullptr;
}

ActForm act_form(const quant::TypeInfo& type, bool bf16_products) {
  if (bf16_products && type.index == type_index<BF16>()) return ActForm::kBf16;
  static constexpr auto kForms = [] {
    std::array<ActForm, TypeList::kSize> forms{};
    TypeList::for_each([&]<class T>() { forms[size_t(type_index<T>())] = kActFormOf<T>; });
    return forms;
  }();
  return kForms[size_t(type.index)];
}

size_t panel_bytes(const Packing& packing, int64_t k) {
  const int64_t whole = k / kSuperblock;
  const int64_t words =
      whole * packing.words + (k % kSuperblock == 0 ? 0 : packing.words_of(int(k % kSuperblock)));
  const int64_t halves = packing.half ? n_superblocks(k) : 0;
  return size_t(align_up(uint64_t((2 * words + halves) * kPanelRows) * 2, 64));
}

size_t packed_bytes(const tensor::Weight& weight) {
  const Packing* packing = find_packing(*weight.type);
  if (packing == nullptr) return 0;
  return size_t(weight.n_matrices * panels_per_matrix(weight)) * panel_bytes(*packing, weight.k);
}

void pack_panels(const tensor::Weight& weight, int64_t begin, int64_t end, std::byte* out) {
  const Packing& packing = *find_packing(*weight.type);
  const quant::TypeInfo& type = *weight.type;
  const size_t bytes = panel_bytes(packing, weight.k);
  const int64_t per_matrix = panels_per_matrix(weight);
  const int64_t n_blocks = weight.k / type.block_len;
  const int64_t per_superblock = kSuperblock / type.block_len;
  for (int64_t p = begin; p < end; ++p) {
    const std::byte* matrix = weight.matrix(p / per_matrix);
    const int64_t row = p % per_matrix * kPanelRows;
    auto* words = reinterpret_cast<uint32_t*>(out + size_t(p) * bytes);
    auto* halves =
        reinterpret_cast<uint16_t*>(words + n_superblocks(weight.k) * packing.words * kPanelRows);
    const std::byte* blocks[kPanelRows];
    std::array<uint32_t, size_t(kSuperblock) * kPanelRows> cut;
    for (int64_t s = 0; s < n_superblocks(weight.k); ++s) {
      for (int64_t r = 0; r < kPanelRows; ++r)
        blocks[r] = row + r < weight.rows ? matrix + size_t(row + r) * weight.row_bytes() +
                                                size_t(s * per_superblock) * type.block_bytes
                                          : nullptr;
      const int64_t left = weight.k - s * kSuperblock;
      uint32_t* to = words + s * packing.words * kPanelRows;
      packing.pack(blocks, int(std::min(per_superblock, n_blocks - s * per_superblock)),
                   left < kSuperblock ? cut.data() : to, halves + s * kPanelRows);
      if (left < kSuperblock) std::copy_n(cut.data(), packing.words_of(int(left)) * kPanelRows, to);
    }
  }
}

}  // namespace hearth::backend::cpu
