// The instruction sets, lowest first. A new one is a row here, simd/<name>.h and isa/<name>.cc.
//
//   HEARTH_ISA_ROW(name, architecture, predicate, flags)
//
// `architecture` is the preprocessor's (x86_64, aarch64) or any; `predicate` is a CpuFeatures
// expression on `f`; `flags` go to the compiler for isa/<name>.cc alone. CMake reads these rows too
// (src/backend/cpu/isa/isa.cmake), so a row stays on one line.
// clang-format off
HEARTH_ISA_ROW(scalar, any, true, "")
HEARTH_ISA_ROW(avx2, x86_64, f.avx2, "-mavx2;-mfma;-mf16c;-mtune=haswell")
HEARTH_ISA_ROW(avx_vnni, x86_64, f.avx2 && f.avx_vnni, "-mavx2;-mfma;-mf16c;-mavxvnni;-mtune=haswell")
HEARTH_ISA_ROW(avx512, x86_64, f.avx512_vnni, "-mavx2;-mfma;-mf16c;-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512vnni;-mprefer-vector-width=512")
HEARTH_ISA_ROW(avx512_bf16, x86_64, f.avx512_vnni && f.avx512_bf16, "-mavx2;-mfma;-mf16c;-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512vnni;-mavx512bf16;-mprefer-vector-width=512")
HEARTH_ISA_ROW(neon_dotprod, aarch64, f.neon_dotprod, "-march=armv8.2-a+dotprod")
HEARTH_ISA_ROW(neon_i8mm, aarch64, f.neon_i8mm, "-march=armv8.2-a+dotprod+i8mm")
// clang-format on
