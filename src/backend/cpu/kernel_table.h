// KernelTable: the arithmetic of the CPU backend, one function per operation, filled once per
// instruction set (isa/). A null cell falls to the next lower ISA of isa/list.h; the scalar table
// has no null cells and stays the reference.
//
// Rules for every kernel: noexcept, allocates nothing, and the result of one row and column does
// not depend on how many other rows or columns the call has. That is what makes output independent
// of batch size and thread count.
//
// This header is compiled once per ISA: nothing inline but data and forced-inline functions may
// stand here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/list.h"

namespace hearth::backend::cpu {

// Activations in the form the weight type's kernel wants them: f32 rows for float types, or int8
// rows for block types:
//
//     x[c][i] ~ d[c][i / 16] * q[c][i]      d = max |x| of the 16 / 127, q rounded to nearest, in
//     [-127, 127]
//
// Rows are padded with zeros to k_padded, a multiple of kActPad.
inline constexpr int64_t kActPad = 256;
// Activations per scale. 32 would save nothing in these kernels (the scales of a step are one
// shuffle either way) and has about a third more rounding noise: golden NMSE of Q4_0 2.0e-4 against
// 1.5e-4 (tests/golden/quant_test).
inline constexpr int64_t kActGroup = 16;

struct ActView {
  const float* f32 = nullptr;  // [n, f32_stride]
  int64_t f32_stride = 0;
  const int8_t* q = nullptr;  // [n, k_padded]
  const float* d = nullptr;   // [n, k_padded / 16]
  const float* sum16 =
      nullptr;  // [n, k_padded / 16]  d * (sum of 16 q): pairs with the minima of 16-groups
  const float* sum32 = nullptr;  // [n, k_padded / 32]  the same for 32
  int64_t k_padded = 0;
};

// y[y_rows[c]][row] = weight[row] . x[x_rows[c]] for row in [row_begin, row_end), c in [0,
// n_columns).
struct GemmArgs {
  const std::byte* weight;  // [rows, k] blocks
  size_t row_bytes;
  int64_t k;
  int64_t row_begin;
  int64_t row_end;
  ActView x;
  int64_t n_columns;
  const int32_t* x_rows;  // null: c
  const int32_t* y_rows;  // null: c
  float* y;
  int64_t y_stride;
  std::byte* panel;  // scratch of this thread, panel_bytes(k)
};
using GemmFn = void (*)(const GemmArgs&) noexcept;

// Rows of a weight that are unpacked together: codes int8, scales and minima f32 per 16.
inline constexpr int kPanelRows = 4;
constexpr size_t panel_bytes(int64_t k) {
  const int64_t k_padded = (k + kActPad - 1) / kActPad * kActPad;
  return size_t(kPanelRows) * size_t(k_padded + 2 * (k_padded / 16) * 4);
}

// One KV head, one chunk (tensor/kv_view.h), some query rows. For each row: scores over positions
// [begin, end) of the chunk, their maximum m, l = sum of exp(s - m), o = sum of exp(s - m) * V. A
// row with an empty range gets m = -inf.
struct AttendArgs {
  int n_rows;
  const float* q;  // [n_rows, dk], scaled
  int dk;
  int dv_padded;
  const void* k;         // [kKvChunk / kKvLanes, dk, kKvLanes]
  const void* v;         // [kKvChunk, dv_padded]
  const int32_t* begin;  // [n_rows]
  const int32_t* end;    // [n_rows]
  float softcap;         // 0: none
  float* scores;         // [n_rows, kKvChunk] scratch
  float* m;              // [n_rows]
  float* l;              // [n_rows]
  float* o;              // [n_rows, dv_padded]
};
using AttendFn = void (*)(const AttendArgs&) noexcept;

// Index into KernelTable::attend.
enum KvKind : int { kKvF32 = 0, kKvF16 = 1, kKvBF16 = 2, kNumKvKinds = 3 };

struct KernelTable {
  const char* name = nullptr;

  GemmFn gemm[quant::TypeList::kSize] = {};

  // One row to the int8 form; writes up to k_padded.
  void (*quantize_row)(const float* x, int64_t k, int64_t k_padded, int8_t* q, float* d,
                       float* sum16, float* sum32) noexcept = nullptr;

  // See tensor/graph.h for the formulas. n values each; y may equal an input.
  void (*rms_norm)(const float* x, const float* w, float* y, int64_t n,
                   float eps) noexcept = nullptr;
  void (*layer_norm)(const float* x, const float* w, const float* b, float* y, int64_t n,
                     float eps) noexcept = nullptr;
  void (*silu_mul)(const float* gate, const float* up, float* y, int64_t n) noexcept = nullptr;
  void (*gelu_tanh_mul)(const float* gate, const float* up, float* y, int64_t n) noexcept = nullptr;
  void (*add_scaled)(const float* a, const float* b, float scale, float* y,
                     int64_t n) noexcept = nullptr;
  void (*scale)(float* x, float scale, int64_t n) noexcept = nullptr;
  void (*softcap)(float* x, float cap, float scale,
                  int64_t n) noexcept = nullptr;  // cap * tanh(x * scale / cap)
  // Rotates the pairs of one head by table [n_pairs][cos, sin].
  void (*rope_norm)(float* head, const float* table, int64_t n_pairs) noexcept = nullptr;
  void (*rope_neox)(float* head, const float* table, int64_t n_pairs) noexcept = nullptr;

  AttendFn attend[kNumKvKinds] = {};
  // Joins a chunk's partial result (m, l, o) into the running one (M, L, O): the online softmax of
  // FlashAttention (Dao et al. 2022, arXiv:2205.14135, algorithm 1). M starts at -inf.
  void (*merge)(float m, float l, const float* o, float* M, float* L, float* O,
                int64_t dv_padded) noexcept = nullptr;

  // Multiply-adds without memory, in `rounds` rounds; return how many that was. For `hearth bench`.
  int64_t (*peak_int)(int64_t rounds) noexcept = nullptr;
  int64_t (*peak_float)(int64_t rounds) noexcept = nullptr;
};

}  // namespace hearth::backend::cpu
