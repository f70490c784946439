// gemm_<type>: packed weights (packed.h) times activations, one kernel family for 1 to 512 columns
// and every type.
//
// A tile is 32 rows (two panels) by up to kTileColumns columns, one superblock of 256 weights deep;
// its sums over k lie in memory. Each row and column goes through the same steps in the same order,
// whatever the tile:
//
//     per group of 16 or 32:  i = exact integer dot product
//     ActForm::kPer256:       t = fma(i, scale, t) over the groups, then sum = fma(t, d, sum)
//     ActForm::kPer32:        sum = fma(i, scale * d, sum)
//     Kind::int_scales:       t = d_w * (exact sum of i * scale)
//
// Few columns unpack the codes in registers; more unpack 32 rows of a superblock once into a buffer
// that stays in the first cache (`Lines`), and all columns read that. Types without a packed form
// go that way always.

namespace hearth::backend::cpu::HEARTH_ISA {

inline constexpr int kTileRows = 2 * kPanelRows;
// Up to this many columns, codes are unpacked in registers, by tiles of at most kFewTileColumns.
inline constexpr int kFewColumns = 16;
inline constexpr int kFewTileColumns = 4;

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
  template <int u>
  HEARTH_INLINE static RowsI codes(const uint32_t* w, int outer, int j) {
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

// What will be read after the superblock at hand, of both panels.
struct Next {
  const uint32_t* words[2];
};
// Asks for part `i` of kParts of it. Memory answers in about 100 ns, and the hardware's own
// prefetcher stops at page ends.
template <int kWords, int kParts>
HEARTH_INLINE void prefetch_part(const Next& next, int i) {
  constexpr int kLines = (kWords + kParts - 1) / kParts;
  for (int p = 0; p < 2; ++p)
    for (int line = 0; line < kLines; ++line)
      __builtin_prefetch(next.words[p] + (i * kLines + line) * kPanelRows);
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
    if constexpr (kWords > 0) prefetch_part<kWords, 8 / S::kUnroll>(next, unit);
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
        unrolled<kSteps>([&](auto step) HEARTH_INLINE_LAMBDA {
          constexpr int j = part * kSteps + step;
          RowsI codes[2];
          for (int p = 0; p < 2; ++p) codes[p] = S::template codes<u>(w[p], unit, j);
          for (int c = 0; c < C; ++c) {
            const ActWord xw = broadcast_word(x[c]->q + g * 32 + 4 * j);
            for (int p = 0; p < 2; ++p) {
              if constexpr (k.scaled)
                exact[p][c] = dot<k.is_signed>(exact[p][c], codes[p], xw);
              else
                acc[p][c] = dot<k.is_signed>(acc[p][c], codes[p], xw);
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

// The columns of a call: where the blocks of superblock s are.
struct Columns {
  const GemmArgs& a;
  HEARTH_INLINE int64_t row(int64_t c) const { return a.x_rows ? a.x_rows[c] : c; }
  HEARTH_INLINE const ActBlock* block(int64_t c, int64_t s) const {
    return a.x.blocks + s * a.x.n + row(c);
  }
};

template <class S, int C>
static void lines_tile(const Lines* const (&lines)[2], const ActBlock* const* blocks, int n_groups,
                       float* sums) noexcept {
  const uint32_t* const w[2] = {lines[0]->codes[0], lines[1]->codes[0]};
  const PanelScales* const s[2] = {&lines[0]->scales, &lines[1]->scales};
  const ActBlock* x[C];
  for (int c = 0; c < C; ++c) x[c] = blocks[c];
  tile<S, C>(w, s, x, n_groups, sums);
}

// lines_tile for 1 to kTileColumns columns.
template <class S, class Counts = std::make_integer_sequence<int, kTileColumns>>
struct LinesTiles;
template <class S, int... c>
struct LinesTiles<S, std::integer_sequence<int, c...>> {
  using Fn = void (*)(const Lines* const (&)[2], const ActBlock* const*, int, float*) noexcept;
  static constexpr Fn kFor[] = {nullptr, lines_tile<S, c + 1>...};
};

// All columns of a block, in groups as even as can be.
template <class S>
static void lines_columns(const Lines* const (&lines)[2], const Columns& columns, int64_t first,
                          int64_t n, int64_t s, int n_groups, float* sums) noexcept {
  const int64_t n_tiles = (n + kTileColumns - 1) / kTileColumns;
  const int64_t small = n / n_tiles;
  const int64_t n_large = n % n_tiles;  // tiles with one column more
  int64_t c = 0;
  for (int64_t i = 0; i < n_tiles; ++i) {
    const int64_t here = small + (i < n_large);
    const ActBlock* blocks[kTileColumns];
    for (int64_t j = 0; j < here; ++j) blocks[j] = columns.block(first + c + j, s);
    // The next tile's activations come from the second cache or further.
    for (int64_t j = here; j < 2 * here && c + j < n; ++j) {
      const auto* next = reinterpret_cast<const char*>(columns.block(first + c + j, s));
      for (size_t at = 0; at < sizeof(ActBlock); at += 64) __builtin_prefetch(next + at);
    }
    LinesTiles<S>::kFor[here](lines, blocks, n_groups, sums + c * kTileRows);
    c += here;
  }
}

// --- the way over rows, columns and k ---

// The two panels at `row`: the second is missing (a copy of the first) at an odd end.
struct Panels {
  const uint32_t* words[2];
  const uint16_t* halves[2];
};

template <class S>
HEARTH_INLINE Panels packed_panels(const GemmArgs& a, int64_t row, int64_t n_supers) {
  Panels panels;
  for (int p = 0; p < 2; ++p) {
    const int64_t at = row + (row + p * kPanelRows < a.row_end ? p * kPanelRows : 0);
    panels.words[p] =
        reinterpret_cast<const uint32_t*>(a.packed + size_t(at / kPanelRows) * a.panel_bytes);
    // Types with halves have no cut superblocks.
    panels.halves[p] =
        reinterpret_cast<const uint16_t*>(panels.words[p] + n_supers * S::kWords * kPanelRows);
  }
  return panels;
}

// What follows the superblock at `panels`, of which, with it, `left` remain: the panels' own next
// one, or the first of the next two panels.
template <class S>
HEARTH_INLINE Next next_of(const GemmArgs& a, const Panels& panels, int64_t left) {
  Next next;
  const size_t ahead = left > 1 ? size_t(S::kWords) * kPanelRows * 4
                                : 2 * a.panel_bytes - size_t(n_superblocks(a.k) - 1) *
                                                          size_t(S::kWords) * kPanelRows * 4;
  for (int p = 0; p < 2; ++p)
    next.words[p] =
        reinterpret_cast<const uint32_t*>(reinterpret_cast<const char*>(panels.words[p]) + ahead);
  return next;
}

// Packs superblock s of the rows at `row` from the file into the scratch.
template <class T>
static Panels pack_here(const GemmArgs& a, int64_t row, int64_t s,
                        const Scratch& scratch) noexcept {
  const Packing* packing = a.packing;
  constexpr int64_t kBlocks = kSuperblock / T::kBlockLen;
  const int64_t left = a.k / T::kBlockLen - s * kBlocks;
  Panels panels;
  for (int p = 0; p < 2; ++p) {
    const std::byte* blocks[kPanelRows];
    for (int64_t r = 0; r < kPanelRows; ++r) {
      const int64_t at = row + p * kPanelRows + r;
      blocks[r] = at < a.row_end ? a.weight + size_t(at) * a.row_bytes +
                                       size_t(s * kBlocks) * sizeof(typename T::Block)
                                 : nullptr;
    }
    auto* halves = reinterpret_cast<uint16_t*>(scratch.words[p] + packing->words * kPanelRows);
    packing->pack(blocks, int(left < kBlocks ? left : kBlocks), scratch.words[p], halves);
    panels.words[p] = scratch.words[p];
    panels.halves[p] = halves;
  }
  return panels;
}

HEARTH_INLINE int groups_in(int64_t k, int64_t s) {
  const int64_t left = (k - s * kSuperblock + 31) / 32;
  return left < 8 ? int(left) : 8;
}

// y from the sums of n columns.
static void write_sums(const GemmArgs& a, int64_t row, int64_t first, int64_t n,
                       const float* sums) noexcept {
  const int64_t n_rows = a.row_end - row < kTileRows ? a.row_end - row : kTileRows;
  for (int64_t c = 0; c < n; ++c, sums += kTileRows) {
    const int64_t y_row = a.y_rows ? a.y_rows[first + c] : first + c;
    float* y = a.y + y_row * a.y_stride + row;
    if (n_rows == kTileRows) {
      for (int i = 0; i < kTileRows; i += kLanes) {
        F v = load(sums + i);
        if (a.scale != 1.0f) v = mul(v, set1(a.scale));
        if (a.bias != nullptr) v = add(v, load(a.bias + row + i));
        if (a.accumulate) v = add(load(y + i), v);
        store(y + i, v);
      }
    } else {
      for (int64_t i = 0; i < n_rows; ++i) {
        float v = sums[i];
        if (a.scale != 1.0f) v = v * a.scale;
        if (a.bias != nullptr) v = v + a.bias[row + i];
        y[i] = a.accumulate ? y[i] + v : v;
      }
    }
  }
}

HEARTH_INLINE void clear_sums(float* sums, int64_t n) {
  for (int64_t i = 0; i < n * kTileRows; i += kLanes) store(sums + i, zero());
}

// The way of every packed type: two panels of rows, a block of columns and a superblock at a time,
// the sums over k in the scratch. multiply(panels, first, n, s) adds superblock s of columns
// [first, first + n).
template <class S, class Multiply>
HEARTH_INLINE void for_each_superblock(const GemmArgs& a, const Scratch& scratch,
                                       Multiply&& multiply) {
  const int64_t n_supers = n_superblocks(a.k);
  for (int64_t row = a.row_begin; row < a.row_end; row += kTileRows)
    for (int64_t first = 0; first < a.n_columns; first += kColumnBlock) {
      const int64_t n = a.n_columns - first < kColumnBlock ? a.n_columns - first : kColumnBlock;
      clear_sums(scratch.sums, n);
      Panels panels{};
      if (a.packed != nullptr) panels = packed_panels<S>(a, row, n_supers);
      for (int64_t s = 0; s < n_supers; ++s) {
        if (a.packed == nullptr) panels = pack_here<typename S::Type>(a, row, s, scratch);
        multiply(panels, first, n, s);
        for (int p = 0; p < 2; ++p) {
          panels.words[p] += S::kWords * kPanelRows;
          panels.halves[p] += kPanelRows;
        }
      }
      write_sums(a, row, first, n, scratch.sums);
    }
}

template <class S, int C>
static void few_tile(const Panels& panels, const Next& next, const PanelScales (&scales)[2],
                     const ActBlock* const* blocks, int n_groups, float* sums) noexcept {
  const PanelScales* const s[2] = {&scales[0], &scales[1]};
  const ActBlock* x[C];
  for (int c = 0; c < C; ++c) x[c] = blocks[c];
  tile<S, C, S::kWords>(panels.words, s, x, n_groups, sums, next);
}

// Superblock s of at most kFewColumns columns.
template <class S>
static void few_columns(const GemmArgs& a, const Panels& panels, int64_t s,
                        const Scratch& scratch) noexcept {
  using Fn = void (*)(const Panels&, const Next&, const PanelScales(&)[2], const ActBlock* const*,
                      int, float*) noexcept;
  static constexpr Fn kTiles[kFewTileColumns + 1] = {nullptr, few_tile<S, 1>, few_tile<S, 2>,
                                                     few_tile<S, 3>, few_tile<S, 4>};
  const int n = int(a.n_columns);
  const int n_tiles = (n + kFewTileColumns - 1) / kFewTileColumns;
  PanelScales scales[2];
  for (int p = 0; p < 2; ++p) S::scales(panels.words[p], panels.halves[p], scales[p]);
  const ActBlock* x[kFewColumns];
  for (int c = 0; c < n; ++c) x[c] = Columns{a}.block(c, s);
  const Next next = next_of<S>(a, panels, n_superblocks(a.k) - s);
  for (int i = 0; i < n_tiles; ++i) {
    const int begin = n * i / n_tiles;
    const int end = n * (i + 1) / n_tiles;
    kTiles[end - begin](panels, next, scales, x + begin, groups_in(a.k, s),
                        scratch.sums + begin * kTileRows);
  }
}

// The Kind of a packed type's codes once they are unpacked.
template <class S>
constexpr Kind lines_kind() {
  Kind kind = S::kKind;
  if (kScaledCodes && kind.int_scales) {
    kind.scaled = true;
    kind.offset = kind.offset == 0 ? 0 : kScaledOffset;
  }
  return kind;
}

template <class S>
static void unpack_lines(const uint32_t* w, const uint16_t* halves, int n_groups,
                         Lines& out) noexcept {
  constexpr Kind kind = lines_kind<S>();
  S::scales(w, halves, out.scales);
  for (int outer = 0; outer * S::kUnroll < n_groups; ++outer)
    unrolled<S::kUnroll>([&](auto u) HEARTH_INLINE_LAMBDA {
      const int g = outer * S::kUnroll + u;
      for (int j = 0; j < 8; ++j) {
        RowsI codes = S::template codes<u>(w, outer, j);
        if constexpr (kind.scaled) {
          // code * scale - offset * scale + kScaledOffset: the weight itself, made unsigned.
          const RowsI scale = load_rows(out.scales.int_scale[2 * g + j / 4]);
          const RowsI start = add(mul(scale, all_rows(-S::kKind.offset)), all_rows(kind.offset));
          codes = scale_codes(codes, scale, start);
        }
        store_rows(out.codes[g * 8 + j], codes);
      }
    });
}

// Superblock s of columns [first, first + n).
template <class S>
static void many_columns(const GemmArgs& a, const Panels& panels, int64_t first, int64_t n,
                         int64_t s, const Scratch& scratch) noexcept {
  const int n_groups = groups_in(a.k, s);
  for (int p = 0; p < 2; ++p)
    unpack_lines<S>(panels.words[p], panels.halves[p], n_groups, *scratch.lines[p]);
  const Lines* const lines[2] = {scratch.lines[0], scratch.lines[1]};
  lines_columns<LinesOf<lines_kind<S>()>>(lines, Columns{a}, first, n, s, n_groups, scratch.sums);
}

template <class S>
static void gemm_packed(const GemmArgs& a) noexcept {
  const Scratch scratch(a.scratch);
  for_each_superblock<S>(a, scratch,
                         [&](const Panels& panels, int64_t first, int64_t n, int64_t s)
                             HEARTH_INLINE_LAMBDA {
                               if (a.n_columns <= kFewColumns)
                                 few_columns<S>(a, panels, s, scratch);
                               else
                                 many_columns<S>(a, panels, first, n, s, scratch);
                             });
}

// --- types without a packed form: T::unpack, 16 rows at a time ---

template <class T>
constexpr Kind unpacked_kind() {
  return {kActFormOf<T>, T::kGroup % 32 == 0 ? 32 : 16,          kSignedOffset, true,
          false,         T::kHasMin ? Mins::kFloat : Mins::kNone};
}

template <class T>
static void unpack_rows(const GemmArgs& a, int64_t row, int64_t s, Lines& out) noexcept {
  constexpr int kGroup = unpacked_kind<T>().group;
  constexpr int64_t kBlocks = kSuperblock / T::kBlockLen;
  const int64_t left = a.k / T::kBlockLen - s * kBlocks;
  const int64_t n_blocks = left < kBlocks ? left : kBlocks;
  for (int64_t r = 0; r < kPanelRows; ++r) {
    const int64_t at = row + r < a.row_end ? row + r : row;
    const auto* blocks =
        reinterpret_cast<const typename T::Block*>(a.weight + size_t(at) * a.row_bytes) +
        s * kBlocks;
    alignas(64) int8_t q[kSuperblock] = {};
    for (int64_t b = 0; b < n_blocks; ++b) {
      float scale[T::kBlockLen / T::kGroup];
      float min[T::kBlockLen / T::kGroup];
      T::unpack(blocks[b], q + b * T::kBlockLen, scale, min);
      constexpr int kGroups = T::kBlockLen / kGroup;
      for (int g = 0; g < kGroups; ++g) {
        out.scales.scale[b * kGroups + g][r] = scale[g * kGroup / T::kGroup];
        if constexpr (T::kHasMin) out.scales.min[b * kGroups + g][r] = -min[g * kGroup / T::kGroup];
      }
    }
    for (int64_t g = n_blocks * T::kBlockLen / kGroup; g < kSuperblock / kGroup; ++g) {
      out.scales.scale[g][r] = 0;
      if constexpr (T::kHasMin) out.scales.min[g][r] = 0;
    }
    for (int i = 0; i < 64; ++i) __builtin_memcpy(&out.codes[i][r], q + 4 * i, 4);
  }
  for (int i = 0; i < 64; ++i) store_rows(out.codes[i], signed_codes(load_rows(out.codes[i])));
}

template <class T>
static void gemm_unpacked(const GemmArgs& a) noexcept {
  const Scratch scratch(a.scratch);
  const Columns columns{a};
  for (int64_t row = a.row_begin; row < a.row_end; row += kTileRows)
    for (int64_t first = 0; first < a.n_columns; first += kColumnBlock) {
      const int64_t n = a.n_columns - first < kColumnBlock ? a.n_columns - first : kColumnBlock;
      clear_sums(scratch.sums, n);
      for (int64_t super = 0; super < n_superblocks(a.k); ++super) {
        const bool both = row + kPanelRows < a.row_end;
        unpack_rows<T>(a, row, super, *scratch.lines[0]);
        if (both) unpack_rows<T>(a, row + kPanelRows, super, *scratch.lines[1]);
        const Lines* const lines[2] = {scratch.lines[0], scratch.lines[both]};
        lines_columns<LinesOf<unpacked_kind<T>()>>(lines, columns, first, n, super,
                                                   groups_in(a.k, super), scratch.sums);
      }
      write_sums(a, row, first, n, scratch.sums);
    }
}

// --- float types: f32 activations, one fused multiply-add a weight, in the order of k ---

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
      prefetch_part<S::kWords, S::kWords>(next, int(i / S::kPerWord));
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

// --- the table ---

template <class... Ss>
struct AllCodes {
  template <class T>
  static constexpr bool kHave = kIsOneOf<T, typename Ss::Type...>;
  static void add_to(KernelTable& t) {
    ((t.gemm[quant::type_index<typename Ss::Type>()] = gemm_packed<Ss>), ...);
  }
};
using PackedCodes =
    AllCodes<CodesQ4_0, CodesQ4_1, CodesQ5_0, CodesQ5_1, CodesQ8_0, CodesQ2_K, CodesQ3_K, CodesQ4_K,
             CodesQ5_K, CodesQ6_K, CodesIQ4_NL, CodesIQ4_XS, CodesMXFP4, CodesNVFP4>;

[[maybe_unused]] static void add_gemm(KernelTable& t) {
  t.takes_packed = true;
  PackedCodes::add_to(t);
  quant::TypeList::for_each([&]<class T>() {
    if constexpr (quant::BlockType<T>)
      if constexpr (!PackedCodes::kHave<T>) t.gemm[quant::type_index<T>()] = gemm_unpacked<T>;
  });
  t.gemm[quant::type_index<quant::F32>()] = gemm_float<quant::F32>;
  t.gemm[quant::type_index<quant::F16>()] = gemm_float<quant::F16>;
  t.gemm[quant::type_index<quant::BF16>()] = gemm_float<quant::BF16>;
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
