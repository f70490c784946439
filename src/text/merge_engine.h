// The loop that byte-pair and SentencePiece tokenizers share: of all neighbours that may merge, the
// pair with the lowest rank does, the leftmost of equals first, until none is left. On a segment of
// any length: n log n time at worst, close to linear on long runs, 20 bytes a symbol and 4 to 8 a
// waiting pair.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/token_texts.h"

namespace hearth::text {

// A priority queue of (rank, position), lowest first. Pairs of one rank share a bucket, mostly
// filled in order, so the heap is over ranks (few) and not over pairs (as many as symbols).
class MergeQueue {
 public:
  struct Item {
    uint32_t rank;
    uint32_t position;
  };

  void push(uint32_t rank, uint32_t position) {
    Bucket& bucket = buckets_[bucket_of(rank)];
    if (bucket.is_open) {
      bucket.late.push(position);
    } else {
      bucket.positions.push_back(position);
    }
  }

  bool empty() const { return ranks_.empty(); }

  // REQUIRES: not empty.
  Item pop() {
    const uint32_t rank = ranks_.top();
    const uint32_t at = bucket_of(rank);
    Bucket& bucket = buckets_[at];
    if (!bucket.is_open) {
      if (!std::ranges::is_sorted(bucket.positions)) std::ranges::sort(bucket.positions);
      bucket.is_open = true;
    }
    const bool has_more = bucket.next < bucket.positions.size();
    uint32_t position;
    if (!bucket.late.empty() && (!has_more || bucket.late.top() < bucket.positions[bucket.next])) {
      position = bucket.late.top();
      bucket.late.pop();
    } else {
      position = bucket.positions[bucket.next++];
    }
    if (bucket.next == bucket.positions.size() && bucket.late.empty()) {
      ranks_.pop();
      bucket_of_rank_.erase(rank);
      recent(rank).rank = Merge::kNone;
      bucket = Bucket{};
      free_buckets_.push_back(at);
    }
    return {rank, position};
  }

 private:
  template <class T>
  using MinHeap = std::priority_queue<T, std::vector<T>, std::greater<T>>;
  struct Bucket {
    std::vector<uint32_t> positions;  // sorted once open
    size_t next = 0;
    MinHeap<uint32_t> late;  // what came while the bucket was open
    bool is_open = false;
  };

  struct Recent {
    uint32_t rank = Merge::kNone;
    uint32_t bucket = 0;
  };

  Recent& recent(uint32_t rank) { return recent_[rank % recent_.size()]; }

  // Makes the bucket if there is none.
  uint32_t bucket_of(uint32_t rank) {
    Recent& known = recent(rank);
    if (known.rank == rank) return known.bucket;
    const auto [found, is_new] = bucket_of_rank_.try_emplace(rank, 0);
    if (is_new) {
      found->second = take_bucket();
      ranks_.push(rank);
    }
    known = {rank, found->second};
    return found->second;
  }

  uint32_t take_bucket() {
    if (free_buckets_.empty()) {
      buckets_.emplace_back();
      return static_cast<uint32_t>(buckets_.size() - 1);
    }
    const uint32_t at = free_buckets_.back();
    free_buckets_.pop_back();
    return at;
  }

  MinHeap<uint32_t> ranks_;
  std::unordered_map<uint32_t, uint32_t> bucket_of_rank_;
  std::array<Recent, 64> recent_{};  // saves most look-ups
  std::vector<Bucket> buckets_;
  std::vector<uint32_t> free_buckets_;
};

struct MergeNode {
  uint32_t value;  // what the rules know the symbol by
  uint32_t prev;
  uint32_t next;    // kNoNode: last
  uint32_t rank;    // of the merge with the next one
  uint32_t merged;  // the value it gives
};

// Rules: Merge find(uint32_t left, uint32_t right, uint32_t after) with the values of two
// neighbours and of the symbol behind them (Rules::kEnd: none).
template <class Rules>
class MergeEngine {
 public:
  static constexpr uint32_t kNoNode = UINT32_MAX;

  explicit MergeEngine(const Rules& rules) : rules_(rules) {}

  // Forgets the last segment; the next one has about n symbols.
  void clear(size_t n) {
    nodes_.clear();
    nodes_.reserve(n);
  }
  void add(uint32_t value) {
    nodes_.push_back({value, static_cast<uint32_t>(nodes_.size()) - 1,
                      static_cast<uint32_t>(nodes_.size()) + 1, Merge::kNone, 0});
  }

