// The inner loop of gemm-inl.h: a tile of 32 rows (two panels) by up to kTileColumns columns, one
// superblock of 256 weights deep; its sums over k lie in memory. Each row and column goes through
// the same steps in the same order, whatever the tile:
//
//     per group of 16 or 32:  i = exact integer dot product
//     ActForm::kPer256:       t = fma(i, scale, t) over the groups, then sum = fma(t, d, sum)
//     ActForm::kPer32:        sum = fma(i, scale * d, sum)
//     Kind::int_scales:       t = d_w * (exact sum of i * scale)

namespace hearth::backend::cpu::HEARTH_ISA {

inline constexpr int kTileRows = 2 * kPanelRows;
// The codes of one superblock of 16 rows, unpacked.
struct alignas(64) Lines {
  uint32_t codes[64][kPanelRows];
  PanelScales scales;
};
// The same for float types: 256 columns of 16 rows.
struct alignas(64) FloatLines {
  float w[kSuperblock][kPanelRows];
};
static_assert(sizeof(Lines) <= 20480 && sizeof(FloatLines) <= 20480 && sizeof(ActBlock) == 512);

// The scratch memory of a call.
struct Scratch {
  float* sums;         // [kColumnBlock][kTileRows]
  uint32_t* words[2];  // a superblock of 16 packed rows, then their halves
  Lines* lines[2];
  FloatLines* float_lines[2];
  HEARTH_INLINE explicit Scratch(std::byte* at) {
    sums = reinterpret_cast<float*>(at);
    at += kColumnBlock * kTileRows * 4;
    for (int p = 0; p < 2; ++p, at += 16384 + 20480) {
      words[p] = reinterpret_cast<uint32_t*>(at);
      lines[p] = reinterpret_cast<Lines*>(at + 16384);
      float_lines[p] = reinterpret_cast<FloatLines*>(at + 16384);
    }
  }
};

// --- the tile ---

// Codes already unpacked: lines of a superblock in order.
template <Kind kind>
struct LinesOf {
  static constexpr Kind kKind = kind;
  static constexpr int kUnroll = 1;
  template <int u, int j>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer) {
    return load_rows(w + (outer * 8 + j) * kPanelRows);
  }
};

template <int kOffset>
HEARTH_INLINE RowsI start_of(int32_t neg_sum) {
  if constexpr (kOffset == 0)
    return all_rows(0);
  else if constexpr ((kOffset & (kOffset - 1)) == 0)
    return shift<-__builtin_ctz(unsigned(kOffset == 0 ? 1 : kOffset))>(all_rows(neg_sum));
  else
    return all_rows(neg_sum * kOffset);
}

// What will be read after the superblock at hand, of both panels: `near` next, `far` at least
// kFarBytes on. Null if another tile asks for it.
struct Next {
  const uint32_t* near[2];
  const uint32_t* far[2];
};
// The hardware's own prefetcher stops at page ends, and the first cache's few misses do not bring
// the next superblock soon enough by themselves: without `far`, reading is 3 % (Q8_0) to 13 %
// (Q6_K) slower. Between 5 and 14 KB it makes no difference how far (docs/performance.md).
inline constexpr int kFarBytes = 9216;
// Asks for lines [begin, end) of it.
HEARTH_INLINE void prefetch_lines(const Next& next, int begin, int end) {
  for (int line = begin; line < end; ++line)
    for (int p = 0; p < 2; ++p) {
      __builtin_prefetch(next.far[p] + line * kPanelRows, 0, 2);
      __builtin_prefetch(next.near[p] + line * kPanelRows);
    }
}

