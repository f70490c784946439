// gemm_{f32,f16,bf16}_f32: float weights times f32 activations. One vector accumulator per row and
// column, k ascending, whatever the tile: so the result does not depend on the number of columns.

namespace hearth::backend::cpu::HEARTH_ISA {

HEARTH_INLINE F load_w(const float* p, int n) { return n == kLanes ? load(p) : load_n(p, n); }
template <class T>
HEARTH_INLINE F load_as_float(const typename T::Block* p, int n) {
  if constexpr (__is_same(T, quant::F32))
    return n == kLanes ? load(p) : load_n(p, n);
  else if constexpr (__is_same(T, quant::F16))
    return n == kLanes ? load_f16(p) : load_f16_n(p, n);
  else
    return n == kLanes ? load_bf16(p) : load_bf16_n(p, n);
}

template <class T, int R, int C>
static void float_tile(const GemmArgs& a, int64_t row, int64_t col) noexcept {
  const typename T::Block* w[R];
  const float* x[C];
  for (int r = 0; r < R; ++r)
    w[r] = reinterpret_cast<const typename T::Block*>(a.weight + size_t(row + r) * a.row_bytes);
  for (int c = 0; c < C; ++c)
    x[c] = a.x.f32 + (a.x_rows ? a.x_rows[col + c] : col + c) * a.x.f32_stride;
  F acc[R][C];
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c) acc[r][c] = zero();
  for_lanes(a.k, [&](int64_t i, int n) {
    F wv[R];
    for (int r = 0; r < R; ++r) wv[r] = load_as_float<T>(w[r] + i, n);
    for (int c = 0; c < C; ++c) {
      const F xv = load_some(x[c] + i, n);
      for (int r = 0; r < R; ++r) acc[r][c] = fma(wv[r], xv, acc[r][c]);
    }
  });
  for (int c = 0; c < C; ++c)
    for (int r = 0; r < R; ++r)
      a.y[(a.y_rows ? a.y_rows[col + c] : col + c) * a.y_stride + row + r] = reduce_add(acc[r][c]);
}

template <class T, int R>
static void float_rows(const GemmArgs& a, int64_t row) noexcept {
  int64_t col = 0;
  for (; col + 4 <= a.n_columns; col += 4) float_tile<T, R, 4>(a, row, col);
  for (; col < a.n_columns; ++col) float_tile<T, R, 1>(a, row, col);
}

template <class T>
static void gemm_float(const GemmArgs& a) noexcept {
  int64_t row = a.row_begin;
  for (; row + 4 <= a.row_end; row += 4) float_rows<T, 4>(a, row);
  for (; row < a.row_end; ++row) float_rows<T, 1>(a, row);
}

static void add_gemm_float(KernelTable& t) {
  t.gemm[quant::type_index<quant::F32>()] = gemm_float<quant::F32>;
  t.gemm[quant::type_index<quant::F16>()] = gemm_float<quant::F16>;
  t.gemm[quant::type_index<quant::BF16>()] = gemm_float<quant::BF16>;
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
