// How attention sees the KV cache: plain pointers into memory that the engine owns
// (engine/kv_cache.h).
//
// Positions are stored in chunks of kKvChunk. A sequence has a table of chunk numbers; position p
// of the sequence lies in chunk table[p / kKvChunk] at row p % kKvChunk. Attention accumulates
// chunk by chunk in this fixed order, so the split of work over threads, and the place of a
// sequence in a batch, cannot change a bit of the result.
//
// One chunk of one layer (elements of `type`; written by the append op, never repacked):
//
//   K: [n_kv_heads][kKvChunk / kKvLanes][dk][kKvLanes]      16 positions side by side: scores need
//   no horizontal sums V: [n_kv_heads][kKvChunk][dv_padded]                    dv_padded = dv
//   rounded up to kKvLanes, the rest zero
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/checked.h"
#include "quant/list.h"

namespace hearth::tensor {

// Positions per chunk. Larger: fewer partial results to merge at long context, but up to kKvChunk -
// 1 positions of every sequence are allocated unused, and one chunk of K (256 * 128 * 2 bytes per
// head) must stay in L2.
inline constexpr int kKvChunk = 256;
// Positions that lie side by side in K. 16 floats are one AVX-512 register, two AVX2, four NEON.
inline constexpr int kKvLanes = 16;

// One layer's part of the cache.
struct KvLayerView {
  const quant::TypeInfo* type = nullptr;  // F32, F16 or BF16
  int n_heads = 0;                        // KV heads
  int dk = 0;                             // K head width
  int dv = 0;                             // V head width
  std::byte* base = nullptr;              // chunk c begins at base + c * chunk_bytes()

  [[nodiscard]] int dv_padded() const { return int(align_up(uint64_t(dv), kKvLanes)); }
  [[nodiscard]] size_t k_head_elements() const { return size_t(kKvChunk) * size_t(dk); }
  [[nodiscard]] size_t v_head_elements() const { return size_t(kKvChunk) * size_t(dv_padded()); }
  [[nodiscard]] size_t chunk_bytes() const {
    return size_t(n_heads) * (k_head_elements() + v_head_elements()) * type->block_bytes;
  }
  // First element of head h's K (or V) in chunk c.
  [[nodiscard]] std::byte* k(int chunk, int head) const {
    return base + size_t(chunk) * chunk_bytes() +
           size_t(head) * k_head_elements() * type->block_bytes;
  }
  [[nodiscard]] std::byte* v(int chunk, int head) const {
    return base + size_t(chunk) * chunk_bytes() +
           (size_t(n_heads) * k_head_elements() + size_t(head) * v_head_elements()) *
               type->block_bytes;
  }
};

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
  std::span<const KvLayerView> layers;   // by layer number of the model
  const int32_t* output_rows = nullptr;  // [n_outputs] which tokens' logits are wanted
  int n_outputs = 0;
};

}  // namespace hearth::tensor
