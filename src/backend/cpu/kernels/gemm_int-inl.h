// gemm_<block type>_q8: block-quantized weights times int8 activations, for every block type of
// quant/list.h.
//
// Two ways to the same bits. Both walk k in superblocks of 256 and steps of kStep; a lane holds the
// dot product of four consecutive weights, exact in int32; then acc = fma(float(dot), weight_scale
// * act_scale, acc), one accumulator per row and column; minima go to a second accumulator, eight
// groups at a time; y = sum(acc) - sum(mins).
//
//  * panel: kPanelRows rows are unpacked by T::unpack into codes, scales and minima, then
//  multiplied with all columns.
//    Works for every type; the unpacking is paid once per kPanelRows rows, so it suits many
//    columns.
//  * fused: a type with a `Loader` unpacks in registers, for up to four columns: decode and small
//  batches.

namespace hearth::backend::cpu::HEARTH_ISA {

// A panel keeps one scale per 16 weights for types whose groups are that small, else one per 32.
template <class T>
inline constexpr int kUnpackGroup = T::kGroup % 32 == 0 ? 32 : 16;

struct Panel {
  const int8_t* codes[kPanelRows];
  const float* scale[kPanelRows];
  const float* min[kPanelRows];
};

template <class T>
static Panel unpack_panel(const GemmArgs& a, int64_t row, int n_rows) noexcept {
  const int64_t k_padded = a.x.k_padded;
  Panel panel;
  std::byte* at = a.panel;
  for (int r = 0; r < kPanelRows; ++r) {
    auto* codes = reinterpret_cast<int8_t*>(at);
    auto* scale = reinterpret_cast<float*>(at + k_padded);
    auto* min = scale + k_padded / 16;
    at += k_padded + 2 * (k_padded / 16) * 4;
    panel.codes[r] = codes;
    panel.scale[r] = scale;
    panel.min[r] = min;
    if (r >= n_rows) continue;
    const auto* block =
        reinterpret_cast<const typename T::Block*>(a.weight + size_t(row + r) * a.row_bytes);
    constexpr int kSub =
        kUnpackGroup<T>;  // groups of 16 or 32 in the panel, whatever the type's own group is
    for (int64_t i = 0; i < a.k; i += T::kBlockLen, ++block) {
      float s[T::kBlockLen / T::kGroup];
      float m[T::kBlockLen / T::kGroup];
      T::unpack(*block, codes + i, s, m);
      for (int g = 0; g < T::kBlockLen / kSub; ++g) {
        scale[i / kSub + g] = s[g * kSub / T::kGroup];
        if constexpr (T::kHasMin) min[i / kSub + g] = m[g * kSub / T::kGroup];
      }
    }
    for (int64_t i = a.k; i < k_padded; ++i) codes[i] = 0;
    for (int64_t g = (a.k + kSub - 1) / kSub; g < k_padded / kSub; ++g) {
      scale[g] = 0;
      min[g] = 0;
    }
  }
  return panel;
}

// The accumulators of R rows and C columns.
template <int R, int C>
struct Sums {
  F acc[R][C];
  M min[R][C];
  HEARTH_INLINE void clear() {
    for (int r = 0; r < R; ++r)
      for (int c = 0; c < C; ++c) {
        acc[r][c] = zero();
        min[r][c] = zero_mins();
      }
  }
  template <bool kHasMin>
  HEARTH_INLINE void write(const GemmArgs& a, int64_t row, int64_t col) const {
    for (int c = 0; c < C; ++c) {
      float* y = a.y + (a.y_rows ? a.y_rows[col + c] : col + c) * a.y_stride + row;
      for (int r = 0; r < R; ++r) {
        float sum = reduce_add(acc[r][c]);
        if constexpr (kHasMin) sum -= reduce_add_mins(min[r][c]);
        y[r] = sum;
      }
    }
  }
};

// The columns of a tile.
template <int C>
struct Columns {
  const int8_t* q[C];
  const float* d[C];
  const float* sum16[C];
  const float* sum32[C];
  HEARTH_INLINE Columns(const GemmArgs& a, int64_t col) {
    for (int c = 0; c < C; ++c) {
      const int64_t x = a.x_rows ? a.x_rows[col + c] : col + c;
      q[c] = a.x.q + x * a.x.k_padded;
      d[c] = a.x.d + x * (a.x.k_padded / 16);
      sum16[c] = a.x.sum16 + x * (a.x.k_padded / 16);
      sum32[c] = a.x.sum32 + x * (a.x.k_padded / 32);
    }
  }
  // The eight (of sixteen) sums that belong to minima [8 * i, 8 * i + 8) of superblock b.
  template <int kGroup>
  HEARTH_INLINE M sums(int c, int64_t b, int i) const {
    return kGroup == 16 ? load_mins(sum16[c] + 16 * b + 8 * i) : load_mins(sum32[c] + 8 * b);
  }
};

// Steps 0 .. 256 / kStep - 1 of one superblock; codes(r, step) gives the codes of row r as dot()
// takes them.
template <int kGroup, int kOffset, int R, int C, int kStepIdx, class Codes>
HEARTH_INLINE void superblock_steps(Sums<R, C>& sums, const Columns<C>& x, int64_t b,
                                    const Scales (&scales)[R][C], Codes&& codes) {
  if constexpr (kStepIdx * kStep < 256) {
    X xv[C];
    for (int c = 0; c < C; ++c) xv[c] = prepare_x<kOffset>(x.q[c] + b * 256 + kStepIdx * kStep);
    for (int r = 0; r < R; ++r) {
      const auto w = codes.template operator()<kStepIdx>(r);
      for (int c = 0; c < C; ++c)
        sums.acc[r][c] = fma(dot(w, xv[c]), expand_scales<kStepIdx>(scales[r][c]), sums.acc[r][c]);
    }
    superblock_steps<kGroup, kOffset, R, C, kStepIdx + 1>(sums, x, b, scales, codes);
  }
}

template <int kGroup, bool kHasMin, int R, int C>
static void panel_tile(const GemmArgs& a, const Panel& panel, int64_t row, int64_t col) noexcept {
  const Columns<C> x(a, col);
  Sums<R, C> sums;
  sums.clear();
  for (int64_t b = 0; b < a.x.k_padded / 256; ++b) {
    Scales scales[R][C];
    for (int c = 0; c < C; ++c) {
      const auto xs = load_act_scales(x.d[c] + b * 16);
      for (int r = 0; r < R; ++r)
        scales[r][c] =
            combine_scales(load_weight_scales<kGroup>(panel.scale[r] + b * (256 / kGroup)), xs);
    }
    superblock_steps<kGroup, kPanelOffset, R, C, 0>(sums, x, b, scales, [&]<int kStepIdx>(int r) {
      return load_panel_codes(panel.codes[r] + b * 256 + kStepIdx * kStep);
    });
    if constexpr (kHasMin)
      for (int i = 0; i < 32 / kGroup; ++i)
        for (int c = 0; c < C; ++c) {
          const M xs = x.template sums<kGroup>(c, b, i);
          for (int r = 0; r < R; ++r)
            sums.min[r][c] =
                fma_mins(load_mins(panel.min[r] + b * (256 / kGroup) + 8 * i), xs, sums.min[r][c]);
        }
  }
  sums.template write<kHasMin>(a, row, col);
}

template <class T, int R>
static void panel_rows(const GemmArgs& a, int64_t row) noexcept {
  constexpr int kGroup = kUnpackGroup<T>;
  const Panel panel = unpack_panel<T>(a, row, R);
  int64_t col = 0;
  for (; col + 4 <= a.n_columns; col += 4) panel_tile<kGroup, T::kHasMin, R, 4>(a, panel, row, col);
  for (; col < a.n_columns; ++col) panel_tile<kGroup, T::kHasMin, R, 1>(a, panel, row, col);
}

template <class L, int R, int C>
static void fused_tile(const GemmArgs& a, int64_t row, int64_t col) noexcept {
  using T = typename L::Type;
  constexpr int kGroup = T::kGroup;
  const Columns<C> x(a, col);
  Sums<R, C> sums;
  sums.clear();
  const std::byte* w[R];
  for (int r = 0; r < R; ++r) w[r] = a.weight + size_t(row + r) * a.row_bytes;
  constexpr int kBlocks = 256 / T::kBlockLen;
  constexpr size_t kSuperblockBytes = sizeof(typename T::Block) * size_t(kBlocks);
  typename T::Block tail[R][kBlocks];  // k ends inside of a superblock: its blocks, then zeros
  for (int64_t b = 0; b < a.x.k_padded / 256; ++b) {
    L loader[R];
    Scales scales[R][C];
    for (int r = 0; r < R; ++r) {
      // The same place of the next tile: the R rows of a tile are short streams side by side, which
      // the hardware prefetcher takes up too late and loses at page ends.
      for (size_t line = 0; line < kSuperblockBytes; line += 64)
        __builtin_prefetch(w[r] + size_t(R) * a.row_bytes + line);
      const auto* blocks = reinterpret_cast<const typename T::Block*>(w[r]);
      if (kBlocks > 1 && b == a.k / 256) {
        __builtin_memset(tail[r], 0, kSuperblockBytes);
        __builtin_memcpy(tail[r], w[r],
                         sizeof(typename T::Block) * size_t(a.k % 256 / T::kBlockLen));
        blocks = tail[r];
      }
      loader[r].begin(blocks);
      w[r] += kSuperblockBytes;
    }
    for (int c = 0; c < C; ++c) {
      const auto xs = load_act_scales(x.d[c] + b * 16);
      for (int r = 0; r < R; ++r) scales[r][c] = combine_scales(loader[r].scales(), xs);
    }
    superblock_steps<kGroup, L::kOffset, R, C, 0>(sums, x, b, scales, [&]<int kStepIdx>(int r) {
      return loader[r].template codes<kStepIdx>();
    });
    if constexpr (T::kHasMin)
      for (int i = 0; i < 32 / kGroup; ++i)
        for (int c = 0; c < C; ++c) {
          const M xs = x.template sums<kGroup>(c, b, i);
          for (int r = 0; r < R; ++r)
            sums.min[r][c] = fma_mins(loader[r].mins(i), xs, sums.min[r][c]);
        }
  }
  sums.template write<T::kHasMin>(a, row, col);
}

template <class L, int R>
static void fused_rows(const GemmArgs& a, int64_t row) noexcept {
  switch (a.n_columns) {
    case 1:
      fused_tile<L, R, 1>(a, row, 0);
      return;
    case 2:
      fused_tile<L, R, 2>(a, row, 0);
      return;
    case 3:
      fused_tile<L, R, 3>(a, row, 0);
      return;
    default:
      fused_tile<L, R, 4>(a, row, 0);
      return;
  }
}

template <class T>
static void gemm_panel(const GemmArgs& a) noexcept {
  int64_t row = a.row_begin;
  for (; row + 4 <= a.row_end; row += 4) panel_rows<T, 4>(a, row);
  for (; row < a.row_end; ++row) panel_rows<T, 1>(a, row);
}

template <class L>
static void gemm_fused(const GemmArgs& a) noexcept {
  using T = typename L::Type;
  if (a.n_columns == 0 || a.n_columns > 4) {
    gemm_panel<T>(a);
    return;
  }
  int64_t row = a.row_begin;
  for (; row + 4 <= a.row_end; row += 4) fused_rows<L, 4>(a, row);
  for (; row < a.row_end; ++row) fused_rows<L, 1>(a, row);
}

// The panel kernel for every block type; ISA files replace cells with gemm_fused where they have a
// Loader.
static void add_gemm_int(KernelTable& t) {
  quant::TypeList::for_each([&]<class T>() {
    if constexpr (quant::BlockType<T>) t.gemm[quant::type_index<T>()] = gemm_panel<T>;
  });
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
