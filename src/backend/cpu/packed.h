// The layout that the kernels of this folder multiply from: R16. Sixteen rows of a weight lie side
// by side, so that a vector register holds, for each of 16 rows, the same 32 bits of its codes: dot
// products stay in lane = row and need no horizontal sums, for one column or for five hundred.
//
// A panel is 16 rows. It is cut along k into superblocks of 256 weights. Of each row's superblock a
// type makes 32-bit words (scales first, then the bit planes of the codes), and word w of the 16
// rows stands together:
//
//     panel = [superblocks][words][16 rows] uint32, then [superblocks][16 rows] uint16 if the type
//             has a half left over (as Q3_K: its scale)
//
// The bytes are the file's, only in another order: a packed weight is as large as it was (but for
// rows that are no multiple of 16, and a k that is no multiple of 64, which are filled up with
// zeros). Types that no model's weights should have (Q8_1, Q8_K) have no packed form; the kernels
// unpack them as they go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "tensor/weight.h"

namespace hearth::backend::cpu {

inline constexpr int kPanelRows = 16;
inline constexpr int kSuperblock = 256;

// How a weight's type takes its activations: as floats, as int8 with one scale per 32 or per 256,
// or as bfloat16 (BF16 weights, where the ISA has such products).
enum class ActForm : uint8_t { kFloat, kPer32, kPer256, kBf16 };
inline constexpr int kNumActForms = 4;

// Which one is measured: docs/performance.md.
template <class T, class... Ts>
inline constexpr bool kIsOneOf = (std::is_same_v<T, Ts> || ...);
template <class T>
inline constexpr ActForm kActFormOf =
    !quant::BlockType<T> ? ActForm::kFloat
    : kIsOneOf<T, quant::Q2_K, quant::Q3_K, quant::Q4_K, quant::Q5_K, quant::Q6_K, quant::IQ4_XS,
               quant::IQ1_S, quant::IQ1_M, quant::IQ2_XXS, quant::IQ2_XS, quant::IQ2_S,
               quant::IQ3_XXS, quant::IQ3_S>
        ? ActForm::kPer256
        : ActForm::kPer32;

// How one type is packed; see packed.cc for the words of each.
struct Packing {
  int words;  // of one row's superblock
  // Of these, how many the first n_weights of 256 take: the last superblock of a row is cut there.
  int (*words_of)(int n_weights);
  bool half;  // and one half behind them
  // Packs one superblock of 16 rows. blocks[r]: the first of row r's n_blocks blocks, or null for a
  // row of zeros. Writes words[w * 16 + r], all of them (zeros behind the last block), and, where
  // `half`, halves[r].
  void (*pack)(const std::byte* const* blocks, int n_blocks, uint32_t* words,
               uint16_t* halves) noexcept;
};

// Null where the type has no packed form.
const Packing* find_packing(const quant::TypeInfo& type);

// The activations that a type's gemm reads. bf16_products: KernelTable's.
ActForm act_form(const quant::TypeInfo& type, bool bf16_products);

HEARTH_INLINE int64_t n_superblocks(int64_t k) { return (k + kSuperblock - 1) / kSuperblock; }

// Bytes of one panel of width k, a multiple of 64.
size_t panel_bytes(const Packing& packing, int64_t k);

// Bytes of all matrices of `weight`, or 0 if its type has no packed form.
size_t packed_bytes(const tensor::Weight& weight);

// Packs panels [begin, end) of the weight (panels of matrix e + 1 follow those of matrix e) from
// its rows in the file to `out`, the packed weight's first byte.
void pack_panels(const tensor::Weight& weight, int64_t begin, int64_t end, std::byte* out);

inline int64_t panels_per_matrix(const tensor::Weight& weight) {
  return (weight.rows + kPanelRows - 1) / kPanelRows;
}

}  // namespace hearth::backend::cpu
