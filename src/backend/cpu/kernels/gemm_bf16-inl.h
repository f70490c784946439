// gemm_bf16: bfloat16 weights times activations rounded to bfloat16 (ActForm::kBf16), two products
// an instruction (vdpbf16ps). The tiles are those of gemm-inl.h; nothing is unpacked: a packed word
// is already the pair that the instruction takes.

namespace hearth::backend::cpu::HEARTH_ISA {

using Bf16Codes = FloatCodes<quant::BF16>;

// Adds the first n words of a superblock to sums[C][kTileRows].
template <int C>
static void bf16_tile(const Panels& panels, const Next& next, const ActBlock* const* blocks, int n,
                      float* sums) noexcept {
  RowsF t[2][C];
  for (int c = 0; c < C; ++c)
    for (int p = 0; p < 2; ++p) t[p][c] = load_rows(sums + c * kTileRows + p * kPanelRows);
  for (int i = 0; i < n; ++i) {
    if constexpr (C <= kFewTileColumns) prefetch_lines(next, i, i + 1);
    RowsI w[2];
    for (int p = 0; p < 2; ++p) w[p] = load_rows(panels.words[p] + i * kPanelRows);
    for (int c = 0; c < C; ++c) {
      const ActWord x = broadcast_word(blocks[c]->q + 4 * i);
      for (int p = 0; p < 2; ++p) t[p][c] = _mm512_dpbf16_ps(t[p][c], __m512bh(w[p]), __m512bh(x));
    }
  }
  for (int c = 0; c < C; ++c)
    for (int p = 0; p < 2; ++p) store_rows(sums + c * kTileRows + p * kPanelRows, t[p][c]);
}

template <class Counts = std::make_integer_sequence<int, kTileColumns>>
struct Bf16Tiles;
template <int... c>
struct Bf16Tiles<std::integer_sequence<int, c...>> {
  using Fn = void (*)(const Panels&, const Next&, const ActBlock* const*, int, float*) noexcept;
  static constexpr Fn kFor[] = {nullptr, bf16_tile<c + 1>...};
};

static void gemm_bf16(const GemmArgs& a) noexcept {
  const Scratch scratch(a.scratch);
  for_each_superblock<Bf16Codes>(
      a, scratch,
      [&](const Panels& panels, int64_t first, int64_t n, int64_t s) HEARTH_INLINE_LAMBDA {
        const int64_t left = (a.k - s * kSuperblock + 1) / 2;
        const int n_words = left < Bf16Codes::kWords ? int(left) : Bf16Codes::kWords;
        const Next next = next_of<Bf16Codes>(a, panels, n_superblocks(a.k) - s);
        for (int64_t c = 0; c < n; c += kTileColumns) {
          const int64_t here = n - c < kTileColumns ? n - c : kTileColumns;
          const ActBlock* blocks[kTileColumns];
          for (int64_t j = 0; j < here; ++j) blocks[j] = Columns{a}.block(first + c + j, s);
          Bf16Tiles<>::kFor[here](panels, next, blocks, n_words, scratch.sums + c * kTileRows);
        }
      });
}

static void add_gemm_bf16(KernelTable& t) {
  t.takes_packed = true;
  t.bf16_products = true;
  t.gemm[quant::type_index<quant::BF16>()] = gemm_bf16;
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
