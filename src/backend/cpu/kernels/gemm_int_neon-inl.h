// gemm_<block type>_q8 on NEON: block-quantized weights times int8 activations, for every block
// type of quant/list.h.
//
// kPanelRows = 4 rows are unpacked into codes (interleaved, see simd/neon.h), scales and minima,
// then multiplied with all columns. A lane is a row: the sum of a group is exact in int32, then
//
//     acc[row] = fma(float(sum), weight_scale[row] * act_scale, acc[row])
//     mins[row] = fma(min[row], act_sum, mins[row])           y[row] = acc[row] - mins[row]
//
// in the order of k. So the bits depend neither on the number of columns, nor on which of dotprod
// and i8mm made the integer.

namespace hearth::backend::cpu::HEARTH_ISA {

static_assert(kPanelRows == 4);

// A panel keeps one scale per 16 weights for types whose groups are that small, else one per 32.
template <class T>
inline constexpr int kUnpackGroup = T::kGroup % 32 == 0 ? 32 : 16;

struct Panel {
  int8_t* codes;  // [k / 16, 4 rows, 16] interleaved by store_codes
  float* scale;   // [k / group, 4 rows]
  float* min;     // [k / group, 4 rows]
};

// Fewer than four rows: the last one stands in for those that lack.
template <class T>
static Panel unpack_panel(const GemmArgs& a, int64_t row, int n_rows) noexcept {
  constexpr int kSub = kUnpackGroup<T>;
  constexpr int kGroups = T::kBlockLen / T::kGroup;
  const int64_t k_padded = a.x.k_padded;
  auto* scales = reinterpret_cast<float*>(a.panel + 4 * k_padded);
  const Panel panel{reinterpret_cast<int8_t*>(a.panel), scales, scales + 4 * (k_padded / 16)};
  for (int64_t i = 0; i < a.k; i += T::kBlockLen) {
    int8_t q[4][T::kBlockLen];
    float s[4][kGroups];
    float m[4][kGroups];
    for (int r = 0; r < 4; ++r) {
      const int64_t from = row + (r < n_rows ? r : n_rows - 1);
      const auto* blocks =
          reinterpret_cast<const typename T::Block*>(a.weight + size_t(from) * a.row_bytes);
      T::unpack(blocks[i / T::kBlockLen], q[r], s[r], m[r]);
    }
    for (int j = 0; j < T::kBlockLen; j += 16)
      store_codes(panel.codes + 4 * (i + j),
                  {vld1q_s8(q[0] + j), vld1q_s8(q[1] + j), vld1q_s8(q[2] + j), vld1q_s8(q[3] + j)});
    for (int g = 0; g < T::kBlockLen / kSub; ++g)
      for (int r = 0; r < 4; ++r) {
        panel.scale[4 * (i / kSub + g) + r] = s[r][g * kSub / T::kGroup];
        if constexpr (T::kHasMin) panel.min[4 * (i / kSub + g) + r] = m[r][g * kSub / T::kGroup];
      }
  }
  return panel;
}

template <int kGroup, bool kHasMin, int C>
static void panel_tile(const GemmArgs& a, const Panel& panel, int64_t row, int n_rows,
                       int64_t col) noexcept {
  const int8_t* q[C];
  const float* d[C];
  const float* x_sums[C];
  F acc[C];
  F mins[C];
  for (int c = 0; c < C; ++c) {
    const int64_t x = a.x_rows ? a.x_rows[col + c] : col + c;
    q[c] = a.x.q + x * a.x.k_padded;
    d[c] = a.x.d + x * (a.x.k_padded / 16);
    x_sums[c] =
        kGroup == 16 ? a.x.sum16 + x * (a.x.k_padded / 16) : a.x.sum32 + x * (a.x.k_padded / 32);
    acc[c] = mins[c] = zero();
  }
  for (int64_t g = 0; g < a.k / kGroup; ++g) {
    const F scale = load(panel.scale + 4 * g);
    for (int64_t i = g * kGroup; i < (g + 1) * kGroup; i += 16) {
      IntSums<C> sums;
      sums.clear();
      sums.add(load_codes(panel.codes + 4 * i), q, i);
      for (int c = 0; c < C; ++c)
        acc[c] = fma(vcvtq_f32_s32(sums.column(c)), mul(scale, set1(d[c][i / 16])), acc[c]);
    }
    if constexpr (kHasMin) {
      const F min = load(panel.min + 4 * g);
      for (int c = 0; c < C; ++c) mins[c] = fma(min, set1(x_sums[c][g]), mins[c]);
    }
  }
  for (int c = 0; c < C; ++c) {
    float* y = a.y + (a.y_rows ? a.y_rows[col + c] : col + c) * a.y_stride + row;
    const F sum = kHasMin ? sub(acc[c], mins[c]) : acc[c];
    if (n_rows == 4)
      store(y, sum);
    else
      store_n(y, sum, n_rows);
  }
}

template <class T>
static void gemm_panel(const GemmArgs& a) noexcept {
  constexpr int kGroup = kUnpackGroup<T>;
  if (a.n_columns == 0) return;
  for (int64_t row = a.row_begin; row < a.row_end; row += 4) {
    const int n_rows = a.row_end - row < 4 ? int(a.row_end - row) : 4;
    const Panel panel = unpack_panel<T>(a, row, n_rows);
    int64_t col = 0;
    for (; col + 4 <= a.n_columns; col += 4)
      panel_tile<kGroup, T::kHasMin, 4>(a, panel, row, n_rows, col);
    for (; col + 2 <= a.n_columns; col += 2)
      panel_tile<kGroup, T::kHasMin, 2>(a, panel, row, n_rows, col);
    if (col < a.n_columns) panel_tile<kGroup, T::kHasMin, 1>(a, panel, row, n_rows, col);
  }
}

static void add_gemm_int(KernelTable& t) {
  quant::TypeList::for_each([&]<class T>() {
    if constexpr (quant::BlockType<T>) t.gemm[quant::type_index<T>()] = gemm_panel<T>;
  });
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
