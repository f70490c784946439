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
using tensor::KvType;

constexpr float kInf = std::numeric_limits<float>::infinity();

// K and V of one KV head over some chunks: as floats that the type holds exactly, and as the cache
// lays them out.
struct KvHead {
  tensor::KvLayerView layout;
  int dk;
  int dv;
  int dv_padded;
  int n_chunks;
  std::vector<float> k;  // [position, dk]
  std::vector<float> v;  // [position, dv]
  std::vector<std::byte> memory;

  KvHead(KvType type, int dk_, int dv_, int n_chunks_, Random& random)
      : layout{.type = type, .n_heads = 1, .dk = dk_, .dv = dv_},
        dk(dk_),
        dv(dv_),
        dv_padded(layout.dv_padded()),
        n_chunks(n_chunks_),
        k(size_t(n_chunks * kKvChunk * dk)),
        v(size_t(n_chunks * kKvChunk * dv)),
        memory(size_t(n_chunks) * layout.chunk_bytes()) {
    layout.base = memory.data();
    for (int p = 0; p < n_chunks * kKvChunk; ++p) {
      if (layout.quantized()) set_scales(p, 0.02f + 0.01f * std::fabs(random.normal()));
      for (int i = 0; i < dk; ++i) set_k(p, i, random.normal());
      for (int i = 0; i < dv; ++i) set_v(p, i, random.normal());
    }
  }
  [[nodiscard]] bool four_bits() const { return layout.type == KvType::kQ4_0; }
  void set_scales(int position, float scale) {
    if (four_bits()) scale *= 10;
    layout.k_scales(position / kKvChunk, 0)[position % kKvChunk] = scale;
    layout.v_scales(position / kKvChunk, 0)[position % kKvChunk] = scale * 1.5f;
  }
  void set_k(int position, int i, float x) {
    const int chunk = position / kKvChunk;
    const int row = position % kKvChunk;
    const int at = (row / kKvLanes * dk + i) * kKvLanes + row % kKvLanes;
    k[size_t(position * dk + i)] =
        layout.quantized() ? put_code(layout.k(chunk, 0),
                                      tensor::k_code_place(layout.type, layout.dk_padded(), row, i),
                                      x, layout.k_scales(chunk, 0)[row])
                           : put(layout.k(chunk, 0), at, x);
  }
  void set_v(int position, int i, float x) {
    const int chunk = position / kKvChunk;
    const int row = position % kKvChunk;
    v[size_t(position * dv + i)] =
        layout.quantized()
            ? put_code(layout.v(chunk, 0), tensor::v_code_place(layout.type, dv_padded, row, i), x,
                       layout.v_scales(chunk, 0)[row])
            : put(layout.v(chunk, 0), row * dv_padded + i, x);
  }
  // Stores x in the type; returns what that made of it.
  float put(std::byte* bytes, int at, float x) const {
    if (layout.type == KvType::kF32) {
      std::memcpy(bytes + 4 * at, &x, 4);
      return x;
    }
    const bool f16 = layout.type == KvType::kF16;
    const uint16_t h = f16 ? f32_to_f16(x) : f32_to_bf16(x);
    std::memcpy(bytes + 2 * at, &h, 2);
    return f16 ? f16_to_f32(h) : bf16_to_f32(h);
  }
  float put_code(std::byte* bytes, tensor::KvCodePlace place, float x, float scale) const {
    const float level = std::isfinite(x / scale) ? x / scale : 1e9f;
    if (!four_bits()) {
      const int code = int(std::clamp(std::rint(level) + 128, 0.0f, 255.0f));
      bytes[place.byte] = std::byte(code);
      return scale * float(code - 128);
    }
    const int code = int(std::clamp(std::rint((level + 15) / 2), 0.0f, 15.0f));
    bytes[place.byte] &= std::byte(place.shift == 0 ? 0xf0 : 0x0f);
    bytes[place.byte] |= std::byte(code << place.shift);
    return scale * float(2 * code - 15);
  }
  // What was never written must not matter.
  void poison(int from, int to) {
    for (int p = from; p < to; ++p) {
      if (layout.quantized()) set_scales(p, NAN);
      for (int i = 0; i < dk; ++i) set_k(p, i, NAN);
      for (int i = 0; i < dv; ++i) set_v(p, i, NAN);
    }
  }
};

