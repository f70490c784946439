// BlockPool: who holds which block of the KV memory. A block is a chunk of tensor::kKvChunk
// positions (all layers); sequences and the prefix cache hold it together, by count. Knows numbers
// only: the bytes lie elsewhere (KvCache). Called by BlockTables and PrefixTree.
//
// Who may write: the sequence that took a block is its writer, and appends to it where nobody else
// reads. Others read as many positions as they were given, and copy the block before they append.
// A block whose writer has gone may be claimed by one who holds it. So the common case, an answer
// that goes on behind a prompt which the prefix cache holds too, copies nothing.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace hearth::engine {

class BlockPool {
 public:
  struct Options {
    int64_t n_blocks = 0;       // ids 0 .. n_blocks - 1
    uint64_t block_bytes = 1;   // of all layers together
    uint64_t budget_bytes = 0;  // for blocks and what else is charged; 0: that of all blocks
  };
  static constexpr int32_t kNobody = -1;

  explicit BlockPool(const Options& options);

  // A block that nobody holds, written by `writer`; the lowest ids first after a start, so that
  // short conversations touch few pages. nullopt: none is free, or the budget is used up.
  [[nodiscard]] std::optional<int32_t> take(int32_t writer);
  // One more holds the block, and reads its first n_positions.
  void share(int32_t block, int n_positions);
  // One holds it no more.
  void release(int32_t block, int32_t holder);
  // Whether `holder` may write from `position` on; else it has to copy. REQUIRES: it holds the
  // block.
  [[nodiscard]] bool may_write(int32_t block, int position, int32_t holder) const;
  // `holder` is the block's writer from now on. REQUIRES: may_write().
  void claim(int32_t block, int position, int32_t holder);

  // The prefix cache holds a block: as share(), and while it alone does, the block is idle.
  void keep(int32_t block, int n_positions);
  void unkeep(int32_t block);
  // Those who hold the block read up to n_positions of it.
  void widen(int32_t block, int n_positions);

  // Other bytes under the same budget. False, and nothing charged, if they do not fit.
  bool charge(uint64_t bytes);
  void refund(uint64_t bytes);
  // May be less than what is used: then nothing is given out until enough came back.
  void set_budget(uint64_t bytes) { budget_bytes_ = bytes; }

  [[nodiscard]] int64_t n_blocks() const { return int64_t(blocks_.size()); }
  [[nodiscard]] int64_t n_used() const { return n_blocks() - int64_t(free_.size()); }
  // Blocks that take() would give now.
  [[nodiscard]] int64_t n_free() const { return n_free_after(0, 0); }
  // The same, if so many used blocks and charged bytes were given back first.
  [[nodiscard]] int64_t n_free_after(int64_t n_blocks, uint64_t bytes) const;
  [[nodiscard]] int64_t n_idle() const { return n_idle_; }
  [[nodiscard]] uint64_t bytes_used() const {
    return uint64_t(n_used()) * block_bytes_ + charged_bytes_;
  }
  [[nodiscard]] uint64_t budget_bytes() const { return budget_bytes_; }
  [[nodiscard]] uint64_t block_bytes() const { return block_bytes_; }
  [[nodiscard]] int n_holders(int32_t block) const { return blocks_[size_t(block)].n_holders; }

 private:
  struct Block {
    int32_t n_holders = 0;
    int32_t writer = kNobody;
    int32_t shared_to = 0;  // positions below are read by others than the writer
    bool kept = false;      // by the prefix cache
    [[nodiscard]] bool idle() const { return kept && n_holders == 1; }
  };
  Block& at(int32_t block);

  std::vector<Block> blocks_;
  std::vector<int32_t> free_;
  uint64_t block_bytes_;
  uint64_t budget_bytes_;
  uint64_t charged_bytes_ = 0;
  int64_t n_idle_ = 0;
};

}  // namespace hearth::engine
