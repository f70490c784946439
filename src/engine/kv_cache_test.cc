// The cache's book-keeping: chunks are given out, taken back, never twice and never lost.
#include "engine/kv_cache.h"

#include <gtest/gtest.h>

#include <cmath>
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
