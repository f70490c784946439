// The tree against a list of everything that was ever inserted, with memory whose contents are
// checked: what find() gives holds exactly the tokens that were asked for.
#include "engine/prefix_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/block_tables.h"

namespace hearth::engine {
namespace {

using Tokens = std::vector<int32_t>;
using Miss = PrefixTree::Miss;
constexpr int kBlock = 4;

// Sequences that write into blocks what attention would: a number that depends on the key and all
// tokens up to the position.
struct Memory {
  Memory(int64_t n_blocks, int n_sequences, uint64_t block_bytes = 1)
      : pool({.n_blocks = n_blocks, .block_bytes = block_bytes}),
        tables(pool, n_sequences, kBlock),
        tree(pool, kBlock),
        contents(size_t(n_blocks * kBlock)) {}

  static std::vector<uint64_t> values(uint64_t key, const Tokens& tokens) {
    std::vector<uint64_t> values;
    uint64_t value = key * 0x9e3779b97f4a7c15u;
    for (const int32_t t : tokens) {
      value = (value ^ uint64_t(t + 1)) * 0xff51afd7ed558ccdu;
      values.push_back(value ^= value >> 31);
    }
    return values;
  }
  // The sequence's tokens become these; false if there is no room.
  bool grow(int s, uint64_t key, const Tokens& tokens) {
    const int64_t from = tables.n_positions(s);
    const auto n = int64_t(tokens.size());
    if (!tree.make_room(tables.n_blocks_wanted(s, n))) return false;
    const auto copy = tables.reserve(s, n);
    if (!copy) return false;
    if (copy->from >= 0)
      std::copy_n(contents.begin() + copy->from * kBlock, kBlock,
                  contents.begin() + copy->to * kBlock);
    const std::vector<uint64_t> v = values(key, tokens);
    for (int64_t p = from; p < n; ++p) cell(tables.blocks(s), p) = v[size_t(p)];
    return true;
  }
  uint64_t& cell(std::span<const int32_t> blocks, int64_t p) {
    return contents[size_t(blocks[size_t(p / kBlock)]) * kBlock + size_t(p % kBlock)];
  }
  void expect(std::span<const int32_t> blocks, int64_t n, uint64_t key, const Tokens& tokens) {
    const std::vector<uint64_t> v = values(key, tokens);
    for (int64_t p = 0; p < n; ++p) ASSERT_EQ(cell(blocks, p), v[size_t(p)]) << "position " << p;
  }
  // Computes the tokens in sequence 0 and leaves them in the tree alone.
  void put(uint64_t key, const Tokens& tokens) {
    ASSERT_TRUE(grow(0, key, tokens));
    tree.insert(key, tokens, tables.blocks(0), 0);
    tables.trim(0, 0);
  }