struct Rows {
  std::vector<float> q;          // [row, dk]
  std::vector<ActBlock> blocks;  // of a quantized type; q is what they mean
  std::vector<int> begin, end;   // positions over all chunks
  float softcap = 0;
  float sink = -kInf;
  [[nodiscard]] int n() const { return int(begin.size()); }
};

void quantize_queries(Rows& rows, int dk) {
  const KernelTable scalar = select_kernels("scalar", detect_cpu_features()).value();
  rows.blocks.resize(rows.q.size() / size_t(dk));
  for (size_t r = 0; r < rows.blocks.size(); ++r) {
    float* q = rows.q.data() + r * size_t(dk);
    scalar.quantize(q, dk, ActForm::kPer256, rows.blocks[r]);
    for (int i = 0; i < dk; ++i) q[i] = rows.blocks[r].d[0] * float(rows.blocks[r].q[i]);
  }
}

Rows random_rows(int n, int dk, const KvHead& kv, Random& random) {
  Rows rows;
  rows.q = random.normals(size_t(n * dk), 2 / std::sqrt(float(dk)));
  if (kv.layout.quantized()) quantize_queries(rows, dk);
  rows.begin.assign(size_t(n), 0);
  rows.end.assign(size_t(n), 0);
  return rows;
}

// What the kernels make of all chunks, [row, dv_padded]; rows [first, first + n).
std::vector<float> attend(const KernelTable& table, const KvHead& kv, const Rows& rows, int first,
                          int n) {
  const auto dv = size_t(kv.dv_padded);
  std::vector<float> scores(size_t(n * kKvChunk), NAN);
  std::vector<float> floats(size_t(kKvChunk) * size_t(kv.dk + kv.dv_padded), NAN);
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
    args.k = kv.layout.k(c, 0);
    args.v = kv.layout.v(c, 0);
    if (kv.layout.quantized()) {
      args.q_blocks = rows.blocks.data() + first;
      args.k_scale = kv.layout.k_scales(c, 0);
      args.v_scale = kv.layout.v_scales(c, 0);
    }
    args.begin = begin.data();
    args.end = end.data();
    args.softcap = rows.softcap;
    args.scores = scores.data();
    args.floats = floats.data();
    args.m = m.data();
    args.l = l.data();
    args.o = o.data();
    table.attend[int(kv.layout.type)](args);
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
      // Of the quantized types all but the weights of V is exact; those have 14 bits.
      ASSERT_LE(nmse.value(), kv.layout.quantized() ? 1e-6 : 1e-10) << table.name << " row " << r;
      for (int i = kv.dv; i < kv.dv_padded && !kv.layout.quantized(); ++i)
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

constexpr KvType kAllTypes[] = {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0,
                                KvType::kQ4_0};
constexpr int kWidths[] = {8, 16, 40, 64, 96, 128, 256};

TEST(Attend, MatchesDoubleForEveryWidthAndType) {
  Random random(1);
  for (const KvType kind : kAllTypes)
    for (const int dk : kWidths)
      for (const int dv : kWidths) {
        if (dk != dv && (dk > 64 || dv > 128)) continue;
        KvHead kv(kind, dk, dv, 2, random);
        kv.poison(301, 2 * kKvChunk);
        Rows rows = random_rows(6, dk, kv, random);
        causal(rows, 300, 1000);
        SCOPED_TRACE("kind " + std::string(tensor::info(kind).name) + " dk " + std::to_string(dk) +
                     " dv " + std::to_string(dv));
        expect_all_match_double(kv, rows);
      }
}

TEST(Attend, WindowsSoftcapAndSinks) {
  Random random(2);
  for (const KvType kind : kAllTypes) {
    KvHead kv(kind, 64, 64, 3, random);
    for (const int last : {15, 16, 255, 256, 600})
      for (const int window : {1, 16, 17, 256, 257, 10000})
        for (const float softcap : {0.0f, 3.0f})
          for (const float sink : {-kInf, 0.5f, 60.0f}) {
            Rows rows = random_rows(5, 64, kv, random);
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
  for (const KvType kind : kAllTypes)
    for (const int width : {8, 40, 128})
      for (const int window : {10000, 30}) {
        KvHead kv(kind, width, width, 2, random);
        kv.poison(400, 2 * kKvChunk);
        if (window == 30) kv.poison(0, 300);
        Rows rows = random_rows(37, width, kv, random);
        rows.softcap = window == 30 ? 20.0f : 0.0f;
        causal(rows, 399, window);
        for (const KernelTable& table : all_tables()) {
          const std::vector<float> together = attend(table, kv, rows, 0, rows.n());
          for (const int n : {1, 2, 3, 4, 5, 8, 11, 12})
            for (int first = 0; first + n <= rows.n(); first += n) {
              const std::vector<float> part = attend(table, kv, rows, first, n);
              ASSERT_EQ(
                  std::memcmp(part.data(), together.data() + first * kv.dv_padded, part.size() * 4),
                  0)
                  << table.name << " kind " << tensor::info(kind).name << " rows " << first << " + "
                  << n;
            }
        }
      }
}

TEST(Attend, EmptyRangesLeaveNothing) {
  Random random(4);
  for (const KvType kind : {KvType::kF16, KvType::kQ8_0}) {
    KvHead kv(kind, 16, 16, 1, random);
    kv.poison(0, kKvChunk);
    for (const KernelTable& table : all_tables()) {
      Rows rows = random_rows(5, 16, kv, random);
      for (int r = 0; r < 5; ++r) rows.begin[size_t(r)] = rows.end[size_t(r)] = 17 * r;
      rows.sink = 1.0f;  // all the weight goes to the sink
      for (const float y : attend(table, kv, rows, 0, 5)) ASSERT_EQ(y, 0.0f) << table.name;
    }
  }
}

// The largest sums that codes can make fit 32 bits: widest heads, all codes at one end, all
// positions of equal weight.
TEST(Attend, ExtremeCodes) {
  Random random(6);
  for (const KvType kind : {KvType::kQ8_0, KvType::kQ4_0})
    for (const float sign : {1.0f, -1.0f}) {
      KvHead kv(kind, 256, 256, 1, random);
      for (int p = 0; p < kKvChunk; ++p) {
        kv.set_scales(p, 0.01f);
        for (int i = 0; i < 256; ++i) {
          kv.set_k(p, i, 1e6f * sign);
          kv.set_v(p, i, i % 2 == 0 ? 1e6f : -1e6f);
        }
      }
      Rows rows = random_rows(5, 256, kv, random);
      std::fill(rows.q.begin(), rows.q.end(), 0.001f);
      quantize_queries(rows, 256);
      std::fill(rows.end.begin(), rows.end.end(), kKvChunk);
      expect_all_match_double(kv, rows);
    }
}

// Scores far apart: the weight of the smaller is exactly nothing, and nothing overflows.
TEST(Attend, HugeScores) {
  Random random(5);
  KvHead kv(KvType::kF32, 16, 16, 2, random);
  for (int p = 0; p < 2 * kKvChunk; ++p)
    for (int i = 0; i < 16; ++i) kv.set_k(p, i, p == 200 || p == 300 ? 1000.0f : -1000.0f);
  Rows rows = random_rows(3, 16, kv, random);
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
