// Warm equals cold, to the bit: sequences that share chunks, and sequences that begin with what the
// prefix cache has, give the logits that they give alone.
#include <gtest/gtest.h>

#include <random>

#include "engine/prefix_tree.h"
#include "engine/tiny_engine_test.h"

namespace hearth::engine {
namespace {

using test::feed;
using test::load;
using test::same_bits;
using test::some_ids;

EngineOptions options(const char* kv_type, int n_sequences) {
  EngineOptions options = test::tiny_options();
  options.n_ctx = 1024;
  options.n_sequences = n_sequences;
  options.kv_type = kv_type;
  return options;
}

// Three answers to one prompt that ends within a chunk: one goes on in the chunk that the others
// still read, in the same steps.
TEST(KvSharing, AnswersThatShareAPromptAreAsAlone) {
  for (const char* name : {"qwen3", "gemma3"})
    for (const char* kv_type : {"f32", "f16", "bf16", "q8_0", "q4_0"}) {
      const model::TinyOptions tiny{.arch = model::find_arch(name)};
      const auto together = load(tiny, options(kv_type, 3));
      const auto alone = load(tiny, options(kv_type, 1));
      ASSERT_TRUE(together.has_value() && alone.has_value());
      const std::vector<int32_t> prompt = some_ids(301);
      feed(**together, prompt);
      ASSERT_EQ((*together)->kv().share(0, 1, 301), 301);
      ASSERT_EQ((*together)->kv().share(0, 2, 290), 290);
      EXPECT_EQ((*together)->kv().pool().n_used(), 2);
      std::vector<std::vector<int32_t>> ids;
      std::vector<std::vector<float>> logits(3);
      for (uint64_t s = 0; s < 3; ++s) ids.push_back(some_ids(250, 100 + s));
      for (size_t at = 0; at < 250; at += 5) {
        std::vector<BatchToken> batch;
        for (int s = 0; s < 3; ++s)
          for (size_t i = at; i < at + 5; ++i)
            batch.push_back({.token = ids[size_t(s)][i], .sequence = s, .wants_logits = true});
        const auto rows = (*together)->feed(batch);
        ASSERT_TRUE(rows.has_value()) << rows.error().message;
        const size_t n = rows->size() / 3;
        for (size_t s = 0; s < 3; ++s)
          logits[s].insert(logits[s].end(), rows->begin() + int64_t(s * n),
                           rows->begin() + int64_t((s + 1) * n));
      }
      EXPECT_EQ((*together)->kv().pool().n_used(), 1 + 3 * 2)
          << "the full chunk of the prompt once";
      for (size_t s = 0; s < 3; ++s) {
        (*alone)->trim(0, 0);
        feed(**alone, std::span(prompt).first(s == 2 ? 290 : 301));
        EXPECT_TRUE(same_bits(feed(**alone, ids[s]), logits[s]))
            << name << ", KV " << kv_type << ", answer " << s;
      }
    }
}

// Conversations that begin alike, one after another and side by side, with room for a part of them.
TEST(KvSharing, ThePrefixCacheChangesNoBit) {
  for (const char* kv_type : {"f16", "q4_0"}) {
    const model::TinyOptions tiny{.arch = model::find_arch("qwen3")};
    const auto warm = load(tiny, options(kv_type, 3));
    const auto cold = load(tiny, options(kv_type, 1));
    ASSERT_TRUE(warm.has_value() && cold.has_value());
    KvCache& kv = (*warm)->kv();
    PrefixTree tree(kv.pool(), tensor::kKvChunk);
    std::mt19937_64 random(3);
    std::vector<std::vector<int32_t>> texts = {some_ids(700)};
    int64_t n_cached = 0;
    for (int turn = 0; turn < 24; ++turn) {
      const auto s = int(random() % 3);
      std::vector<int32_t> ids = texts[random() % texts.size()];
      ids.resize(random() % ids.size());
      const size_t n_more = 1 + random() % 120;
      for (const int32_t id : some_ids(n_more, random())) ids.push_back(id);
      kv.trim(s, 0);
      const auto match = tree.find(1, std::span(ids).first(ids.size() - 1));
      kv.attach(s, match.blocks, match.n_tokens);
      n_cached += match.n_tokens;
      ASSERT_TRUE(tree.make_room(kv.tables().n_blocks_wanted(s, int64_t(ids.size()))));
      const std::vector<float> rest =
          feed(**warm, std::span(ids).subspan(size_t(match.n_tokens)), s, 300);
      tree.insert(1, ids, kv.tables().blocks(s), s);
      (*cold)->trim(0, 0);
      const std::vector<float> all = feed(**cold, ids, 0, 300);
      ASSERT_TRUE(same_bits(std::span(all).last(rest.size()), rest))
          << "turn " << turn << ", KV " << kv_type << ": " << match.n_tokens << " of "
          << ids.size();
      texts.push_back(ids);
    }
    EXPECT_GT(n_cached, 2000);
    EXPECT_GT(tree.n_evicted(), 0u);
    for (int s = 0; s < 3; ++s) kv.trim(s, 0);
    EXPECT_EQ(kv.pool().n_used(), kv.pool().n_idle());
  }
}

}  // namespace
}  // namespace hearth::engine
