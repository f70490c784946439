#include "engine/block_tables.h"

#include <algorithm>

#include "base/result.h"

namespace hearth::engine {

BlockTables::BlockTables(BlockPool& pool, int n_sequences, int block_positions)
    : pool_(pool), block_positions_(block_positions), tables_(size_t(n_sequences)) {}

// Whether the sequence's last block is one that it may not append to.
bool BlockTables::must_copy(int sequence, int64_t n_positions) const {
  const Table& table = at(sequence);
  const auto filled = int(table.n_positions % block_positions_);
  return n_positions > table.n_positions && filled > 0 &&
         !pool_.may_write(table.blocks.back(), filled, sequence);
}

int64_t BlockTables::n_blocks_wanted(int sequence, int64_t n_positions) const {
  return blocks_for(n_positions) - int64_t(at(sequence).blocks.size()) +
         int64_t(must_copy(sequence, n_positions));
}

std::optional<BlockTables::Copy> BlockTables::reserve(int sequence, int64_t n_positions) {
  Table& table = tables_[size_t(sequence)];
  HEARTH_CHECK(n_positions >= table.n_positions);
  if (n_blocks_wanted(sequence, n_positions) > pool_.n_free()) return std::nullopt;
  Copy copy;
  const auto filled = int(table.n_positions % block_positions_);
  if (must_copy(sequence, n_positions)) {
    copy = {table.blocks.back(), *pool_.take(sequence)};
    pool_.release(copy.from, sequence);
    table.blocks.back() = copy.to;
  } else if (filled > 0 && n_positions > table.n_positions) {
    pool_.claim(table.blocks.back(), filled, sequence);
  }
  while (int64_t(table.blocks.size()) < blocks_for(n_positions))
    table.blocks.push_back(*pool_.take(sequence));
  table.n_positions = n_positions;
  return copy;
}

void BlockTables::trim(int sequence, int64_t n_positions) {
  Table& table = tables_[size_t(sequence)];
  table.n_positions = std::min(table.n_positions, n_positions);
  while (int64_t(table.blocks.size()) > blocks_for(table.n_positions)) {
    pool_.release(table.blocks.back(), sequence);
    table.blocks.pop_back();
  }
}

void BlockTables::attach(int sequence, std::span<const int32_t> blocks, int64_t n_positions) {
  Table& table = tables_[size_t(sequence)];
  HEARTH_CHECK(table.blocks.empty() && int64_t(blocks.size()) >= blocks_for(n_positions));
  for (int64_t at = 0; at < n_positions; at += block_positions_) {
    table.blocks.push_back(blocks[table.blocks.size()]);
    pool_.share(table.blocks.back(), int(std::min<int64_t>(n_positions - at, block_positions_)));
  }
  table.n_positions = n_positions;
}

}  // namespace hearth::engine
