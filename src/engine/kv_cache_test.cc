// The cache's book-keeping: chunks are given out, taken back, never twice and never lost.
#include "engine/kv_cache.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <set>

namespace hearth::engine {
namespace {

model::HyperParams two_layers() {
  model::HyperParams p;
  p.layers = {{.n_heads = 4, .n_kv_heads = 2, .head_dim_k = 12, .head_dim_v = 20},
              {.n_heads = 4, .n_kv_heads = 4, .head_dim_k = 12, .head_dim_v = 20}};
  return p;
}

using tensor::KvType;

KvCache make(int64_t n_positions, int n_sequences, Arena& arena, KvType type = KvType::kF16) {
  return KvCache::create(two_layers(), {n_positions, n_sequences, type}, arena).value();
}

// Any history of reserve and trim leaves every chunk with one owner or none, and room for the rest.
TEST(KvCache, ChunksAreNeverSharedNorLost) {
  constexpr int kSequences = 5;
  constexpr int64_t kPositions = 1000;  // 4 chunks, the last not full
  for (const uint64_t seed : {1, 2, 3}) {
    Arena arena(Arena::Mode::kReal);
    KvCache cache = make(kPositions, kSequences, arena);
    std::mt19937_64 random(seed);
    std::vector<int64_t> length(kSequences);
    for (int step = 0; step < 2000; ++step) {
      const int s = int(random() % kSequences);
      const auto n = int64_t(random() % (kPositions + 100));
      if (random() % 2 == 0) {
        const auto reserved = cache.reserve(s, std::max(n, length[size_t(s)]));
        const bool fits = std::max(n, length[size_t(s)]) <= kPositions;
        ASSERT_EQ(reserved.has_value(), fits);
        if (fits) length[size_t(s)] = std::max(n, length[size_t(s)]);
      } else {
        cache.trim(s, n);
        length[size_t(s)] = std::min(length[size_t(s)], n);
      }
      std::set<int32_t> owned;
      for (int i = 0; i < kSequences; ++i) {
        ASSERT_EQ(cache.n_positions(i), length[size_t(i)]);
        const tensor::KvSequenceView& view = cache.sequences()[size_t(i)];
        ASSERT_EQ(view.n_chunks, (length[size_t(i)] + 255) / 256);
        for (int c = 0; c < view.n_chunks; ++c) {
          ASSERT_TRUE(owned.insert(view.chunks[c]).second) << "two owners";
          ASSERT_GE(view.chunks[c], 0);
          ASSERT_LT(view.chunks[c], 4 * kSequences);
        }
      }
    }
    // Nothing leaked: every sequence can still have all of its room.
    for (int s = 0; s < kSequences; ++s) ASSERT_TRUE(cache.reserve(s, kPositions).has_value());
  }
}

// What a sequence holds stays where it is while it grows and others come and go.
TEST(KvCache, ChunksStayInPlace) {
  Arena arena(Arena::Mode::kReal);
  KvCache cache = make(2048, 3, arena);
  ASSERT_TRUE(cache.reserve(0, 600).has_value());
  const auto chunks = [&] {
    const tensor::KvSequenceView& v = cache.sequences()[0];
    return std::vector<int32_t>(v.chunks, v.chunks + v.n_chunks);
  };
  const std::vector<int32_t> before = chunks();
  ASSERT_TRUE(cache.reserve(1, 2048).has_value());
  ASSERT_TRUE(cache.reserve(0, 2000).has_value());
  cache.trim(1, 0);
  ASSERT_TRUE(cache.reserve(2, 1000).has_value());
  cache.trim(0, 513);
  EXPECT_EQ(chunks(), before);
  cache.trim(0, 512);
  EXPECT_EQ(chunks(), std::vector<int32_t>(before.begin(), before.begin() + 2));
}

// A made-up context is finite, differs from position to position, keeps the padding of V zero, and
// leaves the other sequences alone.
TEST(KvCache, AMadeUpContextIsLikeARealOne) {
  Arena arena(Arena::Mode::kReal);
  KvCache cache = make(600, 2, arena);
  ASSERT_TRUE(cache.reserve(0, 300).has_value());
  ASSERT_TRUE(cache.make_up(1, 300).has_value());
  EXPECT_EQ(cache.n_positions(1), 300);
  const quant::TypeInfo& f16 = *quant::find_type("F16");
  const auto decoded = [&](const std::byte* at, size_t n) {
    std::vector<float> numbers(n);
    f16.decode_row(at, int64_t(n), numbers.data());
    return numbers;
  };
  for (const tensor::KvLayerView& layer : cache.layers())
    for (int head = 0; head < layer.n_heads; ++head)
      for (int c = 0; c < 2; ++c) {
        const int chunk = cache.sequences()[1].chunks[c];
        std::set<float> different;
        for (const float x : decoded(layer.k(chunk, head), layer.k_bytes() / 2)) {
          ASSERT_LE(std::abs(x), 1);  // false for NaN, too
          different.insert(x);
        }
        EXPECT_GT(different.size(), 500u);
        const std::vector<float> v = decoded(layer.v(chunk, head), layer.v_bytes() / 2);
        const int width = layer.dv_padded();
        ASSERT_GT(width, layer.dv);
        for (int row = 0; row < tensor::kKvChunk; ++row)
          for (int i = 0; i < width; ++i) {
            const float x = v[size_t(row * width + i)];
            ASSERT_TRUE(i < layer.dv ? std::abs(x) <= 1 : x == 0) << "row " << row << ", " << i;
          }
        for (const float x : decoded(layer.k(cache.sequences()[0].chunks[c], head), 256))
          ASSERT_EQ(x, 0);
      }
  EXPECT_EQ(cache.make_up(1, 601).error().code, ErrorCode::kContextFull);
}

// Of a quantized type: different codes, scales that are numbers.
TEST(KvCache, AMadeUpContextOfCodes) {
  for (const KvType type : {KvType::kQ8_0, KvType::kQ4_0}) {
    Arena arena(Arena::Mode::kReal);
    KvCache cache = make(600, 1, arena, type);
    ASSERT_TRUE(cache.make_up(0, 600).has_value());
    for (const tensor::KvLayerView& layer : cache.layers())
      for (int head = 0; head < layer.n_heads; ++head)
        for (int chunk = 0; chunk < 3; ++chunk)
          for (const bool is_k : {true, false}) {
            const std::byte* codes = is_k ? layer.k(chunk, head) : layer.v(chunk, head);
            const size_t n = is_k ? layer.k_bytes() : layer.v_bytes();
            EXPECT_GT(std::set<std::byte>(codes, codes + n).size(), 100u);
            const float* scales = is_k ? layer.k_scales(chunk, head) : layer.v_scales(chunk, head);
            for (int i = 0; i < tensor::kKvChunk; ++i) {
              ASSERT_GT(scales[i], 0.001f);
              ASSERT_LT(scales[i], 0.1f);
            }
          }
  }
}

// What a position holds, in each layer and at both ends of a chunk: 16 bits behind one another.
void write(KvCache& cache, int sequence, int64_t position, uint16_t value) {
  const int chunk = cache.sequences()[size_t(sequence)].chunks[position / tensor::kKvChunk];
  for (const tensor::KvLayerView& layer : cache.layers()) {
    const auto row = size_t(position % tensor::kKvChunk) * sizeof(value);
    std::memcpy(layer.k(chunk, 0) + row, &value, sizeof(value));
    std::memcpy(layer.k(chunk, 0) + layer.chunk_bytes() - 512 + row, &value, sizeof(value));
  }
}
void expect_holds(const KvCache& cache, int sequence, std::span<const uint16_t> values) {
  ASSERT_EQ(cache.n_positions(sequence), int64_t(values.size()));
  for (size_t p = 0; p < values.size(); ++p) {
    const int chunk = cache.sequences()[size_t(sequence)].chunks[p / tensor::kKvChunk];
    for (const tensor::KvLayerView& layer : cache.layers()) {
      const size_t row = p % tensor::kKvChunk * sizeof(uint16_t);
      uint16_t both[2];
      std::memcpy(&both[0], layer.k(chunk, 0) + row, sizeof(uint16_t));
      std::memcpy(&both[1], layer.k(chunk, 0) + layer.chunk_bytes() - 512 + row, sizeof(uint16_t));
      ASSERT_EQ(both[0], values[p]) << "sequence " << sequence << ", position " << p;
      ASSERT_EQ(both[1], values[p]);
    }
  }
}

// Sequences share chunks, append and trim as they like: each holds what it wrote, and there is
// always room for what all may have.
TEST(KvCache, SequencesThatShareChunksDoNotDisturbEachOther) {
  constexpr int kSequences = 4;
  constexpr int64_t kPositions = 900;
  Arena arena(Arena::Mode::kReal);
  KvCache cache = make(kPositions, kSequences, arena);
  std::mt19937_64 random(5);
  std::vector<std::vector<uint16_t>> values(kSequences);
  int64_t n_shared = 0;
  for (int step = 0; step < 600; ++step) {
    const int s = int(random() % kSequences);
    const int from = int(random() % kSequences);
    std::vector<uint16_t>& own = values[size_t(s)];
    if (random() % 3 == 0 && from != s) {
      own = values[size_t(from)];
      own.resize(random() % (own.size() + 1));
      ASSERT_EQ(cache.share(from, s, int64_t(own.size())), int64_t(own.size()));
      n_shared += int64_t(own.size());
    } else if (random() % 4 == 0) {
      own.resize(random() % (own.size() + 1));
      ASSERT_EQ(cache.trim(s, int64_t(own.size())), int64_t(own.size()));
    } else {
      const auto n = std::min(kPositions, int64_t(own.size() + random() % 300));
      ASSERT_TRUE(cache.reserve(s, n).has_value());
      for (auto p = int64_t(own.size()); p < n; ++p) {
        own.push_back(uint16_t(random()));
        write(cache, s, p, own.back());
      }
    }
    for (int i = 0; i < kSequences; ++i) expect_holds(cache, i, values[size_t(i)]);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(n_shared, 10000);
  for (int s = 0; s < kSequences; ++s) cache.trim(s, 0);
  EXPECT_EQ(cache.pool().n_used(), 0);
}

// --- states ---

// One layer with attention alone, one with a state alone, one with both.
model::HyperParams hybrid() {
  model::HyperParams p = two_layers();
  p.layers = {{.n_heads = 4, .n_kv_heads = 2},
              {.conv_state = 30, .matrix_state = 7},
              {.n_heads = 4, .n_kv_heads = 1, .conv_state = 5}};
  return p;
}

// What a sequence at some position holds: here, a number that tells where it was.
void feed(KvCache& cache, int sequence, int64_t n, float mark) {
  ASSERT_TRUE(cache.reserve(sequence, cache.n_positions(sequence) + n).has_value());
  for (size_t layer : {1, 2})
    for (int64_t i = 0; i < (layer == 1 ? 37 : 5); ++i)
      cache.states()[layer].of(sequence)[i] += mark * float(i + 1) * float(n);
}
void expect_state(const KvCache& cache, int sequence, float mark) {
  for (size_t layer : {1, 2})
    for (int64_t i = 0; i < (layer == 1 ? 37 : 5); ++i)
      ASSERT_EQ(cache.states()[layer].of(sequence)[i], mark * float(i + 1)) << i;
}

TEST(KvCache, AStateGoesBackToItsSnapshots) {
  Arena arena(Arena::Mode::kReal);
  KvCache cache = KvCache::create(hybrid(), {1000, 2, KvType::kF16}, arena).value();
  EXPECT_TRUE(cache.has_states());
  feed(cache, 0, 100, 1);
  cache.snapshot(0);
  feed(cache, 1, 10, 5);
  feed(cache, 0, 200, 1);
  cache.snapshot(0);
  feed(cache, 0, 300, 1);
  expect_state(cache, 0, 600);
  EXPECT_EQ(cache.trim(0, 600), 600);  // nothing to forget
  EXPECT_EQ(cache.trim(0, 599), 300);
  expect_state(cache, 0, 300);
  EXPECT_EQ(cache.n_positions(0), 300);
  EXPECT_EQ(cache.sequences()[0].n_chunks, 2);
  EXPECT_EQ(cache.trim(0, 299), 100);  // the later one is gone
  expect_state(cache, 0, 100);
  feed(cache, 0, 400, 2);
  expect_state(cache, 0, 900);
  EXPECT_EQ(cache.trim(0, 400), 100);
  expect_state(cache, 0, 100);
  EXPECT_EQ(cache.trim(0, 99), 0);
  EXPECT_EQ(cache.n_positions(0), 0);
  feed(cache, 0, 50, 1);  // from zero
  expect_state(cache, 0, 50);
  EXPECT_EQ(cache.trim(0, 49), 0);
  expect_state(cache, 1, 50);  // the other never changed
}

TEST(KvCache, SnapshotsAreBoundedAndTheOldestGo) {
  Arena arena(Arena::Mode::kReal);
  KvCache cache = KvCache::create(hybrid(), {1000, 2, KvType::kF16}, arena).value();
  feed(cache, 1, 7, 1);
  cache.snapshot(1);
  const int n = KvCache::n_snapshots(2);
  for (int i = 0; i < n; ++i) {
    feed(cache, 0, 10, 1);
    cache.snapshot(0);
    cache.snapshot(0);  // of the same position: once
  }
  EXPECT_EQ(cache.trim(1, 6), 0);
  feed(cache, 0, 1, 1);
  for (int i = n; i > 0; --i) {
    EXPECT_EQ(cache.trim(0, 10 * i), 10 * i);
    expect_state(cache, 0, float(10 * i));
    EXPECT_EQ(cache.trim(0, 10 * i - 1), 10 * (i - 1));
  }
}

TEST(KvCache, ACopyIsWholeAndItsOwn) {
  Arena arena(Arena::Mode::kReal);
  KvCache cache = KvCache::create(hybrid(), {600, 3, KvType::kF32}, arena).value();
  feed(cache, 0, 300, 1);
  cache.snapshot(0);
  const auto mark = [&](int s, std::byte value) {
    for (const size_t layer : {0, 2})
      for (int c = 0; c < 2; ++c)
        std::fill_n(cache.layers()[layer].k(cache.sequences()[size_t(s)].chunks[c], 0),
                    cache.layers()[layer].chunk_bytes(), value);
  };
  const auto expect_mark = [&](int s, std::byte value) {
    for (const size_t layer : {0, 2})
      for (int c = 0; c < 2; ++c)
        for (size_t i = 0; i < cache.layers()[layer].chunk_bytes(); ++i)
          ASSERT_EQ(cache.layers()[layer].k(cache.sequences()[size_t(s)].chunks[c], 0)[i], value);
  };
  mark(0, std::byte(3));
  feed(cache, 2, 600, 9);
  ASSERT_TRUE(cache.copy(0, 2).has_value());
  EXPECT_EQ(cache.n_positions(2), 300);
  expect_state(cache, 2, 300);
  expect_mark(2, std::byte(3));
  mark(2, std::byte(4));
  feed(cache, 2, 1, 1);
  expect_mark(0, std::byte(3));
  expect_state(cache, 0, 300);
  EXPECT_EQ(cache.trim(2, 300), 0);  // the snapshot stayed with sequence 0
  feed(cache, 0, 1, 1);
  EXPECT_EQ(cache.trim(0, 300), 300);
}

// What is shared has the state of all, or of a snapshot; from there on both go their own way.
TEST(KvCache, AStateIsSharedWhereItIsKnown) {
  Arena arena(Arena::Mode::kReal);
  KvCache cache = KvCache::create(hybrid(), {1000, 3, KvType::kF16}, arena).value();
  feed(cache, 0, 100, 1);
  cache.snapshot(0);
  feed(cache, 0, 300, 1);
  feed(cache, 1, 7, 1);
  EXPECT_EQ(cache.share(0, 1, 400), 400);
  expect_state(cache, 1, 400);
  EXPECT_EQ(cache.share(0, 2, 399), 100);
  expect_state(cache, 2, 100);
  feed(cache, 2, 10, 1);
  feed(cache, 1, 5, 1);
  expect_state(cache, 0, 400);
  expect_state(cache, 1, 405);
  expect_state(cache, 2, 110);
  EXPECT_EQ(cache.share(0, 1, 99), 0);
  feed(cache, 1, 3, 1);  // from zero
  expect_state(cache, 1, 3);
}

TEST(KvCache, WithoutAttentionAPositionCostsNothing) {
  model::HyperParams p = hybrid();
  p.layers = {{.conv_state = 30, .matrix_state = 7}, {.conv_state = 5}};
  EXPECT_EQ(KvCache::bytes_per_position(p, KvType::kF16), 0u);
  // Whole cache lines of 16 floats: 48 + 16, for three sequences and their snapshots.
  const uint64_t expected = (48 + 16) * 4 * uint64_t(3 + KvCache::n_snapshots(3));
  EXPECT_EQ(KvCache::state_bytes(p, 3), expected);
  EXPECT_EQ(KvCache::state_bytes(two_layers(), 3), 0u);
  for (const auto mode : {Arena::Mode::kMeasure, Arena::Mode::kReal}) {
    Arena arena(mode);
    auto cache = KvCache::create(p, {1 << 20, 3, KvType::kF16}, arena);
    ASSERT_TRUE(cache.has_value());
    EXPECT_EQ(arena.total_bytes(), expected);
    if (arena.measuring()) continue;
    EXPECT_TRUE(cache->make_up(2, 1 << 20).has_value());
    EXPECT_EQ(cache->n_positions(2), 1 << 20);
    EXPECT_EQ(cache->reserve(2, (1 << 20) + 1).error().code, ErrorCode::kContextFull);
  }
}

TEST(KvCache, AFullCacheSaysBothCounts) {
  Arena arena(Arena::Mode::kReal);
  KvCache cache = make(100, 2, arena);
  ASSERT_TRUE(cache.reserve(0, 100).has_value());
  const auto full = cache.reserve(0, 101);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, ErrorCode::kContextFull);
  EXPECT_NE(full.error().message.find("101 tokens"), std::string::npos);
  EXPECT_NE(full.error().message.find("100 fit"), std::string::npos);
  EXPECT_EQ(cache.n_positions(0), 100);
  EXPECT_TRUE(cache.reserve(1, 100).has_value());
}

TEST(KvCache, BytesAreCountedOnce) {
  model::HyperParams p = two_layers();
  // K 12 wide (of 4 bits: 16), V padded from 20 to 32, two heads and four.
  const uint64_t expected[] = {4 * 44, 2 * 44, 2 * 44, 44 + 8, 24 + 8};
  for (const tensor::KvTypeInfo& row : tensor::kKvTypes) {
    const KvType type = row.type;
    EXPECT_EQ(KvCache::bytes_per_position(p, type), (2 + 4) * expected[int(type)]) << row.name;
    Arena plan(Arena::Mode::kMeasure);
    Arena real(Arena::Mode::kReal);
    for (Arena* arena : {&plan, &real}) {
      const auto cache = KvCache::create(p, {300, 3, type}, *arena);
      ASSERT_TRUE(cache.has_value());
      EXPECT_EQ(arena->total_bytes(), 3 * 512 * KvCache::bytes_per_position(p, type)) << row.name;
      EXPECT_EQ(cache->layers()[0].base == nullptr, arena->measuring());
    }
  }
  Arena arena(Arena::Mode::kMeasure);
  p.layers[1].head_dim_k = 576;
  EXPECT_TRUE(KvCache::create(p, {300, 1, KvType::kF16}, arena).has_value());
  const auto wrong = KvCache::create(p, {300, 1, KvType::kQ8_0}, arena);
  ASSERT_FALSE(wrong.has_value());
  EXPECT_NE(wrong.error().message.find("heads of up to 256 numbers, this model's have 576"),
            std::string::npos);
}

}  // namespace
}  // namespace hearth::engine