  BlockPool pool;
  BlockTables tables;
  PrefixTree tree;
  std::vector<uint64_t> contents;
};

Tokens count(int32_t from, int32_t to) {
  Tokens tokens;
  for (int32_t i = from; i < to; ++i) tokens.push_back(i);
  return tokens;
}

size_t n_common(const Tokens& a, const Tokens& b) {
  return size_t(std::ranges::mismatch(a, b).in1 - a.begin());
}

TEST(PrefixTree, SaysHowMuchIsThereAndWhyNotMore) {
  Memory memory(20, 1);
  EXPECT_EQ(memory.tree.find(1, count(0, 3)).miss, Miss::kNewKey);
  memory.put(1, count(0, 10));  // blocks of 4, 4, 2
  const auto expect = [&](const Tokens& tokens, int64_t n, Miss miss, int32_t cached = -1) {
    const PrefixTree::Match match = memory.tree.find(1, tokens);
    EXPECT_EQ(match.n_tokens, n);
    EXPECT_EQ(int64_t(match.blocks.size()), (n + kBlock - 1) / kBlock);
    EXPECT_EQ(match.miss, miss) << PrefixTree::name(match.miss);
    EXPECT_EQ(match.cached_token, cached);
  };
  expect(count(0, 10), 10, Miss::kNone);
  expect(count(0, 6), 6, Miss::kNone);
  expect(count(0, 12), 10, Miss::kEnds);
  expect({0, 1, 2, 3, 4, 99, 6}, 5, Miss::kDiffers, 5);
  expect({0, 1, 2, 3, 99}, 4, Miss::kDiffers, 4);
  expect({99}, 0, Miss::kDiffers, 0);
  EXPECT_EQ(memory.tree.find(2, count(0, 3)).miss, Miss::kNewKey);
  memory.put(1, count(0, 8));  // nothing new
  expect(count(0, 12), 10, Miss::kEnds);
  memory.put(1, count(0, 12));  // the leaf is filled up
  expect(count(0, 13), 12, Miss::kEnds);
  EXPECT_EQ(memory.pool.n_used(), 3);
  ASSERT_TRUE(memory.tree.make_room(18));
  expect(count(0, 12), 8, Miss::kEvicted);
  ASSERT_TRUE(memory.tree.make_room(20));
  expect(count(0, 12), 0, Miss::kEvicted);
  EXPECT_EQ(memory.tree.n_nodes(), 0);
}

TEST(PrefixTree, WhatIsEqualIsHeldOnce) {
  Memory memory(20, 3);
  const Tokens tokens = count(0, 10);
  for (const int s : {0, 1, 2}) ASSERT_TRUE(memory.grow(s, 1, tokens));
  EXPECT_EQ(memory.pool.n_used(), 9);
  for (const int s : {0, 1, 2}) memory.tree.insert(1, tokens, memory.tables.blocks(s), s);
  EXPECT_EQ(memory.pool.n_used(), 5);  // full blocks once; each goes on in its own last one
  for (const int s : {0, 1, 2}) {
    Tokens longer = tokens;
    longer.push_back(100 + s);
    EXPECT_EQ(memory.tables.n_blocks_wanted(s, 11), 0);
    ASSERT_TRUE(memory.grow(s, 1, longer));
    memory.expect(memory.tables.blocks(s), 11, 1, longer);
  }
}

TEST(PrefixTree, TheLeastRecentlyUsedGoesFirst) {
  Memory memory(6, 1);
  memory.put(1, count(0, 8));
  memory.put(1, count(100, 108));
  memory.put(1, count(200, 208));
  memory.tree.find(1, count(0, 8));
  ASSERT_TRUE(memory.tree.make_room(1));
  EXPECT_EQ(memory.tree.find(1, count(0, 8)).n_tokens, 8);
  EXPECT_EQ(memory.tree.find(1, count(100, 108)).n_tokens, 4);
  EXPECT_EQ(memory.tree.find(1, count(200, 208)).n_tokens, 8);
  const int64_t pin = memory.tree.pin(1, count(200, 208));
  EXPECT_EQ(memory.tree.n_available(), 4);
  EXPECT_FALSE(memory.tree.make_room(5));
  ASSERT_TRUE(memory.tree.make_room(4));
  EXPECT_EQ(memory.tree.find(1, count(200, 208)).n_tokens, 8);
  memory.tree.unpin(pin);
  EXPECT_TRUE(memory.tree.make_room(6));
}

TEST(PrefixTree, SnapshotsStandAtPositionsUnderTheSameBudget) {
  Memory memory(10, 2, 100);  // a budget of 1000 bytes
  memory.put(1, count(0, 10));
  EXPECT_FALSE(memory.tree.add_snapshot(1, count(0, 11), 5, 10)) << "not all held";
  EXPECT_TRUE(memory.tree.add_snapshot(1, count(0, 6), 6, 250));
  EXPECT_FALSE(memory.tree.add_snapshot(1, count(0, 6), 7, 250)) << "there is one";
  EXPECT_TRUE(memory.tree.add_snapshot(1, count(0, 10), 8, 250));
  EXPECT_EQ(memory.tree.find(1, count(0, 10)).snapshot, 8);
  EXPECT_EQ(memory.tree.find(1, count(0, 9)).snapshot, 6);
  EXPECT_EQ(memory.tree.find(1, count(0, 9)).snapshot_n_tokens, 6);
  EXPECT_EQ(memory.tree.find(1, Tokens{0, 1, 2, 3, 4, 99}).snapshot, -1);
  EXPECT_EQ(memory.pool.n_free(), 2);
  EXPECT_EQ(memory.tree.n_available(), 10);
  EXPECT_FALSE(memory.tree.add_snapshot(1, count(0, 2), 9, 1001)) << "more than the budget";
  EXPECT_TRUE(memory.tree.take_dropped().empty()) << "for nothing would have gone";
  EXPECT_EQ(memory.tree.find(1, count(0, 10)).snapshot, 8);
  ASSERT_TRUE(memory.tree.make_room(4));  // a snapshot has to go: the one not used for longer
  EXPECT_EQ(memory.tree.take_dropped(), (std::vector<int64_t>{6}));
  const int64_t pin = memory.tree.pin(1, count(0, 10));
  EXPECT_EQ(memory.tree.n_available(), 4);
  EXPECT_FALSE(memory.tree.make_room(5));
  memory.tree.unpin(pin);
  ASSERT_TRUE(memory.tree.make_room(10));
  EXPECT_EQ(memory.tree.take_dropped(), (std::vector<int64_t>{8}));
  EXPECT_EQ(memory.pool.bytes_used(), 0u);
}

TEST(PrefixTree, ClearForgetsOneKeyButWhatIsUsed) {
  Memory memory(20, 2);
  memory.put(1, count(0, 12));
  memory.put(2, count(0, 12));
  memory.tables.attach(1, memory.tree.find(1, count(0, 6)).blocks, 6);
  memory.tree.clear(1);
  EXPECT_EQ(memory.tree.find(1, count(0, 12)).n_tokens, 8);
  EXPECT_EQ(memory.tree.find(2, count(0, 12)).n_tokens, 12);
  memory.tables.trim(1, 0);
  memory.tree.clear(1);
  EXPECT_EQ(memory.tree.find(1, count(0, 12)).miss, Miss::kNewKey);
  EXPECT_EQ(memory.pool.n_used(), 3);
}

// --- any history ---

struct Run {
  uint64_t key = 0;
  Tokens tokens;
};

class History {
 public:
  History(uint64_t seed, int64_t n_blocks) : random_(seed), memory_(n_blocks, kSequences, 8) {}

