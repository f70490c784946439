// NEON with dotprod and no more: what neon_i8mm.h has otherwise. Included only by
// isa/neon_dotprod.cc.
#pragma once

#include "backend/cpu/simd/neon.h"

namespace hearth::backend::cpu::HEARTH_ISA {

// The columns of a tile. No result depends on it.
inline constexpr int kTileColumns = 2;
// Whether the ISA multiplies small matrices (gemm_tile_i8mm-inl.h).
inline constexpr bool kMatrixProducts = false;

// Words j and j + 1 of codes, as the tile reads them from `Lines`.
HEARTH_INLINE void store_code_pair(uint32_t* p, RowsI even, RowsI odd) {
  store_rows(p, even);
  store_rows(p + 16, odd);
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