// Adds one superblock to sums[C][kTileRows]. n_groups: groups of 32 in it, 8 but at the end of k.
// kWords: of a packed superblock, where `next` is to be asked for; else 0.
template <class S, int C, int kWords = 0>
HEARTH_INLINE static void tile(const uint32_t* const (&w)[2], const PanelScales* const (&s)[2],
                               const ActBlock* const (&x)[C], int n_groups, float* sums,
                               const Next& next = {}) {
  constexpr Kind k = S::kKind;
  constexpr int kParts = k.group == 16 && !k.scaled ? 2 : 1;  // scales per group of 32
  constexpr int kSteps = 8 / kParts;
  constexpr bool kPer256 = k.form == ActForm::kPer256;
  static_assert(k.mins != Mins::kFloat || !kPer256);
  RowsF t[2][C];      // kPer256: of this superblock; kPer32: the sums themselves
  RowsI exact[2][C];  // the same, with int_scales
  for (int c = 0; c < C; ++c) {
    int32_t start = 0;
    if constexpr (k.scaled && k.offset != 0)
      for (int g = 0; g < 8; ++g) start += x[c]->neg_sum32[g] * k.offset;
    for (int p = 0; p < 2; ++p) {
      if constexpr (k.int_scales)
        exact[p][c] = all_rows(start);
      else if constexpr (kPer256)
        t[p][c] = all_rows(0.0f);
      else
        t[p][c] = load_rows(sums + c * kTileRows + p * kPanelRows);
    }
  }
  const int n_units = (n_groups + S::kUnroll - 1) / S::kUnroll;
  for (int unit = 0; unit < n_units; ++unit) {
    if constexpr (kWords == 0) {
      // The next tile's activations, of which most stand behind these, come from the second cache:
      // in one burst before the tile they cost a sixth of the speed of Q4_K_M's prefill.
      for (int c = 0; c < C; ++c)
        __builtin_prefetch(reinterpret_cast<const char*>(x[c] + C) + 64 * unit);
    }
    unrolled<S::kUnroll>([&](auto u) HEARTH_INLINE_LAMBDA {
      const int g = unit * S::kUnroll + u;
      unrolled<kParts>([&](auto part) HEARTH_INLINE_LAMBDA {
        const int i = kParts * g + part;
        RowsI acc[2][C];
        if constexpr (!k.scaled)
          for (int c = 0; c < C; ++c) {
            const RowsI start =
                start_of<k.offset>(kParts == 2 ? x[c]->neg_sum16[i] : x[c]->neg_sum32[g]);
            for (int p = 0; p < 2; ++p) acc[p][c] = start;
          }
        constexpr int kAtOnce = codes_at_once<S>();
        unrolled<kSteps / kAtOnce>([&](auto step) HEARTH_INLINE_LAMBDA {
          constexpr int j = part * kSteps + step * kAtOnce;
          if constexpr (kWords > 0) {
            // Even over the steps: a burst fills the queue of the first cache's misses, and what
            // is to be computed waits behind it.
            constexpr int kUnitSteps = 8 * S::kUnroll;
            constexpr int kLines = (kWords * S::kUnroll + 7) / 8;
            constexpr int at = 8 * u + j;
            if (next.near[0] != nullptr)
              prefetch_lines(next, unit * kLines + at * kLines / kUnitSteps,
                             unit * kLines + (at + kAtOnce) * kLines / kUnitSteps);
          }
          RowsI codes[2][kAtOnce];
          for (int p = 0; p < 2; ++p) get_codes<S, u, j>(w[p], unit, codes[p]);
          for (int word = 0; word < kAtOnce; ++word)
            for (int c = 0; c < C; ++c) {
              const ActWord xw = broadcast_word(x[c]->q + g * 32 + 4 * (j + word));
              for (int p = 0; p < 2; ++p) {
                if constexpr (k.scaled)
                  exact[p][c] = dot<k.is_signed>(exact[p][c], codes[p][word], xw);
                else
                  acc[p][c] = dot<k.is_signed>(acc[p][c], codes[p][word], xw);
              }
            }
        });
        if constexpr (k.scaled) return;
        for (int c = 0; c < C; ++c)
          for (int p = 0; p < 2; ++p) {
            if constexpr (k.int_scales) {
              exact[p][c] = add(mul(acc[p][c], load_rows(s[p]->int_scale[i])), exact[p][c]);
            } else if constexpr (kPer256) {
              t[p][c] = fma(to_float(acc[p][c]), load_rows(s[p]->scale[i]), t[p][c]);
            } else {
              t[p][c] = fma(to_float(acc[p][c]),
                            mul(load_rows(s[p]->scale[i]), all_rows(x[c]->d[g])), t[p][c]);
            }
            if constexpr (k.mins == Mins::kFloat) {
              const float x_sum =
                  kParts == 1 ? x[c]->d_sum32[g] : x[c]->d[g] * -float(x[c]->neg_sum16[i]);
              t[p][c] = fma(load_rows(s[p]->min[i]), all_rows(x_sum), t[p][c]);
            }
          }
      });
    });
  }
  if constexpr (k.int_scales)
    for (int c = 0; c < C; ++c)
      for (int p = 0; p < 2; ++p) t[p][c] = mul(to_float(exact[p][c]), load_rows(s[p]->d));
  if constexpr (k.mins == Mins::kInt) {
    RowsI mins[2][C];
    for (int c = 0; c < C; ++c)
      for (int p = 0; p < 2; ++p) mins[p][c] = all_rows(0);
    unrolled<(k.group == 16 ? 8 : 4)>([&](auto i) HEARTH_INLINE_LAMBDA {
      for (int c = 0; c < C; ++c) {
        const ActWord xw =
            broadcast_word((k.group == 16 ? x[c]->neg_pairs16 : x[c]->neg_pairs32) + 2 * i);
        for (int p = 0; p < 2; ++p)
          mins[p][c] = dot_pairs(mins[p][c], load_rows(s[p]->int_min[i]), xw);
      }
    });
    for (int c = 0; c < C; ++c)
      for (int p = 0; p < 2; ++p)
        t[p][c] = fma(to_float(mins[p][c]), load_rows(s[p]->dmin), t[p][c]);
  }
  for (int c = 0; c < C; ++c)
    for (int p = 0; p < 2; ++p) {
      float* sum = sums + c * kTileRows + p * kPanelRows;
      if constexpr (kPer256) t[p][c] = fma(t[p][c], all_rows(x[c]->d[0]), load_rows(sum));
      store_rows(sum, t[p][c]);
    }
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