  void step() {
    const auto s = int(random_() % kSequences);
    switch (random_() % 8) {
      case 0:
        start(s);
        break;
      case 1:
      case 2:
      case 3:
        grow(s);
        break;
      case 4:
        trim(s, random_() % (run(s).tokens.size() + 1));
        break;
      case 5:
        insert(s);
        break;
      case 6:
        snapshot(s);
        break;
      case 7:
        random_() % 4 == 0 ? trim(s, 0) : pin(s);
        break;
    }
    check(s);
  }

  // Everything given back leaves nothing behind.
  void end() {
    for (int s = 0; s < kSequences; ++s) trim(s, 0);
    for (const int64_t pin : pins_) memory_.tree.unpin(pin);
    ASSERT_EQ(memory_.pool.n_used(), memory_.pool.n_idle());
    ASSERT_EQ(memory_.tree.n_available(), memory_.pool.n_blocks());
    ASSERT_TRUE(memory_.tree.make_room(memory_.pool.n_blocks()));
    ASSERT_EQ(memory_.pool.bytes_used(), 0u);
    drop();
    ASSERT_TRUE(snapshots_.empty());
  }
  uint64_t n_hits() const { return n_hits_; }
  uint64_t n_evicted() const { return memory_.tree.n_evicted(); }
  uint64_t n_full() const { return n_full_; }

 private:
  static constexpr int kSequences = 6;
  Run& run(int s) { return runs_[size_t(s)]; }
  Tokens more(size_t n) {
    Tokens tokens;
    for (size_t i = 0; i < n; ++i) tokens.push_back(int32_t(random_() % 2));
    return tokens;
  }

