// The AVX-512 table (F, BW, DQ, VL, VNNI: Ice Lake, Zen 4 and later). Compiled with the flags of
// isa/list.h.
#include "backend/cpu/kernel_table.h"
#include "backend/cpu/simd/avx512.h"
#include "tensor/kv_view.h"

#define HEARTH_ISA avx512
#include "backend/cpu/kernels/math-inl.h"
#include "backend/cpu/kernels/elementwise-inl.h"
#include "backend/cpu/kernels/attention-inl.h"
#include "backend/cpu/kernels/peak-inl.h"
#include "backend/cpu/kernels/gemm_float-inl.h"
#include "backend/cpu/kernels/gemm_int-inl.h"
#include "backend/cpu/kernels/fused_avx512-inl.h"
#include "backend/cpu/kernels/fused_x86-inl.h"

namespace hearth::backend::cpu::avx512 {

void fill(KernelTable& t) {
  add_elementwise(t);
  add_attention(t);
  add_peak(t);
  add_gemm_float(t);
  add_gemm_int(t);
  add_fused_kernels(t);
  add_fused_x86(t);
}

}  // namespace hearth::backend::cpu::avx512
