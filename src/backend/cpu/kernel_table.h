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

#include "backend/cpu/packed.h"
#include "quant/list.h"
#include "tensor/activation.h"
#include "tensor/kv_type.h"

namespace hearth::backend::cpu {

// 256 consecutive activations of one row as int8, with what the kernels need of their sums:
//
//     x[i] ~ d[i / 32] * q[i]      q rounded to nearest, in [-127, 127]
//
// d is max |x| / 127 of each 32 (ActForm::kPer32), or of all 256 (kPer256: the eight are equal),
// whichever the weight's type asks for. Sums are those of q; negative ones, because they are
// subtracted: codes with an offset start their dot products at -offset * sum.
//
// In the form kBf16 the block is nothing but 256 bfloat16.
struct alignas(64) ActBlock {
  int8_t q[256];
  float d[8];
  int32_t neg_sum32[8];
  int32_t neg_sum16[16];
  // The same in 16 bits: pairs meet the integer minima of two groups.
  int16_t neg_pairs32[8];
  int16_t neg_pairs16[16];
  float d_sum32[8];  // d * sum
};
static_assert(sizeof(ActBlock) == 512);

// The rows of a matmul's input in one of these forms.
struct ActView {
  const float* f32 = nullptr;  // [n, f32_stride]
  int64_t f32_stride = 0;
  const ActBlock* blocks = nullptr;  // [superblocks of k][n]; beyond k zeros
  int64_t n = 0;
};

// y[y_rows[c]][row] = scale * (weight[row] . x[x_rows[c]]) + bias[row], or += that, for row in
// [row_begin, row_end), c in [0, n_columns). REQUIRES: row_begin is a multiple of kPanelRows.
struct GemmArgs {
  const std::byte* packed;  // the matrix's panels (packed.h), or null: compute from the file's rows
  const Packing* packing;   // of the type; null where it has none
  size_t panel_bytes;       // bytes of one panel
  const std::byte* weight;  // [rows, k] blocks as in the file; not read if `packed` is given
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
  float scale;
  const float* bias;   // [rows] or null
  bool accumulate;     // y +=
  std::byte* scratch;  // of this thread: kGemmScratchBytes, aligned to 64
};
using GemmFn = void (*)(const GemmArgs&) noexcept;

// Columns that one pass over a panel serves; more are done in several passes.
inline constexpr int64_t kColumnBlock = 512;
// Sums of a pass (32 rows a column), and two superblocks of 16 rows: as packed words, and unpacked.
inline constexpr size_t kGemmScratchBytes = size_t(kColumnBlock) * 32 * 4 + 2 * (16384 + 20480);

// One KV head, one chunk (tensor/kv_view.h), some query rows. For each row: scores over positions
// [begin, end) of the chunk, their maximum m, l = sum of exp(s - m), o = sum of exp(s - m) * V. A
// row with an empty range gets m = -inf.
struct AttendArgs {
  int n_rows;
  const float* q;            // [n_rows, dk], scaled; for quantized types:
  const ActBlock* q_blocks;  // [n_rows] the same, rotated, in the form kPer256
  int dk;
  int dv_padded;
  const void* k;  // the numbers of the chunk
  const void* v;
  const float* k_scale;  // [kKvChunk], for quantized types
  const float* v_scale;
  // What the next call will read first, to be asked for meanwhile: [next_bytes], or null.
  const void* next;
  int64_t next_bytes;
  const int32_t* begin;  // [n_rows]
  const int32_t* end;    // [n_rows]
  float softcap;         // 0: none
  // ALiBi: slope[r] * |t - own[r]| is taken from the score of position t of the chunk; null: none.
  const float* slope;  // [n_rows]
  const int32_t* own;  // [n_rows]
  float* scores;       // [n_rows, kKvChunk] scratch
  float* floats;       // [kKvChunk, dk + dv_padded] scratch
  float* m;            // [n_rows]
  float* l;            // [n_rows]
  float* o;            // [n_rows, dv_padded]
};
using AttendFn = void (*)(const AttendArgs&) noexcept;

// SelectPositionsOp's scores of one token with the positions of one chunk, the first
// n_blocks * kKvLanes.
struct IndexArgs {
  const float* q;        // [n_heads, dk]
  const float* weights;  // [n_heads]
  int n_heads;
  int dk;
  const void* k;  // the numbers of the chunk
  int n_blocks;
  float* head_scores;  // [4, kKvChunk] scratch
  float* scores;       // [n_blocks * kKvLanes]
};
using IndexFn = void (*)(const IndexArgs&) noexcept;

// ConvOp (tensor/recurrent.h) of some channels of one sequence, all its tokens.
struct ConvArgs {
  static constexpr int kMaxKernel = 16;
  const float* x;  // [n_tokens, x_stride], and so the gates; gates may be null
  const float* gate_in;
  const float* gate_out;
  float* y;  // may be x
  int64_t x_stride;
  int64_t gate_in_stride;
  int64_t gate_out_stride;
  int64_t y_stride;
  const float* weight;  // [n_channels, kernel]
  const float* bias;    // [n_channels] or null
  float* state;         // [kernel - 1, state_stride]
  int64_t state_stride;
  int64_t n_channels;
  int64_t n_tokens;
  int kernel;
  bool silu;
};

// Some tokens' steps of a matrix state S, in order, row by row:
//   p = sum_j a[j] * S[j];  S[j] <- w[j] * S[j] + k[j] * v + b[j] * p;  out = sum_j q[j] * S[j]
// Every recurrence of tensor/recurrent.h with a state matrix is of this form.
struct StateArgs {
  // What each token has, from row to row of a matrix: [n_tokens, stride].
  struct Rows {
    const float* data;
    int64_t stride;
  };
  // The state's columns stand in panels of so many, one behind the other (the last may be
  // narrower): the rows of one lie side by side. With whole rows side by side, those of a part of
  // the columns would share few sets of L1.
  static constexpr int64_t kPanel = 64;
  float* state;  // [n_columns / kPanel][n_rows][kPanel]
  int64_t n_rows;
  int64_t n_columns;
  int64_t n_tokens;
  Rows w;  // [n_rows], and so a, k, b, q
  Rows a;  // null: p = 0
  Rows k;
  Rows b;  // not read where a is null
  Rows q;
  Rows v;  // [n_columns]
  float* out;
  int64_t out_stride;
};

// One token's step of SelectiveScanOp for channels (per_channel), with dt behind its softplus.
struct ScanArgs {
  float* state;    // [n_channels, d_state]
  const float* a;  // [n_channels, d_state]
  const float* d;  // [n_channels]
  const float* x;
  const float* dt;
  const float* b;  // [d_state]
  const float* c;
  float* y;  // [n_channels]; may be x
  int64_t n_channels;
  int64_t d_state;
};

struct KernelTable {
  const char* name = nullptr;

