#include "engine/block_pool.h"

#include <algorithm>

#include "base/result.h"

namespace hearth::engine {

BlockPool::BlockPool(const Options& options)
    : blocks_(size_t(options.n_blocks)),
      block_bytes_(options.block_bytes),
      budget_bytes_(options.budget_bytes > 0 ? options.budget_bytes
                                             : uint64_t(options.n_blocks) * options.block_bytes) {
  HEARTH_CHECK(block_bytes_ > 0);
  free_.reserve(blocks_.size());
  for (auto i = int32_t(options.n_blocks); i-- > 0;) free_.push_back(i);  // taken from the back
}

BlockPool::Block& BlockPool::at(int32_t block) {
  Block& b = blocks_[size_t(block)];
  HEARTH_CHECK(b.n_holders > 0);
  return b;
}

std::optional<int32_t> BlockPool::take(int32_t writer) {
  if (n_free() == 0) return std::nullopt;
  const int32_t id = free_.back();
  free_.pop_back();
  blocks_[size_t(id)] = {.n_holders = 1, .writer = writer};
  return id;
}

void BlockPool::share(int32_t block, int n_positions) {
  Block& b = at(block);
  n_idle_ -= int64_t(b.idle());
  ++b.n_holders;
  b.shared_to = std::max(b.shared_to, n_positions);
}

void BlockPool::release(int32_t block, int32_t holder) {
  Block& b = at(block);
  if (holder != kNobody && b.writer == holder) b.writer = kNobody;
  if (--b.n_holders == 0) free_.push_back(block);
  n_idle_ += int64_t(b.idle());
}

bool BlockPool::may_write(int32_t block, int position, int32_t holder) const {
  const Block& b = blocks_[size_t(block)];
  return b.n_holders == 1 ||
         (position >= b.shared_to && (b.writer == kNobody || b.writer == holder));
}

void BlockPool::claim(int32_t block, int position, int32_t holder) {
  HEARTH_CHECK(may_write(block, position, holder));
  Block& b = at(block);
  if (b.n_holders == 1) b.shared_to = 0;
  b.writer = holder;
}

void BlockPool::keep(int32_t block, int n_positions) {
  share(block, n_positions);
  Block& b = at(block);
  HEARTH_CHECK(!b.kept);
  b.kept = true;
}

void BlockPool::unkeep(int32_t block) {
  Block& b = at(block);
  HEARTH_CHECK(b.kept);
  n_idle_ -= int64_t(b.idle());
  b.kept = false;
  release(block, kNobody);
}

void BlockPool::widen(int32_t block, int n_positions) {
  Block& b = at(block);
  b.shared_to = std::max(b.shared_to, n_positions);
}

bool BlockPool::charge(uint64_t bytes) {
  const uint64_t used = bytes_used();
  if (used > budget_bytes_ || bytes > budget_bytes_ - used) return false;
  charged_bytes_ += bytes;
  return true;
}

void BlockPool::refund(uint64_t bytes) {
  HEARTH_CHECK(bytes <= charged_bytes_);
  charged_bytes_ -= bytes;
}

int64_t BlockPool::n_free_after(int64_t n_blocks, uint64_t bytes) const {
  const uint64_t used = bytes_used() - uint64_t(n_blocks) * block_bytes_ - bytes;
  if (used > budget_bytes_) return 0;
  return std::min(int64_t(free_.size()) + n_blocks, int64_t((budget_bytes_ - used) / block_bytes_));
}

}  // namespace hearth::engine