  // A sequence begins with what the tree has of its tokens: no more, and no less, than was
  // inserted.
  void start(int s) {
    trim(s, 0);
    Run next{random_() % 2, more(random_() % 20)};
    const PrefixTree::Match match = memory_.tree.find(next.key, next.tokens);
    size_t longest = 0;
    for (const Run& r : inserted_)
      if (r.key == next.key) longest = std::max(longest, n_common(r.tokens, next.tokens));
    ASSERT_LE(match.n_tokens, int64_t(longest));
    if (memory_.tree.n_evicted() == 0) {
      ASSERT_EQ(match.n_tokens, int64_t(longest));
    }
    ASSERT_EQ(match.miss == Miss::kNone, match.n_tokens == int64_t(next.tokens.size()));
    if (match.miss == Miss::kDiffers) {
      ASSERT_NE(match.cached_token, next.tokens[size_t(match.n_tokens)]);
    }
    memory_.expect(match.blocks, match.n_tokens, next.key, next.tokens);
    if (match.snapshot >= 0) {
      const Run& at = snapshots_.at(match.snapshot);
      ASSERT_LE(match.snapshot_n_tokens, match.n_tokens);
      ASSERT_EQ(at.key, next.key);
      next.tokens.resize(size_t(match.snapshot_n_tokens));
      ASSERT_EQ(at.tokens, next.tokens);
    } else {
      next.tokens.resize(size_t(match.n_tokens));
    }
    memory_.tables.attach(s, match.blocks, int64_t(next.tokens.size()));
    n_hits_ += uint64_t(!next.tokens.empty());
    run(s) = next;
  }
  void grow(int s) {
    Run next = run(s);
    const Tokens tail = more(1 + random_() % 6);
    next.tokens.insert(next.tokens.end(), tail.begin(), tail.end());
    const int64_t wanted = memory_.tables.n_blocks_wanted(s, int64_t(next.tokens.size()));
    const bool fits = wanted <= memory_.tree.n_available();
    ASSERT_EQ(memory_.grow(s, next.key, next.tokens), fits) << "n_available() is a promise";
    if (fits) run(s) = next;
    n_full_ += uint64_t(!fits);
  }
  void trim(int s, size_t n) {
    run(s).tokens.resize(n);
    memory_.tables.trim(s, int64_t(n));
  }
  void insert(int s) {
    memory_.tree.insert(run(s).key, run(s).tokens, memory_.tables.blocks(s), s);
    inserted_.push_back(run(s));
  }
  void snapshot(int s) {
    insert(s);
    const uint64_t bytes = random_() % 30;
    if (memory_.tree.add_snapshot(run(s).key, run(s).tokens, n_snapshots_, bytes))
      snapshots_[n_snapshots_] = run(s);
    ++n_snapshots_;
  }
  void pin(int s) {
    if (pins_.size() == 2) {
      memory_.tree.unpin(pins_.back());
      pins_.pop_back();
    } else {
      pins_.push_back(memory_.tree.pin(run(s).key, run(s).tokens));
    }
  }
  void drop() {
    for (const int64_t id : memory_.tree.take_dropped()) ASSERT_EQ(snapshots_.erase(id), 1u);
  }
  void check(int s) {
    drop();
    for (int i = 0; i < kSequences; ++i)
      memory_.expect(memory_.tables.blocks(i), int64_t(run(i).tokens.size()), run(i).key,
                     run(i).tokens);
    ASSERT_LE(memory_.pool.bytes_used(), memory_.pool.budget_bytes());
    const int64_t n_in_use = memory_.tree.n_blocks_in_use(run(s).key, run(s).tokens);
    ASSERT_LE(n_in_use, memory_.tables.blocks_for(int64_t(run(s).tokens.size())));
    if (!pins_.empty()) return;
    std::set<int32_t> held;
    for (int i = 0; i < kSequences; ++i)
      held.insert(memory_.tables.blocks(i).begin(), memory_.tables.blocks(i).end());
    ASSERT_EQ(memory_.pool.n_used(), int64_t(held.size()) + memory_.pool.n_idle());
  }

  std::mt19937_64 random_;
  Memory memory_;
  std::vector<Run> runs_ = std::vector<Run>(kSequences);
  std::vector<Run> inserted_;
  std::map<int64_t, Run> snapshots_;
  std::vector<int64_t> pins_;
  int64_t n_snapshots_ = 0;
  uint64_t n_hits_ = 0;
  uint64_t n_full_ = 0;
};

TEST(PrefixTree, HoldsAllThatWasInsertedWhereThereIsRoom) {
  for (const uint64_t seed : {1, 2, 3, 4, 5}) {
    History history(seed, 20000);
    for (int i = 0; i < 1500 && !testing::Test::HasFatalFailure(); ++i) history.step();
    EXPECT_GT(history.n_hits(), 100u);
    EXPECT_EQ(history.n_evicted(), 0u);
    history.end();
  }
}

TEST(PrefixTree, NeverHoldsWrongTokensNorLosesBlocksWhereThereIsLittle) {
  for (const uint64_t seed : {11, 12, 13, 14, 15, 16}) {
    History history(seed, 18);
    for (int i = 0; i < 6000 && !testing::Test::HasFatalFailure(); ++i) history.step();
    EXPECT_GT(history.n_hits(), 300u);
    EXPECT_GT(history.n_evicted(), 300u);
    EXPECT_GT(history.n_full(), 30u);
    history.end();
  }
}

}  // namespace
}  // namespace hearth::engine
