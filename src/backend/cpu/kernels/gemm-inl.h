// gemm_<type>: packed weights (packed.h) times activations, one kernel family for 1 to 512 columns
// and every type: the way over rows, columns and superblocks (for_each_superblock) to the tile of
// gemm_tile-inl.h.
//
// Few columns unpack the codes in registers; more unpack 32 rows of a superblock once into a buffer
// that stays in the first cache (`Lines`), and all columns read that. Types without a packed form
// go that way always.

namespace hearth::backend::cpu::HEARTH_ISA {

// Up to this many columns, codes are unpacked in registers, by tiles of at most kFewTileColumns.
inline constexpr int kFewColumnsMax = 16;
inline constexpr int kFewTileColumns = kMatrixProducts || kTileColumns < 4 ? 2 : 4;
// Types whose codes are dear to unpack unpack them for one tile only.
template <class S>
constexpr int few_columns_of() {
  return requires { S::kDear; } ? 2 : kFewColumnsMax;
}
template <class S>
constexpr int few_tile_columns_of() {
  return requires { S::kDear; } ? 2 : kFewTileColumns;
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
  if constexpr (kMatrixProducts)
    matrix_tile<S, C>(w, s, x, n_groups, sums);
  else
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
    // Columns that are gathered stand anywhere: the tile's own requests miss them.
    if (columns.a.x_rows != nullptr)
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

// What follows the superblock at `panels`, of which, with it, `left` remain: the panels' own, or
// those of the next two panels.
template <class S>
HEARTH_INLINE Next next_of(const GemmArgs& a, const Panels& panels, int64_t left) {
  constexpr int64_t kWords = int64_t(S::kWords) * kPanelRows;
  constexpr int64_t kFar = (kFarBytes / 4 + kWords - 1) / kWords;
  // Behind the last superblock stand the halves and the other panel.
  const int64_t skip = int64_t(a.panel_bytes / 2) - n_superblocks(a.k) * kWords;
  Next next;
  for (int p = 0; p < 2; ++p) {
    next.near[p] = panels.words[p] + kWords + (left > 1 ? 0 : skip);
    next.far[p] = panels.words[p] + kFar * kWords + (left > kFar ? 0 : skip);
  }
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

// Superblock s of at most few_columns_of<S>() columns.
template <class S>
static void few_columns(const GemmArgs& a, const Panels& panels, int64_t s,
                        const Scratch& scratch) noexcept {
  using Fn = void (*)(const Panels&, const Next&, const PanelScales(&)[2], const ActBlock* const*,
                      int, float*) noexcept;
  constexpr int kMax = few_tile_columns_of<S>();
  constexpr int k3 = kMax < 3 ? kMax : 3;
  static constexpr Fn kTiles[] = {nullptr, few_tile<S, 1>, few_tile<S, 2>, few_tile<S, k3>,
                                  few_tile<S, kMax>};
  const int n = int(a.n_columns);
  const int n_tiles = (n + kMax - 1) / kMax;
  PanelScales scales[2];
  for (int p = 0; p < 2; ++p) S::scales(panels.words[p], panels.halves[p], scales[p]);
  const ActBlock* x[kFewColumnsMax];
  for (int c = 0; c < n; ++c) x[c] = Columns{a}.block(c, s);
  const Next next = next_of<S>(a, panels, n_superblocks(a.k) - s);
  if (a.packing->half)  // of the panels after these
    for (int p = 0; p < 2; ++p) __builtin_prefetch(panels.halves[p] + a.panel_bytes, 0, 2);
  for (int i = 0; i < n_tiles; ++i) {
    const int begin = n * i / n_tiles;
    const int end = n * (i + 1) / n_tiles;
    kTiles[end - begin](panels, i == 0 ? next : Next{}, scales, x + begin, groups_in(a.k, s),
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
      RowsI codes[8];  // read before any is written: what several share is read once
      constexpr int kAtOnce = codes_at_once<S>();
      unrolled<8 / kAtOnce>([&](auto step) HEARTH_INLINE_LAMBDA {
        RowsI some[kAtOnce];
        get_codes<S, u, step * kAtOnce>(w, outer, some);
        for (int i = 0; i < kAtOnce; ++i) codes[step * kAtOnce + i] = some[i];
      });
      for (int j = 0; j < 8; ++j) {
        if constexpr (kind.scaled) {
          // code * scale - offset * scale + kScaledOffset: the weight itself, made unsigned.
          const RowsI scale = load_rows(out.scales.int_scale[2 * g + j / 4]);
          const RowsI start = add(mul(scale, all_rows(-S::kKind.offset)), all_rows(kind.offset));
          codes[j] = scale_codes(codes[j], scale, start);
        }
      }
      for (int j = 0; j < 8; j += 2) store_code_pair(out.codes[g * 8 + j], codes[j], codes[j + 1]);
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
                               if (a.n_columns <= few_columns_of<S>())
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
  for (int i = 0; i < 64; i += 2)
    store_code_pair(out.codes[i], signed_codes(load_rows(out.codes[i])),
                    signed_codes(load_rows(out.codes[i + 1])));
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
             CodesQ5_K, CodesQ6_K, CodesIQ4_NL, CodesIQ4_XS, CodesMXFP4, CodesNVFP4, CodesIQ1_S,
             CodesIQ1_M, CodesIQ2_XXS, CodesIQ2_XS, CodesIQ2_S, CodesIQ3_XXS, CodesIQ3_S,
             CodesTQ1_0, CodesTQ2_0, CodesQ1_0, CodesQ2_0>;

[[maybe_unused]] static void add_gemm(KernelTable& t) {
  t.takes_packed = true;
  PackedCodes::add_to(t);
  quant::TypeList::for_each([&]<class T>() {
    if constexpr (quant::BlockType<T>)
      if constexpr (!PackedCodes::kHave<T>) t.gemm[quant::type_index<T>()] = gemm_unpacked<T>;
  });
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
