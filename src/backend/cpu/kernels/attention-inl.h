// attend_{f32,f16,bf16}: one KV head's chunk for some query rows, and the merge of partial results.
// K lies with kKvLanes positions side by side, so a score is a lane and needs no horizontal sum;
// every row of the call (the query heads of a group, and the tokens of a tile) shares each load of
// K and V.

namespace hearth::backend::cpu::HEARTH_ISA {

template <class T>
HEARTH_INLINE F load_kv(const typename T::Block* p) {
  if constexpr (__is_same(T, quant::F32))
    return load(p);
  else if constexpr (__is_same(T, quant::F16))
    return load_f16(p);
  else
    return load_bf16(p);
}

// Asks for memory line by line between other work.
struct Ahead {
  const char* at;
  const char* end;
  int lines;  // for each step
  HEARTH_INLINE Ahead(const void* begin, int64_t n_bytes, int64_t n_steps)
      : at(static_cast<const char*>(begin)),
        end(at + (begin == nullptr ? 0 : n_bytes)),
        lines(n_steps == 0 ? 0 : int((n_bytes / 64 + n_steps - 1) / n_steps)) {}
  HEARTH_INLINE void step() {
    for (int i = 0; i < lines && at < end; ++i, at += 64) __builtin_prefetch(at, 0, 2);
  }
};

// Scores of rows [r, r + R) with the 16 * B positions from block `b` on.
template <class T, int R, int B>
static void scores_tile(const AttendArgs& a, int r, int b, Ahead& ahead) noexcept {
  constexpr int kVectors = tensor::kKvLanes / kLanes;
  const auto* k = static_cast<const typename T::Block*>(a.k);
  for (int v = 0; v < kVectors; ++v) {
    F acc[B][R];
    for (int j = 0; j < B; ++j)
      for (int i = 0; i < R; ++i) acc[j][i] = zero();
    for (int d = 0; d < a.dk; ++d) {
      ahead.step();
      F kv[B];
      for (int j = 0; j < B; ++j)
        kv[j] = load_kv<T>(k + (int64_t(b + j) * a.dk + d) * tensor::kKvLanes + v * kLanes);
      for (int i = 0; i < R; ++i) {
        const F q = set1(a.q[int64_t(r + i) * a.dk + d]);
        for (int j = 0; j < B; ++j) acc[j][i] = fma(q, kv[j], acc[j][i]);
      }
    }
    for (int j = 0; j < B; ++j)
      for (int i = 0; i < R; ++i)
        store(
            a.scores + int64_t(r + i) * tensor::kKvChunk + (b + j) * tensor::kKvLanes + v * kLanes,
            acc[j][i]);
  }
}

template <class T, int R>
static void scores_rows(const AttendArgs& a, int r, int b_begin, int b_end, Ahead& ahead) noexcept {
  int b = b_begin;
  for (; b + 2 <= b_end; b += 2) scores_tile<T, R, 2>(a, r, b, ahead);
  for (; b < b_end; ++b) scores_tile<T, R, 1>(a, r, b, ahead);
}

// scores[row] -> exp(score - m) over [block_begin, block_end) * kKvLanes, zero outside the row's
// range.
static void softmax_row(const AttendArgs& a, int r, int from, int to) noexcept {
  float* s = a.scores + int64_t(r) * tensor::kKvChunk;
  const int begin = a.begin[r];
  const int end = a.end[r];
  if (begin >= end) {
    a.m[r] = -__builtin_inff();
    a.l[r] = 0;
    for (int i = from; i < to; ++i) s[i] = 0;
    return;
  }
  if (a.softcap > 0) softcap_row(s + from, a.softcap, 1.0f, to - from);
  if (a.slope != nullptr)
    for (int i = begin; i < end; ++i) {
      const int distance = i < a.own[r] ? a.own[r] - i : i - a.own[r];
      s[i] -= a.slope[r] * float(distance);
    }
  for (int i = from; i < begin; ++i) s[i] = -__builtin_inff();
  for (int i = end; i < to; ++i) s[i] = -__builtin_inff();
  F largest = set1(-__builtin_inff());
  for (int i = from; i < to; i += kLanes) largest = max(largest, load(s + i));
  const float m = reduce_max(largest);
  const F m_v = set1(m);
  F sum = zero();
  for (int i = from; i < to; i += kLanes) {
    const F p = exp(sub(load(s + i), m_v));
    store(s + i, p);
    sum = add(sum, p);
  }
  a.m[r] = m;
  a.l[r] = reduce_add(sum);
}

// o[r .. r + R)[D vectors from dv_begin] = sum over positions of p * V.
template <class T, int R, int D>
static void values_tile(const AttendArgs& a, int r, int dv_begin, int from, int to,
                        Ahead& ahead) noexcept {
  const auto* v = static_cast<const typename T::Block*>(a.v) + dv_begin;
  F acc[R][D];
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < D; ++j) acc[i][j] = zero();
  for (int t = from; t < to; ++t) {
    ahead.step();
    F vv[D];
    for (int j = 0; j < D; ++j) vv[j] = load_kv<T>(v + int64_t(t) * a.dv_padded + j * kLanes);
    for (int i = 0; i < R; ++i) {
      const F p = set1(a.scores[int64_t(r + i) * tensor::kKvChunk + t]);
      for (int j = 0; j < D; ++j) acc[i][j] = fma(p, vv[j], acc[i][j]);
    }
  }
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < D; ++j)
      store(a.o + int64_t(r + i) * a.dv_padded + dv_begin + j * kLanes, acc[i][j]);
}

