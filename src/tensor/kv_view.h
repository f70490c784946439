// How attention sees the KV cache: plain pointers into memory that the engine owns
// (engine/kv_cache.h).
//
// Positions are stored in chunks of kKvChunk. A sequence has a table of chunk numbers; position p
// of the sequence lies in chunk table[p / kKvChunk] at row p % kKvChunk. Attention accumulates
// chunk by chunk in this fixed order, so the split of work over threads, and the place of a
// sequence in a batch, cannot change a bit of the result.
//
// One chunk of one layer (written by the append op, never repacked):
//
//   K: [n_kv_heads][kKvChunk / kKvLanes][dk][kKvLanes]   16 positions side by side: scores need no
//                                                        horizontal sums
//   V: [n_kv_heads][kKvChunk][dv_padded]                 dv_padded = dv rounded up to kKvLanes, the
//                                                        rest zero
//
// The quantized types have 32-bit words of whole numbers in their place, and behind the words of a
// head one f32 scale for each position:
//
//   q8_0: x = scale * (code - 128).
//     K: [kKvChunk / kKvLanes][dk / 4][kKvLanes] words; byte i of a word: number 4 * w + i
//     V: [kKvChunk / 4][dv_padded] words; byte i of a word: position 4 * t + i
//   q4_0: x = scale * (2 * code - 15): sixteen levels around zero, the best for numbers that are
//   distributed normally, which rotation makes them (KernelTable::hadamard).
//     K: [kKvChunk / kKvLanes][dk / 8][kKvLanes] words; byte i: numbers 8 * w + i, 8 * w + 4 + i
//     V: [kKvChunk / 4][dv_padded / 32][kKvLanes] words; byte i: position 4 * t + i, of two numbers
//        that stand kKvLanes apart
//   (of two in a byte, the first has the lower four bits)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/checked.h"
#include "tensor/kv_type.h"
#include "tensor/state_view.h"

namespace hearth::tensor {

// Positions per chunk. Larger: fewer partial results to merge at long context, but up to kKvChunk -
// 1 positions of every sequence are allocated unused, and one chunk of K (256 * 128 * 2 bytes per
// head) must stay in L2.
inline constexpr int kKvChunk = 256;
// Positions that lie side by side in K. 16 floats are one AVX-512 register, two AVX2, four NEON.
inline constexpr int kKvLanes = 16;
// The widest head that a quantized type takes.
inline constexpr int kKvQuantizedWidth = 256;

// One layer's part of the cache.
struct KvLayerView {
  KvType type = KvType::kF16;
  int n_heads = 0;            // KV heads
  int dk = 0;                 // K head width
  int dv = 0;                 // V head width
  std::byte* base = nullptr;  // chunk c begins at base + c * chunk_bytes()

  [[nodiscard]] bool quantized() const { return info(type).quantized; }
  [[nodiscard]] int dk_padded() const {
    return quantized() ? int(align_up(uint64_t(dk), uint64_t(info(type).per_word))) : dk;
  }
  [[nodiscard]] int dv_padded() const {
    return int(align_up(uint64_t(dv), type == KvType::kQ4_0 ? 2 * kKvLanes : kKvLanes));
  }
  // The numbers of one head in one chunk, without scales.
  [[nodiscard]] size_t k_bytes() const { return number_bytes(dk_padded()); }
  [[nodiscard]] size_t v_bytes() const { return number_bytes(dv_padded()); }
  [[nodiscard]] size_t chunk_bytes() const {
    return size_t(n_heads) * (k_bytes() + v_bytes() + 2 * scale_bytes());
  }
  // The first number of head h's K (or V) in chunk c.
  [[nodiscard]] std::byte* k(int chunk, int head) const {
    return base + size_t(chunk) * chunk_bytes() + size_t(head) * (k_bytes() + scale_bytes());
  }
  [[nodiscard]] std::byte* v(int chunk, int head) const {
    return base + size_t(chunk) * chunk_bytes() + size_t(n_heads) * (k_bytes() + scale_bytes()) +
           size_t(head) * (v_bytes() + scale_bytes());
  }
  // [kKvChunk] scales. REQUIRES: quantized().
  [[nodiscard]] float* k_scales(int chunk, int head) const {
    return reinterpret_cast<float*>(k(chunk, head) + k_bytes());
  }
  [[nodiscard]] float* v_scales(int chunk, int head) const {
    return reinterpret_cast<float*>(v(chunk, head) + v_bytes());
  }

 private:
  [[nodiscard]] size_t number_bytes(int width) const {
    return size_t(kKvChunk) * size_t(width) * sizeof(uint32_t) / size_t(info(type).per_word);
  }
  [[nodiscard]] size_t scale_bytes() const {
    return quantized() ? size_t(kKvChunk) * sizeof(float) : 0;
  }
};

// Where one code of a quantized type lies in its head's words, as drawn above.
struct KvCodePlace {
  size_t byte;
  int shift;  // 4 for the upper half of a byte
};
constexpr KvCodePlace k_code_place(KvType type, int dk_padded, int row, int number) {
  const int per_word = info(type).per_word;
  const int word = (row / kKvLanes * (dk_padded / per_word) + number / per_word) * kKvLanes;
  return {size_t(4 * (word + row % kKvLanes) + number % 4), number % per_word < 4 ? 0 : 4};
}
constexpr KvCodePlace v_code_place(KvType type, int dv_padded, int row, int number) {
  const int per_line = info(type).per_word / 4 * kKvLanes;  // numbers that lie in 16 words
  const int word = (row / 4 * (dv_padded / per_line) + number / per_line) * kKvLanes;
  return {size_t(4 * (word + number % kKvLanes) + row % 4), number % per_line < kKvLanes ? 0 : 4};
}

// One sequence's table of chunks: covers positions [0, n_chunks * kKvChunk).
struct KvSequenceView {
  const int32_t* chunks = nullptr;
  int n_chunks = 0;
};

// What one step computes on: the tokens, where they stand, and the cache they read and append to.
//
// REQUIRES: the tokens of one sequence stand together in the batch, at consecutive positions.
struct StepInputs {
  int n_tokens = 0;
  const int32_t* tokens =
      nullptr;  // [n_tokens] id, or -1: this position is fed by its row of `embeddings`
  const float* embeddings = nullptr;  // [n_tokens, d] or null if every token has an id
  const float* hidden =
      nullptr;  // [n_tokens, d] hidden states, when the step starts behind layer 0
  const int32_t* positions = nullptr;    // [n_tokens]
  const int32_t* sequence_of = nullptr;  // [n_tokens] index into `sequences`
  std::span<const KvSequenceView> sequences;
  // By layer number of the model; behind them, of a model with indexers, the keys of these, likewise.
  std::span<const KvLayerView> layers;
  std::span<const StateView> states = {};  // the same; empty for a model without recurrent layers
  const int32_t* output_rows = nullptr;    // [n_outputs] which tokens' logits are wanted
  int n_outputs = 0;
};

}  // namespace hearth::tensor
