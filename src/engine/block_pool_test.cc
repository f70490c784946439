// Who may write where, and that nothing is given out beyond the budget.
#include "engine/block_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <set>

#include "engine/block_tables.h"

namespace hearth::engine {
namespace {

TEST(BlockPool, TheBudgetHoldsForBlocksAndOtherBytes) {
  BlockPool pool({.n_blocks = 10, .block_bytes = 100, .budget_bytes = 650});
  EXPECT_EQ(pool.n_free(), 6);
  EXPECT_TRUE(pool.charge(250));
  EXPECT_EQ(pool.n_free(), 4);
  EXPECT_FALSE(pool.charge(401));
  for (int32_t i = 0; i < 4; ++i) EXPECT_EQ(pool.take(0), i);
  EXPECT_EQ(pool.take(0), std::nullopt);
  EXPECT_EQ(pool.bytes_used(), 650u);
  pool.set_budget(300);  // smaller than what is used
  pool.release(1, 0);
  pool.release(2, 0);
  EXPECT_EQ(pool.n_free(), 0);
  EXPECT_FALSE(pool.charge(0));
  EXPECT_EQ(pool.n_free_after(1, 250), 2);
  pool.refund(250);
  EXPECT_EQ(pool.n_free(), 1);
  pool.set_budget(10000);
  EXPECT_EQ(pool.n_free(), 8);  // no more than there are
}

TEST(BlockPool, TheWriterAppendsWhereNobodyReads) {
  BlockPool pool({.n_blocks = 2});
  const int32_t block = *pool.take(7);
  EXPECT_TRUE(pool.may_write(block, 0, 7));
  pool.share(block, 5);
  EXPECT_TRUE(pool.may_write(block, 5, 7));
  EXPECT_FALSE(pool.may_write(block, 4, 7)) << "somebody reads it";
  EXPECT_FALSE(pool.may_write(block, 5, 8)) << "7 will write there";
  pool.release(block, 7);
  pool.share(block, 3);
  EXPECT_FALSE(pool.may_write(block, 3, 9));
  EXPECT_TRUE(pool.may_write(block, 5, 8)) << "its writer is gone";
  pool.claim(block, 5, 8);
  EXPECT_FALSE(pool.may_write(block, 5, 9));
  pool.release(block, 9);
  EXPECT_TRUE(pool.may_write(block, 0, 8)) << "alone";
  pool.claim(block, 0, 8);
  pool.share(block, 2);
  EXPECT_TRUE(pool.may_write(block, 2, 8)) << "what others read once does not matter any more";
  pool.release(block, 9);
  pool.release(block, 8);
  EXPECT_EQ(pool.n_free(), 2);
}

TEST(BlockPool, WhatTheCacheAloneHoldsIsIdle) {
  BlockPool pool({.n_blocks = 2});
  const int32_t block = *pool.take(0);
  pool.keep(block, 4);
  EXPECT_EQ(pool.n_idle(), 0);
  pool.release(block, 0);
  EXPECT_EQ(pool.n_idle(), 1);
  pool.share(block, 2);
  EXPECT_EQ(pool.n_idle(), 0);
  pool.unkeep(block);
  EXPECT_EQ(pool.n_holders(block), 1);
  EXPECT_EQ(pool.n_idle(), 0);
  pool.release(block, 1);
  EXPECT_EQ(pool.n_used(), 0);
}

// Any history of growing, trimming and sharing: each sequence reads what it would have written
// alone, and the pool counts its blocks exactly.
TEST(BlockTables, SequencesThatShareAreAsIfAlone) {
  constexpr int kBlock = 4;
  constexpr int kSequences = 5;
  for (const uint64_t seed : {1, 2, 3, 4}) {
    std::mt19937_64 random(seed);
    BlockPool pool({.n_blocks = 24});
    BlockTables tables(pool, kSequences, kBlock);
    std::vector<std::array<uint64_t, kBlock>> memory(24);
    std::vector<std::vector<uint64_t>> expected(kSequences);
    int n_copies = 0;
    for (int step = 0; step < 20000; ++step) {
      const auto s = int(random() % kSequences);
      std::vector<uint64_t>& own = expected[size_t(s)];
      const auto n = int64_t(own.size());
      if (const uint64_t what = random() % 4; what < 2) {
        const int64_t wanted = n + int64_t(random() % 7);
        const int64_t n_blocks = tables.n_blocks_wanted(s, wanted);
        const int64_t n_free = pool.n_free();
        const auto copy = tables.reserve(s, wanted);
        ASSERT_EQ(copy.has_value(), n_blocks <= n_free);
        ASSERT_EQ(pool.n_free(), copy ? n_free - n_blocks : n_free);
        if (!copy) continue;
        if (copy->from >= 0) memory[size_t(copy->to)] = memory[size_t(copy->from)];
        n_copies += int(copy->from >= 0);
        for (int64_t p = n; p < wanted; ++p) {
          own.push_back(random());
          memory[size_t(tables.blocks(s)[size_t(p / kBlock)])][size_t(p % kBlock)] = own.back();
        }
      } else if (what == 2) {
        own.resize(random() % (own.size() + 1));
        tables.trim(s, int64_t(own.size()));
      } else {
        const auto from = int(random() % kSequences);
        if (from == s) continue;
        tables.trim(s, 0);
        own = expected[size_t(from)];
        own.resize(random() % (own.size() + 1));
        tables.attach(s, tables.blocks(from), int64_t(own.size()));
      }
      std::set<int32_t> held;
      for (int i = 0; i < kSequences; ++i) {
        ASSERT_EQ(tables.n_positions(i), int64_t(expected[size_t(i)].size()));
        const std::span<const int32_t> blocks = tables.blocks(i);
        held.insert(blocks.begin(), blocks.end());
        for (size_t p = 0; p < expected[size_t(i)].size(); ++p)
          ASSERT_EQ(memory[size_t(blocks[p / kBlock])][p % kBlock], expected[size_t(i)][p])
              << "step " << step << ", sequence " << i << ", position " << p;
      }
      ASSERT_EQ(pool.n_used(), int64_t(held.size()));
    }
    EXPECT_GT(n_copies, 100);
    for (int i = 0; i < kSequences; ++i) tables.trim(i, 0);
    EXPECT_EQ(pool.n_used(), 0);
  }
}

// The usual case, an answer behind a prompt that is shared meanwhile, copies nothing.
TEST(BlockTables, OnlyTheSecondToAppendCopies) {
  BlockPool pool({.n_blocks = 8});
  BlockTables tables(pool, 3, 4);
  ASSERT_TRUE(tables.reserve(0, 6));
  tables.attach(1, tables.blocks(0), 6);
  EXPECT_EQ(tables.n_blocks_wanted(0, 7), 0);
  EXPECT_EQ(tables.n_blocks_wanted(1, 7), 1);
  EXPECT_EQ(tables.reserve(0, 7)->from, -1);
  const auto copy = tables.reserve(1, 7);
  EXPECT_EQ(copy->from, tables.blocks(0)[1]);
  EXPECT_EQ(copy->to, tables.blocks(1)[1]);
  EXPECT_EQ(tables.blocks(0)[0], tables.blocks(1)[0]);
}

}  // namespace
}  // namespace hearth::engine