  // Merges all that was added.
  void run() {
    if (nodes_.empty()) return;
    nodes_.back().next = kNoNode;
    for (uint32_t at = 0; at + 1 < nodes_.size(); ++at) refresh(at);
    if (nodes_.size() <= kSmall) {
      run_small();
    } else {
      run_large();
    }
  }

  // Calls visit(value, value of the symbol behind it or Rules::kEnd) for the symbols that are left.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (uint32_t at = nodes_.empty() ? kNoNode : 0; at != kNoNode; at = nodes_[at].next)
      visit(nodes_[at].value, value_at(nodes_[at].next));
  }

 private:
  // Up to here, looking through all pairs for the best one is quicker than a queue (words of text
  // are 2 to 10 symbols).
  static constexpr size_t kSmall = 40;

  uint32_t value_at(uint32_t node) const {
    return node == kNoNode ? Rules::kEnd : nodes_[node].value;
  }

  void refresh(uint32_t at) {
    MergeNode& node = nodes_[at];
    const MergeNode& right = nodes_[node.next];
    const Merge merge = rules_.find(node.value, right.value, value_at(right.next));
    node.rank = merge.rank;
    node.merged = merge.merged;
  }

  // Merges the symbol at `at` with the next one; its neighbours' ranks change.
  void merge_at(uint32_t at) {
    MergeNode& node = nodes_[at];
    node.value = node.merged;
    MergeNode& gone = nodes_[node.next];
    node.next = gone.next;
    gone.rank = Merge::kNone;
    if (node.next != kNoNode) {
      nodes_[node.next].prev = at;
      refresh(at);
    } else {
      node.rank = Merge::kNone;
    }
    if (node.prev != kNoNode) refresh(node.prev);
  }

  void run_small() {
    while (true) {
      uint32_t best = kNoNode;
      uint32_t best_rank = Merge::kNone;
      for (uint32_t at = 0; at != kNoNode; at = nodes_[at].next) {
        if (nodes_[at].rank < best_rank) best_rank = nodes_[at].rank, best = at;
      }
      if (best == kNoNode) return;
      merge_at(best);
    }
  }

  void run_large() {
    MergeQueue queue;
    const auto push = [&](uint32_t at) {
      if (at != kNoNode && nodes_[at].rank != Merge::kNone) queue.push(nodes_[at].rank, at);
    };
    for (uint32_t at = 0; at < nodes_.size(); ++at) push(at);
    while (!queue.empty()) {
      const auto [rank, at] = queue.pop();
      if (nodes_[at].rank != rank) continue;  // one of the two has merged with another since
      merge_at(at);
      push(nodes_[at].prev);
      push(at);
    }
  }

  const Rules& rules_;
  std::vector<MergeNode> nodes_;
};

// The number of characters in valid UTF-8, to reserve by.
inline size_t count_chars(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

// Which bytes stand next to each other in anything that merging can give. Between others a segment
// can be cut without changing the result, which keeps segments (and so memory) short where a
// tokenizer has no pre-tokenizer.
class AdjacentBytes {
 public:
  void add(std::string_view text) {
    for (size_t i = 1; i < text.size(); ++i) bits_.set(index(text[i - 1], text[i]));
  }
  bool may_join(char left, char right) const { return bits_[index(left, right)]; }

  // Calls visit(part) for parts that can be merged apart from each other. Never cuts inside a UTF-8
  // character.
  template <class Visit>
  void for_each_part(std::string_view segment, Visit&& visit) const {
    size_t begin = 0;
    for (size_t i = 1; i < segment.size(); ++i) {
      if (may_join(segment[i - 1], segment[i]) || (static_cast<uint8_t>(segment[i]) & 0xC0) == 0x80)
        continue;
      visit(segment.substr(begin, i - begin));
      begin = i;
    }
    if (begin < segment.size()) visit(segment.substr(begin));
  }

 private:
  static size_t index(char left, char right) {
    return static_cast<size_t>(static_cast<uint8_t>(left)) << 8 | static_cast<uint8_t>(right);
  }
  std::bitset<65536> bits_;
};

}  // namespace hearth::text
