// attend and merge of every usable ISA against a plain softmax in double, and their independence
// from the tile.
#include <gtest/gtest.h>

#include <limits>

#include "backend/cpu/isa_test.h"
#include "tensor/kv_view.h"

namespace hearth::backend::cpu::test {
namespace {

using tensor::kKvChunk;
using tensor::kKvLanes;

constexpr float kInf = std::numeric_limits<float>::infinity();

// K and V of one KV head over some chunks: as floats that the type holds exactly, and as the cache
// lays them out.
struct KvHead {
  int kind;
  int dk;
  int dv;
  int dv_padded;
  int n_chunks;
  std::vector<float> k;  // [position, dk]
  std::vector<float> v;  // [position, dv]
  std::vector<std::vector<std::byte>> k_chunks;
  std::vector<std::vector<std::byte>> v_chunks;

  KvHead(int kind_, int dk_, int dv_, int n_chunks_, Random& random)
      : kind(kind_),
        dk(dk_),
        dv(dv_),
        dv_padded((dv_ + kKvLanes - 1) / kKvLanes * kKvLanes),
        n_chunks(n_chunks_) {
    const size_t bytes = kind == kKvF32 ? 4 : 2;
    for (int c = 0; c < n_chunks; ++c) {
      k_chunks.emplace_back(size_t(kKvChunk * dk) * bytes);
      v_chunks.emplace_back(size_t(kKvChunk * dv_padded) * bytes);
    }
    k.resize(size_t(n_chunks * kKvChunk * dk));
    v.resize(size_t(n_chunks * kKvChunk * dv));
    for (int p = 0; p < n_chunks * kKvChunk; ++p) {
      for (int i = 0; i < dk; ++i) set_k(p, i, random.normal());
      for (int i = 0; i < dv; ++i) set_v(p, i, random.normal());
    }
  }
  void set_k(int position, int i, float x) {
    const int row = position % kKvChunk;
    const int at = (row / kKvLanes * dk + i) * kKvLanes + row % kKvLanes;
    k[size_t(position * dk + i)] = put(k_chunks[size_t(position / kKvChunk)], at, x);
  }
  void set_v(int position, int i, float x) {
    v[size_t(position * dv + i)] =
        put(v_chunks[size_t(position / kKvChunk)], position % kKvChunk * dv_padded + i, x);
  }
  // Stores x in the type; returns what that made of it.
  float put(std::vector<std::byte>& bytes, int at, float x) const {
    if (kind == kKvF32) {
      std::memcpy(bytes.data() + 4 * at, &x, 4);
      return x;
    }
    const uint16_t h = kind == kKvF16 ? f32_to_f16(x) : f32_to_bf16(x);
    std::memcpy(bytes.data() + 2 * at, &h, 2);
    return kind == kKvF16 ? f16_to_f32(h) : bf16_to_f32(h);
  }
  // What was never written must not matter.
  void poison(int from, int to) {
    for (int p = from; p < to; ++p) {
      for (int i = 0; i < dk; ++i) set_k(p, i, NAN);
      for (int i = 0; i < dv; ++i) set_v(p, i, NAN);
    }
  }
};

struct Rows {
  std::vector<float> q;         // [row, dk]
  std::vector<int> begin, end;  // positions over all chunks
  float softcap = 0;
  float sink = -kInf;
  [[nodiscard]] int n() const { return int(begin.size()); }
};

Rows random_rows(int n, int dk, Random& random) {
  Rows rows;
  rows.q = random.normals(size_t(n * dk), 2 / std::sqrt(float(dk)));
  rows.begin.assign(size_t(n), 0);
  rows.end.assign(size_t(n), 0);
  return rows;
}

// What the kernels make of all chunks, [row, dv_padded]; rows [first, first + n).
std::vector<float> attend(const KernelTable& table, const KvHead& kv, const Rows& rows, int first,
                          int n) {
  const auto dv = size_t(kv.dv_padded);
  std::vector<float> scores(size_t(n * kKvChunk), NAN);
  std::vector<float> m(size_t(n), NAN), l(size_t(n), NAN), o(size_t(n) * dv, NAN);
  std::vector<float> M(size_t(n), -kInf), L(size_t(n), NAN), O(size_t(n) * dv, NAN);
  std::vector<int32_t> begin(static_cast<size_t>(n)), end(static_cast<size_t>(n));
  for (int c = 0; c < kv.n_chunks; ++c) {
    for (int r = 0; r < n; ++r) {
      begin[size_t(r)] = std::clamp(rows.begin[size_t(first + r)] - c * kKvChunk, 0, kKvChunk);
      end[size_t(r)] = std::clamp(rows.end[size_t(first + r)] - c * kKvChunk, 0, kKvChunk);
    }
    AttendArgs args{};
    args.n_rows = n;
    args.q = rows.q.data() + first * kv.dk;
    args.dk = kv.dk;
    args.dv_padded = kv.dv_padded;
    args.k = kv.k_chunks[size_t(c)].data();
    args.v = kv.v_chunks[size_t(c)].data();
    args.begin = begin.data();
    args.end = end.data();
    args.softcap = rows.softcap;
    args.scores = scores.data();
    args.m = m.data();
    args.l = l.data();
    args.o = o.data();
    table.attend[kv.kind](args);
    for (size_t r = 0; r < size_t(n); ++r) {
      if (begin[r] >= end[r]) {
        EXPECT_EQ(m[r], -kInf);
      }
      table.merge(m[r], l[r], o.data() + r * dv, &M[r], &L[r], O.data() + r * dv, kv.dv_padded);
    }
  }
  const std::vector<float> nothing(dv, 0.0f);
  for (size_t r = 0; r < size_t(n); ++r) {
    if (rows.sink != -kInf)
      table.merge(rows.sink, 1, nothing.data(), &M[r], &L[r], O.data() + r * dv, kv.dv_padded);
    for (size_t i = 0; i < dv; ++i) O[r * dv + i] /= L[r];
  }
  return O;
}

std::vector<double> naive_attention(const KvHead& kv, const Rows& rows, int r) {
  std::vector<double> out(size_t(kv.dv));
  std::vector<double> scores;
  double largest = double(rows.sink);
  for (int p = rows.begin[size_t(r)]; p < rows.end[size_t(r)]; ++p) {
    double s = 0;
    for (int i = 0; i < kv.dk; ++i)
      s += double(rows.q[size_t(r * kv.dk + i)]) * double(kv.k[size_t(p * kv.dk + i)]);
    if (rows.softcap > 0) s = double(rows.softcap) * std::tanh(s / double(rows.softcap));
    scores.push_back(s);
    largest = std::max(largest, s);
  }
  double sum = rows.sink == -kInf ? 0 : std::exp(double(rows.sink) - largest);
  for (const double s : scores) sum += std::exp(s - largest);
  for (size_t p = 0; p < scores.size(); ++p)
    for (int i = 0; i < kv.dv; ++i)
      out[size_t(i)] +=
          std::exp(scores[p] - largest) / sum *
          double(kv.v[(size_t(rows.begin[size_t(r)]) + p) * size_t(kv.dv) + size_t(i)]);
  return out;
}

void expect_all_match_double(const KvHead& kv, const Rows& rows) {
  std::vector<std::vector<double>> expected;
  for (int r = 0; r < rows.n(); ++r) expected.push_back(naive_attention(kv, rows, r));
  for (const KernelTable& table : all_tables()) {
    const std::vector<float> y = attend(table, kv, rows, 0, rows.n());
    for (int r = 0; r < rows.n(); ++r) {
      Nmse nmse;
      for (int i = 0; i < kv.dv; ++i)
        nmse.add(y[size_t(r * kv.dv_padded + i)], expected[size_t(r)][size_t(i)]);
      ASSERT_LE(nmse.value(), 1e-10) << table.name << " row " << r;
      for (int i = kv.dv; i < kv.dv_padded; ++i)
        ASSERT_EQ(y[size_t(r * kv.dv_padded + i)], 0.0f) << table.name << " padding";
    }
  }
}

// The rows of a causal tile: row r sees the `window` positions that end at `last` - n + 1 + r.
void causal(Rows& rows, int last, int window) {
  for (int r = 0; r < rows.n(); ++r) {
    rows.end[size_t(r)] = last - rows.n() + 2 + r;
    rows.begin[size_t(r)] = std::max(0, rows.end[size_t(r)] - window);
  }
}

constexpr int kWidths[] = {8, 16, 40, 64, 96, 128, 256};

TEST(Attend, MatchesDoubleForEveryWidthAndType) {
  Random random(1);
  for (const int kind : {kKvF32, kKvF16, kKvBF16})
    for (const int dk : kWidths)
      for (const int dv : kWidths) {
        if (dk != dv && (dk > 64 || dv > 128)) continue;
        KvHead kv(kind, dk, dv, 2, random);
        kv.poison(301, 2 * kKvChunk);
        Rows rows = random_rows(6, dk, random);
        causal(rows, 300, 1000);
        SCOPED_TRACE("kind " + std::to_string(kind) + " dk " + std::to_string(dk) + " dv " +
                     std::to_string(dv));
        expect_all_match_double(kv, rows);
      }
}

TEST(Attend, WindowsSoftcapAndSinks) {
  Random random(2);
  for (const int kind : {kKvF32, kKvF16, kKvBF16}) {
    KvHead kv(kind, 64, 64, 3, random);
    for (const int last : {15, 16, 255, 256, 600})
      for (const int window : {1, 16, 17, 256, 257, 10000})
        for (const float softcap : {0.0f, 3.0f})
          for (const float sink : {-kInf, 0.5f, 60.0f}) {
            Rows rows = random_rows(5, 64, random);
            rows.softcap = softcap;
            rows.sink = sink;
            causal(rows, last, window);
            SCOPED_TRACE("last " + std::to_string(last) + " window " + std::to_string(window) +
                         " cap " + std::to_string(softcap));
            expect_all_match_double(kv, rows);
          }
  }
}

TEST(Attend, OneRowAndManyGiveTheSameBits) {
  Random random(3);
  for (const int kind : {kKvF32, kKvF16, kKvBF16})
    for (const int width : {8, 40, 128})
      for (const int window : {10000, 30}) {
        KvHead kv(kind, width, width, 2, random);
        kv.poison(400, 2 * kKvChunk);
        if (window == 30) kv.poison(0, 300);
        Rows rows = random_rows(37, width, random);
        rows.softcap = window == 30 ? 20.0f : 0.0f;
        causal(rows, 399, window);
        for (const KernelTable& table : all_tables()) {
          const std::vector<float> together = attend(table, kv, rows, 0, rows.n());
          for (const int n : {1, 2, 3, 4, 5, 8})
            for (int first = 0; first + n <= rows.n(); first += n) {
              const std::vector<float> part = attend(table, kv, rows, first, n);
              ASSERT_EQ(
                  std::memcmp(part.data(), together.data() + first * kv.dv_padded, part.size() * 4),
                  0)
                  << table.name << " kind " << kind << " rows " << first << " + " << n;
            }
        }
      }
}

TEST(Attend, EmptyRangesLeaveNothing) {
  Random random(4);
  KvHead kv(kKvF16, 16, 16, 1, random);
  kv.poison(0, kKvChunk);
  for (const KernelTable& table : all_tables()) {
    Rows rows = random_rows(5, 16, random);
    for (int r = 0; r < 5; ++r) rows.begin[size_t(r)] = rows.end[size_t(r)] = 17 * r;
    rows.sink = 1.0f;  // all the weight goes to the sink
    for (const float y : attend(table, kv, rows, 0, 5)) ASSERT_EQ(y, 0.0f) << table.name;
  }
}

// Scores far apart: the weight of the smaller is exactly nothing, and nothing overflows.
TEST(Attend, HugeScores) {
  Random random(5);
  KvHead kv(kKvF32, 16, 16, 2, random);
  for (int p = 0; p < 2 * kKvChunk; ++p)
    for (int i = 0; i < 16; ++i) kv.set_k(p, i, p == 200 || p == 300 ? 1000.0f : -1000.0f);
  Rows rows = random_rows(3, 16, random);
  std::fill(rows.q.begin(), rows.q.end(), 100.0f);
  std::fill(rows.end.begin(), rows.end.end(), 400);
  for (const KernelTable& table : all_tables()) {
    const std::vector<float> y = attend(table, kv, rows, 0, 3);
    for (size_t i = 0; i < 16; ++i)
      ASSERT_NEAR(y[i], 0.5 * (double(kv.v[200 * 16 + i]) + double(kv.v[300 * 16 + i])), 1e-6)
          << table.name;
  }
}

TEST(Merge, NothingIsNeutral) {
  for (const KernelTable& table : all_tables()) {
    SCOPED_TRACE(table.name);
    const std::vector<float> o(16, 3.0f);
    const std::vector<float> garbage(16, NAN);
    std::vector<float> O(16, NAN);
    float M = -kInf;
    float L = NAN;
    table.merge(-kInf, 0, garbage.data(), &M, &L, O.data(), 16);
    EXPECT_EQ(M, -kInf);
    table.merge(2, 5, o.data(), &M, &L, O.data(), 16);
    EXPECT_EQ(M, 2);
    EXPECT_EQ(L, 5);
    EXPECT_EQ(O, o);
    table.merge(-kInf, 0, garbage.data(), &M, &L, O.data(), 16);
    EXPECT_EQ(M, 2);
    EXPECT_EQ(L, 5);
    EXPECT_EQ(O, o);
    table.merge(-1000, 7, o.data(), &M, &L, O.data(), 16);  // e^-1002 is nothing
    EXPECT_EQ(M, 2);
    EXPECT_EQ(L, 5);
    EXPECT_EQ(O, o);
    table.merge(1000, 7, std::vector<float>(16, 9.0f).data(), &M, &L, O.data(), 16);
    EXPECT_EQ(M, 1000);
    EXPECT_EQ(L, 7);
    EXPECT_EQ(O, std::vector<float>(16, 9.0f));
  }
}

}  // namespace
}  // namespace hearth::backend::cpu::test
