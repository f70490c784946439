// The AVX2 table (with FMA and F16C: Haswell, Zen and later). Compiled with the flags of
// isa/list.h.
#include <utility>

#include "backend/cpu/kernel_table.h"
#include "tensor/kv_view.h"

#define HEARTH_ISA avx2
// clang-format off: each file uses those above it
#include "backend/cpu/simd/avx2_dot.h"
#include "backend/cpu/kernels/math-inl.h"
#include "backend/cpu/kernels/elementwise-inl.h"
#include "backend/cpu/kernels/recurrent-inl.h"
#include "backend/cpu/kernels/attention-inl.h"
#include "backend/cpu/kernels/peak-inl.h"
#include "backend/cpu/kernels/packed_codes-inl.h"
#include "backend/cpu/kernels/packed_grids-inl.h"
#include "backend/cpu/kernels/gemm_tile-inl.h"
#include "backend/cpu/kernels/gemm-inl.h"
#include "backend/cpu/kernels/gemm_float-inl.h"
#include "backend/cpu/kernels/attention_quantized-inl.h"
// clang-format on

namespace hearth::backend::cpu::avx2 {

void fill(KernelTable& t) {
  add_elementwise(t);
  add_recurrent(t);
  add_attention(t);
  add_attention_quantized(t);
  add_peak(t);
  add_gemm(t);
  add_gemm_float(t);
}

}  // namespace hearth::backend::cpu::avx2
