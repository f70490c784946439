// What NEON with i8mm (Graviton 3, Apple M2, Cortex-A710) has beyond isa/neon_dotprod.cc: integer
// products of many columns as small matrices. Compiled with the flags of isa/list.h.
#include <utility>

#include "backend/cpu/kernel_table.h"
#include "tensor/kv_view.h"

#define HEARTH_ISA neon_i8mm
// clang-format off: each file uses those above it
#include "backend/cpu/simd/neon_i8mm.h"
#include "backend/cpu/kernels/packed_codes-inl.h"
#include "backend/cpu/kernels/packed_grids-inl.h"
#include "backend/cpu/kernels/gemm_tile-inl.h"
#include "backend/cpu/kernels/gemm_tile_i8mm-inl.h"
#include "backend/cpu/kernels/gemm-inl.h"
// clang-format on

namespace hearth::backend::cpu::neon_i8mm {

void fill(KernelTable& t) { add_gemm(t); }

}  // namespace hearth::backend::cpu::neon_i8mm
