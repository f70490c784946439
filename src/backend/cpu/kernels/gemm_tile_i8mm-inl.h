// The tile of gemm_tile-inl.h for codes that were unpacked before, in products of 2 rows x 8 by
// 8 x 2 columns (smmla): the same steps in the same order for each row and column, so the same
// bits.
//
// Of 8 rows x 32 weights x 4 columns it issues 32 products, 8 conversions, 8 multiply-adds and 16
// pairings of scales and activations, on 32 loads, where sdot takes 64 products, 16 conversions and
// multiply-adds on 48 loads: 64 instructions for 80. Counted, not measured: no such CPU was at
// hand.

namespace hearth::backend::cpu::HEARTH_ISA {

template <class S, int C>
HEARTH_INLINE void matrix_tile(const uint32_t* const (&w)[2], const PanelScales* const (&s)[2],
                               const ActBlock* const (&x)[C], int n_groups, float* sums) {
  constexpr Kind k = S::kKind;
  constexpr int kParts = k.group == 16 ? 2 : 1;  // scales per group of 32
  constexpr bool kPer256 = k.form == ActForm::kPer256;
  constexpr int kPairs = (C + 1) / 2;  // of columns; of an odd number the last meets itself
  static_assert(!k.scaled);
  const auto second = [](int c) { return 2 * c + 1 < C ? 2 * c + 1 : 2 * c; };
  for (int p = 0; p < 2; ++p) {
    alignas(64) float t_rows[C][kPanelRows];
    for (int row = 0; row < kPanelRows; row += 8) {
      PairF t[4][kPairs];
      PairI exact[4][kPairs];
      for (int r = 0; r < 4; ++r)
        for (int c = 0; c < kPairs; ++c) {
          float* const at = sums + p * kPanelRows + row + 2 * r;
          if constexpr (k.int_scales)
            exact[r][c] = column_pair(0, 0);
          else if constexpr (kPer256)
            t[r][c] = column_pair(0.0f, 0.0f);
          else
            t[r][c] = load_pair(at + 2 * c * kTileRows, at + second(c) * kTileRows);
        }
      for (int g = 0; g < n_groups; ++g)
        unrolled<kParts>([&](auto part) HEARTH_INLINE_LAMBDA {
          const int i = kParts * g + part;
          PairI acc[4][kPairs];
          for (int c = 0; c < kPairs; ++c) {
            const ActBlock& x0 = *x[2 * c];
            const ActBlock& x1 = *x[second(c)];
            const PairI start = kParts == 2 ? column_pair(x0.neg_sum16[i] * S::kKind.offset,
                                                          x1.neg_sum16[i] * S::kKind.offset)
                                            : column_pair(x0.neg_sum32[g] * S::kKind.offset,
                                                          x1.neg_sum32[g] * S::kKind.offset);
            for (int r = 0; r < 4; ++r) acc[r][c] = start;
          }
          unrolled<4 / kParts>([&](auto step) HEARTH_INLINE_LAMBDA {
            constexpr int j = part * 2 + step;  // eight weights
            const uint32_t* const codes = w[p] + (g * 8 + 2 * j) * kPanelRows + 2 * row;
            for (int c = 0; c < kPairs; ++c) {
              const int8x16_t xs =
                  load_pair(x[2 * c]->q + 32 * g + 8 * j, x[second(c)]->q + 32 * g + 8 * j);
              for (int r = 0; r < 4; ++r) acc[r][c] = dot_matrix(acc[r][c], codes + 4 * r, xs);
            }
          });
          for (int r = 0; r < 4; ++r)
            for (int c = 0; c < kPairs; ++c) {
              const ActBlock& x0 = *x[2 * c];
              const ActBlock& x1 = *x[second(c)];
              const int pair = row / 2 + r;
              if constexpr (k.int_scales) {
                exact[r][c] = add(mul(acc[r][c], row_pair(s[p]->int_scale[i], pair)), exact[r][c]);
              } else if constexpr (kPer256) {
                t[r][c] = fma(to_float(acc[r][c]), row_pair(s[p]->scale[i], pair), t[r][c]);
              } else {
                t[r][c] = fma(to_float(acc[r][c]),
                              mul(row_pair(s[p]->scale[i], pair), column_pair(x0.d[g], x1.d[g])),
                              t[r][c]);
              }
              if constexpr (k.mins == Mins::kFloat) {
                const PairF x_sum = kParts == 1 ? column_pair(x0.d_sum32[g], x1.d_sum32[g])
                                                : column_pair(x0.d[g] * -float(x0.neg_sum16[i]),
                                                              x1.d[g] * -float(x1.neg_sum16[i]));
                t[r][c] = fma(row_pair(s[p]->min[i], pair), x_sum, t[r][c]);
              }
            }
        });
      for (int r = 0; r < 4; ++r)
        for (int c = 0; c < kPairs; ++c) {
          if constexpr (k.int_scales)
            t[r][c] = mul(to_float(exact[r][c]), row_pair(s[p]->d, row / 2 + r));
          store_pair(t_rows[2 * c] + row + 2 * r, t_rows[second(c)] + row + 2 * r, t[r][c]);
        }
    }
    for (int c = 0; c < C; ++c) {
      RowsF all = load_rows(t_rows[c]);
      if constexpr (k.mins == Mins::kInt) {
        RowsI mins = all_rows(0);
        for (int i = 0; i < (k.group == 16 ? 8 : 4); ++i)
          mins = dot_pairs(
              mins, load_rows(s[p]->int_min[i]),
              broadcast_word((k.group == 16 ? x[c]->neg_pairs16 : x[c]->neg_pairs32) + 2 * i));
        all = fma(to_float(mins), load_rows(s[p]->dmin), all);
      }
      float* const sum = sums + c * kTileRows + p * kPanelRows;
      if constexpr (kPer256) all = fma(all, all_rows(x[c]->d[0]), load_rows(sum));
      store_rows(sum, all);
    }
  }
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
