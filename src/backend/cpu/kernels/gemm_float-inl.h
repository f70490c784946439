// gemm of float types: f32 activations, one fused multiply-add a weight, in the order of k. The way
// over rows, columns and superblocks is that of gemm-inl.h.

namespace hearth::backend::cpu::HEARTH_ISA {

template <class T>
struct FloatCodes {
  using Type = T;
  static constexpr int kPerWord = 4 / int(sizeof(typename T::Block));
  static constexpr int kWords = kSuperblock / kPerWord;
  template <int u>
  HEARTH_INLINE static RowsF weight(RowsI word) {
    if constexpr (__is_same(T, quant::F32))
      return as_float(word);
    else if constexpr (__is_same(T, quant::F16))
      return low_f16(shift<16 * u>(word));
    else
      return as_float(u == 0 ? shift<-16>(word) : bits_and(word, 0xffff0000u));
  }
};

// t[p][c] += the first n weights of a superblock times x[c].
template <int C, class WeightAt>
HEARTH_INLINE void float_sums(const float* const (&x)[C], int64_t n, float* sums,
                              WeightAt&& weight_at) {
  RowsF t[2][C];
  for (int p = 0; p < 2; ++p)
    for (int c = 0; c < C; ++c) t[p][c] = all_rows(0.0f);
  weight_at([&](int64_t i, const RowsF(&w)[2]) HEARTH_INLINE_LAMBDA {
    for (int c = 0; c < C; ++c) {
      const RowsF xi = all_rows(x[c][i]);
      for (int p = 0; p < 2; ++p) t[p][c] = fma(w[p], xi, t[p][c]);
    }
  });
  for (int c = 0; c < C; ++c)
    for (int p = 0; p < 2; ++p) {
      float* sum = sums + c * kTileRows + p * kPanelRows;
      store_rows(sum, add(load_rows(sum), t[p][c]));
    }
}

template <class S, int C>
static void float_few_tile(const Panels& panels, const Next& next, const float* const (&x)[C],
                           int64_t n, float* sums) noexcept {
  float_sums<C>(x, n, sums, [&](auto&& step) HEARTH_INLINE_LAMBDA {
    for (int64_t i = 0; i < n; i += S::kPerWord) {
      const int line = int(i / S::kPerWord);
      prefetch_lines(next, line, line + 1);
      RowsI word[2];
      for (int p = 0; p < 2; ++p)
        word[p] = load_rows(panels.words[p] + i / S::kPerWord * kPanelRows);
      unrolled<S::kPerWord>([&](auto u) HEARTH_INLINE_LAMBDA {
        if (i + u >= n) return;
        const RowsF w[2] = {S::template weight<u>(word[0]), S::template weight<u>(word[1])};
        step(i + u, w);
      });
    }
  });
}

template <int C>
static void float_lines_tile(const FloatLines* const (&lines)[2], const float* const* rows,
                             int64_t n, float* sums) noexcept {
  const float* x[C];
  for (int c = 0; c < C; ++c) x[c] = rows[c];
  float_sums<C>(x, n, sums, [&](auto&& step) HEARTH_INLINE_LAMBDA {
    for (int64_t i = 0; i < n; ++i) {
      const RowsF w[2] = {load_rows(lines[0]->w[i]), load_rows(lines[1]->w[i])};
      step(i, w);
    }
  });
}

template <class Counts = std::make_integer_sequence<int, kTileColumns>>
struct FloatLinesTiles;
template <int... c>
struct FloatLinesTiles<std::integer_sequence<int, c...>> {
  using Fn = void (*)(const FloatLines* const (&)[2], const float* const*, int64_t,
                      float*) noexcept;
  static constexpr Fn kFor[] = {nullptr, float_lines_tile<c + 1>...};
};

[[maybe_unused]] static void float_lines_columns(const FloatLines* const (&lines)[2],
                                                 const GemmArgs& a, int64_t first, int64_t n,
                                                 int64_t s, int64_t length, float* sums) noexcept {
  for (int64_t c = 0; c < n; c += kTileColumns) {
    const int64_t here = n - c < kTileColumns ? n - c : kTileColumns;
    const float* rows[kTileColumns];
    for (int64_t j = 0; j < here; ++j)
      rows[j] = a.x.f32 + Columns{a}.row(first + c + j) * a.x.f32_stride + s * kSuperblock;
    FloatLinesTiles<>::kFor[here](lines, rows, length, sums + c * kTileRows);
  }
}

template <class S, int C>
static void float_few_columns(const GemmArgs& a, const Panels& panels, int64_t s, int64_t length,
                              float* sums) noexcept {
  const Next next = next_of<S>(a, panels, n_superblocks(a.k) - s);
  const float* x[C];
  for (int c = 0; c < C; ++c) x[c] = a.x.f32 + Columns{a}.row(c) * a.x.f32_stride + s * kSuperblock;
  float_few_tile<S, C>(panels, next, x, length, sums);
}

// Superblock s of columns [first, first + n), unpacked to floats first.
template <class S>
static void float_many_columns(const GemmArgs& a, const Panels& panels, int64_t first, int64_t n,
                               int64_t s, int64_t length, const Scratch& scratch) noexcept {
  for (int p = 0; p < 2; ++p)
    for (int i = 0; i * S::kPerWord < length; ++i) {
      const RowsI word = load_rows(panels.words[p] + i * kPanelRows);
      unrolled<S::kPerWord>([&](auto u) HEARTH_INLINE_LAMBDA {
        store_rows(scratch.float_lines[p]->w[i * S::kPerWord + u], S::template weight<u>(word));
      });
    }
  const FloatLines* const lines[2] = {scratch.float_lines[0], scratch.float_lines[1]};
  float_lines_columns(lines, a, first, n, s, length, scratch.sums);
}

template <class T>
static void gemm_float(const GemmArgs& a) noexcept {
  using S = FloatCodes<T>;
  const Scratch scratch(a.scratch);
  for_each_superblock<S>(a, scratch,
                         [&](const Panels& panels, int64_t first, int64_t n, int64_t s)
                             HEARTH_INLINE_LAMBDA {
                               const int64_t left = a.k - s * kSuperblock;
                               const int64_t length = left < kSuperblock ? left : kSuperblock;
                               if (a.n_columns == 1)
                                 float_few_columns<S, 1>(a, panels, s, length, scratch.sums);
                               else if (a.n_columns == 2)
                                 float_few_columns<S, 2>(a, panels, s, length, scratch.sums);
                               else
                                 float_many_columns<S>(a, panels, first, n, s, length, scratch);
                             });
}

[[maybe_unused]] static void add_gemm_float(KernelTable& t) {
  t.gemm[quant::type_index<quant::F32>()] = gemm_float<quant::F32>;
  t.gemm[quant::type_index<quant::F16>()] = gemm_float<quant::F16>;
  t.gemm[quant::type_index<quant::BF16>()] = gemm_float<quant::BF16>;
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