  GemmFn gemm[quant::TypeList::kSize] = {};

  // Whether gemm takes packed weights. The scalar table does not: it defines what the others
  // compute.
  bool takes_packed = false;
  // Whether bfloat16 weights meet activations rounded to bfloat16 (ActForm::kBf16) instead of f32.
  bool bf16_products = false;
  // n values (at most 256; zeros behind them) to `form`, which is not kFloat.
  void (*quantize)(const float* x, int64_t n, ActForm form, ActBlock& out) noexcept = nullptr;

  // See tensor/graph.h for the formulas. n values each; y may equal an input; w may be null (1).
  void (*rms_norm)(const float* x, const float* w, float* y, int64_t n,
                   float eps) noexcept = nullptr;
  void (*layer_norm)(const float* x, const float* w, const float* b, float* y, int64_t n,
                     float eps) noexcept = nullptr;
  // y = act(gate) * up; up may be null (1). By tensor::Activation.
  void (*activate[tensor::kNumActivations])(const float* gate, const float* up, float* y,
                                            int64_t n) noexcept = {};
  void (*add_scaled)(const float* a, const float* b, float scale, float* y,
                     int64_t n) noexcept = nullptr;
  void (*scale)(float* x, float scale, int64_t n) noexcept = nullptr;
  void (*softcap)(float* x, float cap, float scale,
                  int64_t n) noexcept = nullptr;  // cap * tanh(x * scale / cap)
  // Rotates the pairs of one head by table [n_pairs][cos, sin].
  void (*rope_norm)(float* head, const float* table, int64_t n_pairs) noexcept = nullptr;
  void (*rope_neox)(float* head, const float* table, int64_t n_pairs) noexcept = nullptr;

  AttendFn attend[tensor::kNumKvTypes] = {};  // by tensor::KvType
  IndexFn index_scores[tensor::kNumKvTypes] = {};  // of types that are not quantized
  // Joins a chunk's partial result (m, l, o) into the running one (M, L, O): the online softmax of
  // FlashAttention (Dao et al. 2022, arXiv:2205.14135, algorithm 1). M starts at -inf.
  void (*merge)(float m, float l, const float* o, float* M, float* L, float* O,
                int64_t dv_padded) noexcept = nullptr;
  // Multiplies each `block` of the n values by the orthogonal Hadamard matrix of that size, a power
  // of two that divides n: its own inverse.
  void (*hadamard)(float* x, int64_t n, int64_t block) noexcept = nullptr;

  // For recurrent mixers.
  float (*dot)(const float* a, const float* b, int64_t n) noexcept = nullptr;
  // y = log(1 + e^(x + bias)), and y = e^(a * that); a is negative.
  void (*softplus)(const float* x, const float* bias, float* y, int64_t n) noexcept = nullptr;
  void (*decay)(const float* x, const float* bias, float a, float* y, int64_t n) noexcept = nullptr;
  void (*conv)(const ConvArgs&) noexcept = nullptr;
  void (*step_state)(const StateArgs&) noexcept = nullptr;
  void (*scan_channels)(const ScanArgs&) noexcept = nullptr;

  // Multiply-adds without memory, in `rounds` rounds; return how many that was. For `hearth bench`.
  int64_t (*peak_int)(int64_t rounds) noexcept = nullptr;
  int64_t (*peak_float)(int64_t rounds) noexcept = nullptr;
};

}  // namespace hearth::backend::cpu
