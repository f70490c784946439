// What AVX-512 with BF16 dot products (Cooper Lake, Sapphire Rapids, Zen 4) has beyond
// isa/avx512.cc: bfloat16 weights. Compiled with the flags of isa/list.h.
#include <utility>

#include "backend/cpu/kernel_table.h"
#include "tensor/kv_view.h"

#define HEARTH_ISA avx512_bf16
// clang-format off: each file uses those above it
#include "backend/cpu/simd/avx512.h"
#include "backend/cpu/kernels/packed_codes-inl.h"
#include "backend/cpu/kernels/packed_grids-inl.h"
#include "backend/cpu/kernels/gemm_tile-inl.h"
#include "backend/cpu/kernels/gemm-inl.h"
#include "backend/cpu/kernels/gemm_float-inl.h"
#include "backend/cpu/kernels/gemm_bf16-inl.h"
// clang-format on

namespace hearth::backend::cpu::avx512_bf16 {

void fill(KernelTable& t) { add_gemm_bf16(t); }

}  // namespace hearth::backend::cpu::avx512_bf16
