// BlockTables: which blocks each sequence holds, in the order of its positions, and how many
// positions it has. Sequences share blocks (attach) and get one of their own before they append to
// a block that others read (reserve). Numbers only; KvCache copies the bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/block_pool.h"

namespace hearth::engine {

class BlockTables {
 public:
  struct Copy {
    int32_t from = -1;  // -1: nothing is to be copied
    int32_t to = -1;
  };
  // `pool` must outlive the tables.
  BlockTables(BlockPool& pool, int n_sequences, int block_positions);

  // The blocks that reserve() would take from the pool, a copy included.
  [[nodiscard]] int64_t n_blocks_wanted(int sequence, int64_t n_positions) const;
  // Room for positions [0, n_positions), of which those behind n_positions(sequence) are going to
  // be written. The caller copies one block's bytes where told. nullopt: the pool has not so many
  // blocks, and nothing has changed. REQUIRES: n_positions >= n_positions(sequence).
  std::optional<Copy> reserve(int sequence, int64_t n_positions);
  // Forgets positions >= n_positions.
  void trim(int sequence, int64_t n_positions);
  // The empty sequence holds the first n_positions of these blocks, with whoever else does.
  void attach(int sequence, std::span<const int32_t> blocks, int64_t n_positions);

  [[nodiscard]] int64_t n_positions(int sequence) const { return at(sequence).n_positions; }
  // Valid until the sequence's next reserve, trim or attach; PrefixTree::insert may replace
  // entries.
  [[nodiscard]] std::span<int32_t> blocks(int sequence) { return tables_[size_t(sequence)].blocks; }
  [[nodiscard]] int n_sequences() const { return int(tables_.size()); }
  [[nodiscard]] BlockPool& pool() { return pool_; }
  [[nodiscard]] int64_t blocks_for(int64_t n_positions) const {
    return (n_positions + block_positions_ - 1) / block_positions_;
  }

 private:
  struct Table {
    std::vector<int32_t> blocks;
    int64_t n_positions = 0;
  };
  [[nodiscard]] const Table& at(int sequence) const { return tables_[size_t(sequence)]; }
  [[nodiscard]] bool must_copy(int sequence, int64_t n_positions) const;

  BlockPool& pool_;
  int block_positions_;
  std::vector<Table> tables_;
};

}  // namespace hearth::engine
