// attend_{q8_0,q4_0}: attention over a quantized cache (tensor/kv_view.h) in integers.
//
// Scores are dot products of int8 queries with the codes of K, 16 positions side by side. The
// weights p of V become integers too: p times the scale of its position, relative to the largest,
// in 14 bits, which meet the codes as two bytes of 7. All integer sums are exact, so they may be
// taken in any order, and the conversion to float happens once for a chunk.

namespace hearth::backend::cpu::HEARTH_ISA {

// Rows, and vectors of 16 numbers, that share loads. 32 wide registers, or 16 and fewer rows. No
// result depends on it.
inline constexpr int kIntRows = kLanes == 16 ? 4 : 2;
inline constexpr int kScoreVectors = kLanes == 16 ? 4 : 1;
template <bool kFourBits, int R>
inline constexpr int kIntValueVectors = kLanes != 16 ? (kFourBits ? 2 : 1)
                                        : R == 4     ? 2
                                                     : 4;

// Four codes of each lane, as dot<!kFourBits> takes them; a line of 4-bit codes has two such parts.
template <bool kFourBits, int kPart>
HEARTH_INLINE RowsI part_of(RowsI line) {
  if constexpr (!kFourBits)
    return offset_codes(line);
  else if constexpr (kPart == 0)
    return bits_and(line, 0x0f0f0f0f);
  else
    return bits_and(shift<4>(line), 0x0f0f0f0f);
}

// Sums of codes times x -> sums of what they mean times x, but for the scale; sum: of x.
template <bool kFourBits>
HEARTH_INLINE RowsI without_offset(RowsI sums, int32_t sum) {
  if constexpr (kFourBits)
    return add(shift<-1>(sums), all_rows(-15 * sum));
  else
    return add(sums, all_rows(-kSignedOffset * sum));
}

// Scores of rows [r, r + R) with the 16 * B positions from block `b` on.
template <bool kFourBits, int R, int B>
static void int_scores_tile(const AttendArgs& a, int r, int b, Ahead& ahead) noexcept {
  constexpr int kParts = kFourBits ? 2 : 1;
  const int n_words = (a.dk + 4 * kParts - 1) / (4 * kParts);
  const uint32_t* k = static_cast<const uint32_t*>(a.k) + int64_t(b) * n_words * kPanelRows;
  RowsI acc[B][R];
  for (int j = 0; j < B; ++j)
    for (int i = 0; i < R; ++i) acc[j][i] = all_rows(0);
  for (int w = 0; w < n_words; ++w) {
    ahead.step();
    RowsI line[B];
    for (int j = 0; j < B; ++j) line[j] = load_rows(k + (j * n_words + w) * kPanelRows);
    unrolled<kParts>([&](auto part) HEARTH_INLINE_LAMBDA {
      RowsI codes[B];
      for (int j = 0; j < B; ++j) codes[j] = part_of<kFourBits, part>(line[j]);
      for (int i = 0; i < R; ++i) {
        const ActWord q = broadcast_word(a.q_blocks[r + i].q + 4 * (w * kParts + part));
        for (int j = 0; j < B; ++j) acc[j][i] = dot<!kFourBits>(acc[j][i], codes[j], q);
      }
    });
  }
  for (int i = 0; i < R; ++i) {
    const ActBlock& q = a.q_blocks[r + i];
    int32_t sum = 0;
    for (int g = 0; g < 8; ++g) sum -= q.neg_sum32[g];
    for (int j = 0; j < B; ++j) {
      const int at = (b + j) * tensor::kKvLanes;
      const RowsF scale = mul(load_rows(a.k_scale + at), all_rows(q.d[0]));
      store_rows(a.scores + int64_t(r + i) * tensor::kKvChunk + at,
                 mul(to_float(without_offset<kFourBits>(acc[j][i], sum)), scale));
    }
  }
}

template <bool kFourBits, int R>
static void int_scores_rows(const AttendArgs& a, int r, int b_begin, int b_end,
                            Ahead& ahead) noexcept {
  constexpr int kB = kScoreVectors;
  int b = b_begin;
  for (; b + kB <= b_end; b += kB) int_scores_tile<kFourBits, R, kB>(a, r, b, ahead);
  for (; b < b_end; ++b) int_scores_tile<kFourBits, R, 1>(a, r, b, ahead);
}

// A row of weights as integers, in the place of its scores: for four positions a word of their
// upper and a word of their lower seven bits.
struct IntWeights {
  const char* words;
  float scale;
  int32_t sum;
};
// The last two floats of a row are free then: scale and sum.
HEARTH_INLINE IntWeights int_weights(const AttendArgs& a, int r) {
  const float* s = a.scores + int64_t(r) * tensor::kKvChunk;
  IntWeights w{reinterpret_cast<const char*>(s), s[tensor::kKvChunk - 2], 0};
  __builtin_memcpy(&w.sum, s + tensor::kKvChunk - 1, 4);
  return w;
}

// p -> the integers nearest to p * v_scale / largest * 16383, over positions [from, to), both
// multiples of 16.
static void weigh_row(const AttendArgs& a, int r, int from, int to) noexcept {
  float* s = a.scores + int64_t(r) * tensor::kKvChunk;
  F largest = zero();
  for (int i = from; i < to; i += kLanes) {
    const F p = load(s + i);
    // Where nothing was written the scale may be anything.
    const F w = keep_if_ge(mul(p, load(a.v_scale + i)), p, set1(0x1p-126f));
    store(s + i, w);
    largest = max(largest, w);
  }
  const float most = reduce_max(largest);
  const float inv = most > 0x1p-100f ? 16383.0f / most : 0.0f;
  RowsI sums = all_rows(0);
  for (int i = from; i < to; i += kPanelRows)
    sums = add(sums, store_halves(reinterpret_cast<uint8_t*>(s) + 2 * i,
                                  mul(load_rows(s + i), all_rows(inv))));
  uint32_t lanes[kPanelRows];
  store_rows(lanes, sums);
  int32_t sum = 0;
  for (const uint32_t lane : lanes) sum += int32_t(lane);
  s[tensor::kKvChunk - 2] = inv > 0 ? most / 16383.0f : most;
  __builtin_memcpy(s + tensor::kKvChunk - 1, &sum, 4);
}

// o[r .. r + R)[D vectors of 16 from dv_begin] = sum over positions of weight * V.
template <bool kFourBits, int R, int D>
static void int_values_tile(const AttendArgs& a, int r, int dv_begin, int from, int to,
                            Ahead& ahead) noexcept {
  constexpr int kParts = kFourBits ? 2 : 1;
  constexpr int kLines = (D + kParts - 1) / kParts;
  const int stride = a.dv_padded / kParts;  // words of four positions
  const uint32_t* v = static_cast<const uint32_t*>(a.v) + dv_begin / kParts;
  IntWeights p[R];
  RowsI upper[R][kLines * kParts];
  RowsI lower[R][kLines * kParts];
  for (int i = 0; i < R; ++i) {
    p[i] = int_weights(a, r + i);
    for (int j = 0; j < kLines * kParts; ++j) upper[i][j] = lower[i][j] = all_rows(0);
  }
  for (int t = from / 4; t < (to + 3) / 4; ++t) {
    ahead.step();
    RowsI line[kLines];
    for (int j = 0; j < kLines; ++j) line[j] = load_rows(v + int64_t(t) * stride + j * kPanelRows);
    unrolled<kParts>([&](auto part) HEARTH_INLINE_LAMBDA {
      RowsI codes[kLines];
      for (int j = 0; j < kLines; ++j) codes[j] = part_of<kFourBits, part>(line[j]);
      for (int i = 0; i < R; ++i) {
        const ActWord up = broadcast_word(p[i].words + 8 * t);
        const ActWord low = broadcast_word(p[i].words + 8 * t + 4);
        for (int j = 0; j < kLines; ++j) {
          RowsI& u = upper[i][j * kParts + part];
          RowsI& l = lower[i][j * kParts + part];
          u = dot<!kFourBits>(u, codes[j], up);
          l = dot<!kFourBits>(l, codes[j], low);
        }
      }
    });
  }
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < kLines * kParts; ++j) {
      const RowsI sums = add(shift<-7>(upper[i][j]), lower[i][j]);
      store_rows(a.o + int64_t(r + i) * a.dv_padded + dv_begin + j * kPanelRows,
                 mul(to_float(without_offset<kFourBits>(sums, p[i].sum)), all_rows(p[i].scale)));
    }
}