template <class T, int R>
static void values_rows(const AttendArgs& a, int r, int from, int to, Ahead& ahead) noexcept {
  int dv = 0;
  // As many sums as four rows have.
  constexpr int kVectors = 4 * kValueVectors / (R == 3 ? 2 : R);
  for (; dv + kVectors * kLanes <= a.dv_padded; dv += kVectors * kLanes)
    values_tile<T, R, kVectors>(a, r, dv, from, to, ahead);
  for (; dv < a.dv_padded; dv += kLanes) values_tile<T, R, 1>(a, r, dv, from, to, ahead);
}

// f(row, number of rows), up to kMost (2 or 4) at once: a group of query heads is often three, and
// shares its loads too.
template <int kMost, class Fn>
HEARTH_INLINE void rows_at_once(int n_rows, Fn&& f) {
  int r = 0;
  for (; r + kMost <= n_rows; r += kMost) f(r, std::integral_constant<int, kMost>{});
  if constexpr (kMost == 4) {
    if (n_rows - r == 3) f(r, std::integral_constant<int, 3>{});
    if (n_rows - r == 2) f(r, std::integral_constant<int, 2>{});
  }
  if (n_rows - r == 1) f(r, std::integral_constant<int, 1>{});
}

// What any row of the call sees: positions [first, last), in blocks [b_begin, b_end) of kKvLanes.
struct KvRange {
  int first = tensor::kKvChunk;
  int last = 0;
  int b_begin;
  int b_end;
};
HEARTH_INLINE KvRange range_of(const AttendArgs& a) {
  KvRange range;
  for (int r = 0; r < a.n_rows; ++r) {
    if (a.begin[r] >= a.end[r]) continue;
    range.first = a.begin[r] < range.first ? a.begin[r] : range.first;
    range.last = a.end[r] > range.last ? a.end[r] : range.last;
  }
  if (range.first >= range.last) range.first = range.last = 0;
  range.b_begin = range.first / tensor::kKvLanes;
  range.b_end = (range.last + tensor::kKvLanes - 1) / tensor::kKvLanes;
  return range;
}

// With this many rows and more, halves are converted once for all of them. The bits are the same.
inline constexpr int kManyRows = 12;

// [first, last) of K and V as floats, in the same places of a.floats.
template <class T>
static AttendArgs with_floats(const AttendArgs& a, const KvRange& range) noexcept {
  const auto convert = [](const void* from, int64_t begin, int64_t end, float* to) {
    const auto* numbers = static_cast<const typename T::Block*>(from);
    for (int64_t i = begin; i < end; i += kLanes) store(to + i, load_kv<T>(numbers + i));
  };
  AttendArgs floats = a;
  float* k = a.floats;
  float* v = k + int64_t(tensor::kKvChunk) * a.dk;
  constexpr int kLine = tensor::kKvLanes;
  convert(a.k, int64_t(range.b_begin) * a.dk * kLine, int64_t(range.b_end) * a.dk * kLine, k);
  convert(a.v, int64_t(range.first) * a.dv_padded, int64_t(range.last) * a.dv_padded, v);
  floats.k = k;
  floats.v = v;
  return floats;
}

