// PrefixTree: which prefixes of which token sequences are in the KV memory already, and in which
// blocks. One node is one block: its tokens (as many as a block has positions; a leaf may have
// fewer) and the block's number. What is equal is held once, for all sequences; what nobody uses
// stays as long as there is room, and the least recently used goes first.
//
// find() -> BlockTables::attach(); compute the rest; insert(). Before blocks are taken:
// make_room().
//
// Every prefix stands under a key: a hash, made by the caller, of all that changes what is computed
// from the same tokens (model, adapter, type of the cache, images, ...). Different keys share
// nothing.
//
// Models with recurrent layers can go on only from where their state is known. The caller attaches
// snapshots at positions: a number that means something to it, and its bytes, under the same
// budget.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/block_pool.h"

namespace hearth::engine {

class PrefixTree {
 public:
  // Why a prefix is not longer than it is.
  enum class Miss : uint8_t {
    kNone,     // all tokens are there
    kNewKey,   // nothing is held under this key
    kEnds,     // what is held ends here
    kDiffers,  // what is held goes on with other tokens
    kEvicted,  // it was there, and had to make room
  };
  [[nodiscard]] static std::string_view name(Miss miss);

  struct Match {
    int64_t n_tokens = 0;         // how many of the tokens are there, from the first
    std::vector<int32_t> blocks;  // where; of the last one perhaps only the first positions
    Miss miss = Miss::kNone;
    int32_t cached_token = -1;  // kDiffers: what is held at position n_tokens
    // The last snapshot at or before n_tokens; -1: none.
    int64_t snapshot = -1;
    int64_t snapshot_n_tokens = 0;
  };

  // `pool` must outlive the tree.
  PrefixTree(BlockPool& pool, int block_positions);
  ~PrefixTree();
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;

  // The longest prefix that is held; counts as a use of it. Good until the next insert or
  // make_room.
  Match find(uint64_t key, std::span<const int32_t> tokens);
  // Of the blocks in which the first n_tokens are held, those that are not idle (somebody uses
  // them).
  [[nodiscard]] int64_t n_blocks_in_use(uint64_t key, std::span<const int32_t> tokens) const;
  // `holder` has computed these tokens into these blocks. Where equal tokens are held in another
  // full block, holder's is released, and the entry in `blocks` replaced: equal prefixes are held
  // once.
  void insert(uint64_t key, std::span<const int32_t> tokens, std::span<int32_t> blocks,
              int32_t holder);
  // False (the snapshot stays the caller's) if the tokens are not all held, there is a snapshot
  // already, or no room can be made for its bytes.
  bool add_snapshot(uint64_t key, std::span<const int32_t> tokens, int64_t snapshot,
                    uint64_t bytes);
  // Snapshots that went; the caller frees them.
  [[nodiscard]] std::vector<int64_t> take_dropped() { return std::exchange(dropped_, {}); }

  // What find() gives now is not evicted before unpin(). Returns the pin.
  int64_t pin(uint64_t key, std::span<const int32_t> tokens);
  void unpin(int64_t pin);

  // Evicts until the pool has so many free blocks. False if it cannot have them.
  bool make_room(int64_t n_blocks);
  // Blocks that make_room() could have free now.
  [[nodiscard]] int64_t n_available() const;
  // Forgets all that nobody uses, under one key.
  void clear(uint64_t key);

  [[nodiscard]] int64_t n_nodes() const { return int64_t(by_use_.size()); }
  [[nodiscard]] uint64_t n_evicted() const { return n_evicted_; }

 private:
  struct Node;
  struct ByTokens {
    using is_transparent = void;
    bool operator()(const std::unique_ptr<Node>& a, const std::unique_ptr<Node>& b) const;
    bool operator()(const std::unique_ptr<Node>& a, std::span<const int32_t> b) const;
    bool operator()(std::span<const int32_t> a, const std::unique_ptr<Node>& b) const;
  };
  struct ByUse {
    bool operator()(const Node* a, const Node* b) const;
  };
  using Children = std::set<std::unique_ptr<Node>, ByTokens>;
  struct Snapshot {
    int64_t id = -1;
    uint64_t bytes = 0;
    uint64_t used = 0;
  };
  struct SnapshotPlace {
    Node* node = nullptr;
    int n_tokens = 0;  // of the node's
  };
  struct Walk {
    std::vector<Node*> path;  // without the root
    int64_t n_tokens = 0;     // equal ones, all along the path
    int n_last = 0;           // of them, in the last node
    Node* next = nullptr;     // a child of the last full node that holds what comes else
    const Node* root = nullptr;
  };

  [[nodiscard]] Walk walk(uint64_t key, std::span<const int32_t> tokens) const;
  [[nodiscard]] static std::pair<Node*, int> closest(const Node& parent,
                                                     std::span<const int32_t> tokens);
  void explain(const Walk& walk, uint64_t key, std::span<const int32_t> tokens, Match& match) const;
  Node* add(Node& parent, std::span<const int32_t> tokens, int32_t block);
  void extend(Node& leaf, std::span<const int32_t> tokens, int32_t block);
  void touch(std::span<Node* const> path);
  void use(Node& node, int n_tokens, uint64_t when);
  bool evict_one();
  void drop(Node& leaf);
  void drop_snapshot(Node& node, int n_tokens);
  [[nodiscard]] bool evictable(const Node& node) const;

  BlockPool& pool_;
  int block_positions_;
  std::map<uint64_t, std::unique_ptr<Node>> roots_;
  std::set<Node*, ByUse> by_use_;  // all nodes but the roots
  std::map<uint64_t, SnapshotPlace> snapshots_by_use_;
  std::map<int64_t, Node*> pins_;
  std::vector<int64_t> dropped_;
  uint64_t clock_ = 0;
  int64_t n_pins_ = 0;
  uint64_t loose_bytes_ = 0;  // of snapshots that may be evicted
  uint64_t n_evicted_ = 0;
  // Hashes of whole prefixes whose last block was evicted, the oldest forgotten first.
  std::deque<uint64_t> evicted_order_;
  std::unordered_multiset<uint64_t> evicted_;
};

}  // namespace hearth::engine