template <bool kFourBits, int R>
static void int_values_rows(const AttendArgs& a, int r, int from, int to, Ahead& ahead) noexcept {
  constexpr int kD = kIntValueVectors<kFourBits, R>;
  constexpr int kLeast = kFourBits ? 2 : 1;
  int dv = 0;
  for (; dv + kD * kPanelRows <= a.dv_padded; dv += kD * kPanelRows)
    int_values_tile<kFourBits, R, kD>(a, r, dv, from, to, ahead);
  for (; dv < a.dv_padded; dv += kLeast * kPanelRows)
    int_values_tile<kFourBits, R, kLeast>(a, r, dv, from, to, ahead);
}

template <bool kFourBits>
static void attend_quantized(const AttendArgs& a) noexcept {
  const KvRange range = range_of(a);
  const int from = range.b_begin * tensor::kKvLanes;
  const int to = range.b_end * tensor::kKvLanes;
  const int v_row = a.dv_padded / (kFourBits ? 2 : 1);  // bytes
  Ahead v(static_cast<const char*>(a.v) + int64_t(from) * v_row, int64_t(to - from) * v_row,
          (range.b_end - range.b_begin) * a.dk / (kFourBits ? 8 : 4) / kScoreVectors);
  rows_at_once<kIntRows>(a.n_rows, [&](int r, auto n) {
    int_scores_rows<kFourBits, n>(a, r, range.b_begin, range.b_end, v);
  });
  for (int r = 0; r < a.n_rows; ++r) {
    softmax_row(a, r, from, to);
    weigh_row(a, r, from, to);
  }
  Ahead next(a.next, a.next_bytes, (range.last - range.first + 3) / 4);
  rows_at_once<kIntRows>(a.n_rows, [&](int r, auto n) {
    int_values_rows<kFourBits, n>(a, r, range.first, range.last, next);
  });
}

static void add_attention_quantized(KernelTable& t) {
  t.attend[int(tensor::KvType::kQ8_0)] = attend_quantized<false>;
  t.attend[int(tensor::KvType::kQ4_0)] = attend_quantized<true>;
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