template <class T>
static void attend(const AttendArgs& a) noexcept {
  const KvRange range = range_of(a);
  if constexpr (!__is_same(T, quant::F32))
    if (a.n_rows >= kManyRows) return attend<quant::F32>(with_floats<T>(a, range));
  // V is asked for while K is worked on, and the next K while V is: at decode both come from
  // memory.
  const int64_t v_row = int64_t(a.dv_padded) * int64_t(sizeof(typename T::Block));
  Ahead v(static_cast<const char*>(a.v) + range.first * v_row, (range.last - range.first) * v_row,
          int64_t(range.b_end - range.b_begin) * a.dk * tensor::kKvLanes / kLanes / 2);
  rows_at_once<4>(a.n_rows,
                  [&](int r, auto n) { scores_rows<T, n>(a, r, range.b_begin, range.b_end, v); });
  for (int r = 0; r < a.n_rows; ++r)
    softmax_row(a, r, range.b_begin * tensor::kKvLanes, range.b_end * tensor::kKvLanes);
  Ahead next(a.next, a.next_bytes, range.last - range.first);
  rows_at_once<4>(a.n_rows,
                  [&](int r, auto n) { values_rows<T, n>(a, r, range.first, range.last, next); });
}

template <class T>
static void index_scores(const IndexArgs& a) noexcept {
  const int n = a.n_blocks * tensor::kKvLanes;
  for (int i = 0; i < n; ++i) a.scores[i] = 0;
  AttendArgs heads{};
  heads.dk = a.dk;
  heads.k = a.k;
  heads.scores = a.head_scores;
  Ahead none(nullptr, 0, 0);
  rows_at_once<4>(a.n_heads, [&](int h, auto n_rows) {
    heads.q = a.q + int64_t(h) * a.dk;
    scores_rows<T, n_rows>(heads, 0, 0, a.n_blocks, none);
    for (int r = 0; r < n_rows; ++r) {
      const F weight = set1(a.weights[h + r]);
      const float* scores = a.head_scores + int64_t(r) * tensor::kKvChunk;
      for (int i = 0; i < n; i += kLanes)
        store(a.scores + i, fma(weight, max(load(scores + i), zero()), load(a.scores + i)));
    }
  });
}

static void merge_partial(float m, float l, const float* o, float* run_m, float* run_l,
                          float* run_o, int64_t dv_padded) noexcept {
  if (m == -__builtin_inff()) return;
  // Before the first chunk the running maximum is -inf; 0 * (uninitialised values) must not become
  // NaN.
  const bool first = *run_m == -__builtin_inff();
  const float largest = m > *run_m ? m : *run_m;
  float exponents[16] = {first ? 0.0f : *run_m - largest, m - largest};
  for (int i = 0; i < 16; i += kLanes) store(exponents + i, exp(load(exponents + i)));
  const F f_old = set1(exponents[0]);
  const F f_new = set1(exponents[1]);
  *run_l = (first ? 0.0f : *run_l * exponents[0]) + l * exponents[1];
  *run_m = largest;
  for (int64_t i = 0; i < dv_padded; i += kLanes) {
    const F part = mul(load(o + i), f_new);
    store(run_o + i, first ? part : fma(load(run_o + i), f_old, part));
  }
}

static void hadamard(float* x, int64_t n, int64_t block) noexcept {
  for (int64_t half = 1; half < block; half *= 2)
    for (int64_t i = 0; i < n; i += 2 * half)
      for (int64_t j = i; j < i + half; ++j) {
        const float a = x[j];
        const float b = x[j + half];
        x[j] = a + b;
        x[j + half] = a - b;
      }
  const float norm = 1.0f / __builtin_sqrtf(float(block));
  for (int64_t i = 0; i < n; ++i) x[i] *= norm;
}

[[maybe_unused]] static void add_attention(KernelTable& t) {
  t.attend[int(tensor::KvType::kF32)] = attend<quant::F32>;
  t.attend[int(tensor::KvType::kF16)] = attend<quant::F16>;
  t.attend[int(tensor::KvType::kBF16)] = attend<quant::BF16>;
  t.index_scores[int(tensor::KvType::kF32)] = index_scores<quant::F32>;
  t.index_scores[int(tensor::KvType::kF16)] = index_scores<quant::F16>;
  t.index_scores[int(tensor::KvType::kBF16)] = index_scores<quant::BF16>;
  t.merge = merge_partial;
  t.hadamard = hadamard;
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
