// What AVX-VNNI (Alder Lake and later Intel CPUs without AVX-512, Zen 5) has beyond isa/avx2.cc:
// integer dot products in one instruction. Compiled with the flags of isa/list.h.
#include <utility>

#include "backend/cpu/kernel_table.h"
#include "tensor/kv_view.h"

#define HEARTH_ISA avx_vnni
// clang-format off: each file uses those above it
#include "backend/cpu/simd/avx_vnni_dot.h"
#include "backend/cpu/kernels/math-inl.h"
#include "backend/cpu/kernels/elementwise-inl.h"
#include "backend/cpu/kernels/attention-inl.h"
#include "backend/cpu/kernels/peak-inl.h"
#include "backend/cpu/kernels/packed_codes-inl.h"
#include "backend/cpu/kernels/packed_grids-inl.h"
#include "backend/cpu/kernels/gemm_tile-inl.h"
#include "backend/cpu/kernels/gemm-inl.h"
#include "backend/cpu/kernels/attention_quantized-inl.h"
// clang-format on

namespace hearth::backend::cpu::avx_vnni {

void fill(KernelTable& t) {
  add_attention_quantized(t);
  add_peak(t);
  add_gemm(t);
}

}  // namespace hearth::backend::cpu::avx_vnni
