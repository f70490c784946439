// The AVX2 table (with FMA and F16C: Haswell, Zen and later). Compiled with the flags of
// isa/list.h.
#include "backend/cpu/kernel_table.h"
#include "backend/cpu/simd/avx2.h"
#include "tensor/kv_view.h"

#define HEARTH_ISA avx2
// clang-format off: each file uses those above it
#include "backend/cpu/kernels/math-inl.h"
#include "backend/cpu/kernels/elementwise-inl.h"
#include "backend/cpu/kernels/attention-inl.h"
#include "backend/cpu/kernels/peak-inl.h"
#include "backend/cpu/kernels/gemm_float-inl.h"
#include "backend/cpu/kernels/gemm_int-inl.h"
#include "backend/cpu/kernels/fused_avx2-inl.h"
#include "backend/cpu/kernels/fused_x86-inl.h"
// clang-format on

namespace hearth::backend::cpu::avx2 {

void fill(KernelTable& t) {
  add_elementwise(t);
  add_attention(t);
  add_peak(t);
  add_gemm_float(t);
  add_gemm_int(t);
  add_fused_kernels(t);
  add_fused_x86(t);
}

}  // namespace hearth::backend::cpu::avx2
