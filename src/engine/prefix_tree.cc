#include "engine/prefix_tree.h"

#include <algorithm>

#include "base/result.h"

namespace hearth::engine {
namespace {

// How many evicted prefixes are remembered, so that a miss can be explained. 16 bytes each.
constexpr size_t kEvictedRemembered = 4096;

// FNV-1a over the tokens, after the hash of what stands before them. Explains misses only: a
// collision gives a wrong reason, never wrong blocks.
uint64_t hash_on(uint64_t before, std::span<const int32_t> tokens) {
  uint64_t hash = before ^ 0xcbf29ce484222325u;
  for (const int32_t token : tokens) hash = (hash ^ uint32_t(token)) * 0x100000001b3u;
  return hash;
}

int n_equal(std::span<const int32_t> a, std::span<const int32_t> b) {
  return int(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

struct PrefixTree::Node {
  Node* parent = nullptr;  // nullptr: a root
  uint64_t key = 0;
  std::vector<int32_t> tokens;
  int32_t block = -1;
  int n_pins = 0;  // each is one more holder of the block
  int depth = 0;
  uint64_t used = 0;  // larger: later
  uint64_t serial = 0;
  uint64_t hash = 0;  // of all tokens from the root
  Children children;
  std::map<int, Snapshot> snapshots;  // by the number of the node's tokens before them
};

bool PrefixTree::ByTokens::operator()(const std::unique_ptr<Node>& a,
                                      const std::unique_ptr<Node>& b) const {
  return a->tokens < b->tokens;
}
bool PrefixTree::ByTokens::operator()(const std::unique_ptr<Node>& a,
                                      std::span<const int32_t> b) const {
  return std::ranges::lexicographical_compare(a->tokens, b);
}
bool PrefixTree::ByTokens::operator()(std::span<const int32_t> a,
                                      const std::unique_ptr<Node>& b) const {
  return std::ranges::lexicographical_compare(a, b->tokens);
}

// A parent is never used earlier than its children, and comes after them: so the first that can be
// evicted is a leaf.
bool PrefixTree::ByUse::operator()(const Node* a, const Node* b) const {
  if (a->used != b->used) return a->used < b->used;
  if (a->depth != b->depth) return a->depth > b->depth;
  return a->serial < b->serial;
}

std::string_view PrefixTree::name(Miss miss) {
  switch (miss) {
    case Miss::kNone:
      return "none";
    case Miss::kNewKey:
      return "nothing cached";
    case Miss::kEnds:
      return "cached text ends here";
    case Miss::kDiffers:
      return "differs from what is cached";
    case Miss::kEvicted:
      return "evicted";
  }
  return "";
}

PrefixTree::PrefixTree(BlockPool& pool, int block_positions)
    : pool_(pool), block_positions_(block_positions) {}

PrefixTree::~PrefixTree() {
  for (const auto& [id, node] : std::exchange(pins_, {}))
    for (const Node* n = node; n->parent != nullptr; n = n->parent)
      pool_.release(n->block, BlockPool::kNobody);
  for (const auto& [used, place] : snapshots_by_use_)
    pool_.refund(place.node->snapshots.at(place.n_tokens).bytes);
  for (const Node* node : by_use_) pool_.unkeep(node->block);
}

// The child with the longest common beginning, and how long it is. Children are in lexicographic
// order, and none is a prefix of another: it is a neighbour of the place where `tokens` would
// stand.
std::pair<PrefixTree::Node*, int> PrefixTree::closest(const Node& parent,
                                                      std::span<const int32_t> tokens) {
  std::pair<Node*, int> best{nullptr, 0};
  const auto consider = [&](const std::unique_ptr<Node>& child) {
    const int n = n_equal(child->tokens, tokens);
    if (best.first == nullptr || n > best.second) best = {child.get(), n};
  };
  const auto after = parent.children.lower_bound(tokens);
  if (after != parent.children.end()) consider(*after);
  if (after != parent.children.begin()) consider(*std::prev(after));
  return best;
}

PrefixTree::Walk PrefixTree::walk(uint64_t key, std::span<const int32_t> tokens) const {
  Walk walk;
  const auto root = roots_.find(key);
  if (root == roots_.end()) return walk;
  walk.root = root->second.get();
  const Node* node = walk.root;
  while (walk.n_tokens < int64_t(tokens.size())) {
    const auto [child, n] = closest(
        *node,
        tokens.subspan(size_t(walk.n_tokens))
            .first(std::min(size_t(block_positions_), tokens.size() - size_t(walk.n_tokens))));
    walk.next = child;
    if (n == 0) break;
    walk.path.push_back(child);
    walk.n_tokens += n;
    walk.n_last = n;
    if (n < block_positions_) break;
    node = child;
    walk.next = nullptr;
  }
  return walk;
}

void PrefixTree::explain(const Walk& walk, uint64_t key, std::span<const int32_t> tokens,
                         Match& match) const {
  if (walk.n_tokens == int64_t(tokens.size())) return;
  const int64_t n_full = walk.n_tokens / block_positions_;
  const std::span<const int32_t> rest = tokens.subspan(size_t(n_full * block_positions_));
  const uint64_t before = n_full > 0 ? walk.path[size_t(n_full - 1)]->hash : hash_on(key, {});
  const size_t n_cached = size_t(walk.n_tokens % block_positions_);
  if (int64_t(rest.size()) >= block_positions_ &&
      evicted_.contains(hash_on(before, rest.first(size_t(block_positions_))))) {
    match.miss = Miss::kEvicted;
  } else if (walk.root == nullptr) {
    match.miss = Miss::kNewKey;
  } else if (walk.next != nullptr && n_cached < walk.next->tokens.size()) {
    match.miss = Miss::kDiffers;
    match.cached_token = walk.next->tokens[n_cached];
  } else {
    match.miss = Miss::kEnds;
  }
}

PrefixTree::Match PrefixTree::find(uint64_t key, std::span<const int32_t> tokens) {
  Match match;
  const Walk found = walk(key, tokens);
  match.n_tokens = found.n_tokens;
  explain(found, key, tokens, match);
  touch(found.path);
  for (const Node* node : found.path) match.blocks.push_back(node->block);
  for (size_t i = found.path.size(); i-- > 0 && match.snapshot < 0;) {
    Node& node = *found.path[i];
    const int n = i + 1 == found.path.size() ? found.n_last : block_positions_;
    auto after = node.snapshots.upper_bound(n);
    if (after == node.snapshots.begin()) continue;
    const auto& [at, snapshot] = *std::prev(after);
    match.snapshot = snapshot.id;
    match.snapshot_n_tokens = int64_t(i) * block_positions_ + at;
    use(node, at, clock_);
  }
  return match;
}

int64_t PrefixTree::n_blocks_in_use(uint64_t key, std::span<const int32_t> tokens) const {
  const Walk found = walk(key, tokens);
  return std::ranges::count_if(found.path,
                               [&](const Node* n) { return pool_.n_holders(n->block) > 1; });
}

// The path was used now. The clock runs once per call.
void PrefixTree::touch(std::span<Node* const> path) {
  ++clock_;
  for (Node* node : path) {
    by_use_.erase(node);
    node->used = clock_;
    by_use_.insert(node);
  }
}

// The snapshot was used at `when`, at which no other was.
void PrefixTree::use(Node& node, int n_tokens, uint64_t when) {
  Snapshot& snapshot = node.snapshots.at(n_tokens);
  snapshots_by_use_.erase(snapshot.used);
  snapshot.used = when;
  snapshots_by_use_[when] = {&node, n_tokens};
}

PrefixTree::Node* PrefixTree::add(Node& parent, std::span<const int32_t> tokens, int32_t block) {
  auto node = std::make_unique<Node>();
  node->parent = &parent;
  node->key = parent.key;
  node->tokens.assign(tokens.begin(), tokens.end());
  node->block = block;
  node->depth = parent.depth + 1;
  node->used = node->serial = ++clock_;
  node->hash = hash_on(parent.hash, tokens);
  pool_.keep(block, int(tokens.size()));
  Node* added = node.get();
  by_use_.insert(added);
  parent.children.insert(std::move(node));
  return added;
}

// The leaf gets more tokens, in the same block or in another that holds its tokens, too.
void PrefixTree::extend(Node& leaf, std::span<const int32_t> tokens, int32_t block) {
  if (leaf.block == block) {
    pool_.widen(block, int(tokens.size()));
  } else {
    pool_.keep(block, int(tokens.size()));
    for (int i = 0; i < leaf.n_pins; ++i) {
      pool_.share(block, int(tokens.size()));
      pool_.release(leaf.block, BlockPool::kNobody);
    }
    pool_.unkeep(leaf.block);
    leaf.block = block;
  }
  Children& siblings = leaf.parent->children;
  auto held = siblings.extract(siblings.find(std::span<const int32_t>(leaf.tokens)));
  leaf.tokens.assign(tokens.begin(), tokens.end());
  leaf.hash = hash_on(leaf.parent->hash, tokens);
  siblings.insert(std::move(held));
}

void PrefixTree::insert(uint64_t key, std::span<const int32_t> tokens, std::span<int32_t> blocks,
                        int32_t holder) {
  if (tokens.empty()) return;
  std::unique_ptr<Node>& root = roots_[key];
  if (root == nullptr) {
    root = std::make_unique<Node>();
    root->key = key;
    root->hash = hash_on(key, {});
  }
  std::vector<Node*> path;
  Node* node = root.get();
  for (size_t i = 0; i * size_t(block_positions_) < tokens.size(); ++i) {
    const size_t from = i * size_t(block_positions_);
    const auto part =
        tokens.subspan(from, std::min(size_t(block_positions_), tokens.size() - from));
    const auto [child, n] = closest(*node, part);
    if (child != nullptr && n == int(part.size())) {
      if (n == block_positions_ && child->block != blocks[i]) {
        pool_.share(child->block, n);
        pool_.release(blocks[i], holder);
        blocks[i] = child->block;
      }
      node = child;
    } else if (child != nullptr && n == int(child->tokens.size())) {
      extend(*child, part, blocks[i]);
      node = child;
    } else {
      node = add(*node, part, blocks[i]);
    }
    path.push_back(node);
  }
  touch(path);
}

bool PrefixTree::add_snapshot(uint64_t key, std::span<const int32_t> tokens, int64_t snapshot,
                              uint64_t bytes) {
  const Walk found = walk(key, tokens);
  if (found.path.empty() || found.n_tokens != int64_t(tokens.size())) return false;
  Node& node = *found.path.back();
  if (node.snapshots.contains(found.n_last)) return false;
  touch(found.path);
  const int64_t pinned = pin(key, tokens);  // or it might go to make room
  bool fits = pool_.charge(bytes);
  while (!fits && bytes <= pool_.budget_bytes() && evict_one()) fits = pool_.charge(bytes);
  if (fits) {
    node.snapshots[found.n_last] = {snapshot, bytes, ++clock_};
    snapshots_by_use_[clock_] = {&node, found.n_last};
  }
  unpin(pinned);
  return fits;
}

int64_t PrefixTree::pin(uint64_t key, std::span<const int32_t> tokens) {
  const Walk found = walk(key, tokens);
  if (found.path.empty()) return 0;
  for (Node* node : found.path) {
    if (node->n_pins++ == 0)
      for (const auto& [at, snapshot] : node->snapshots) loose_bytes_ -= snapshot.bytes;
    pool_.share(node->block, 0);
  }
  pins_[++n_pins_] = found.path.back();
  return n_pins_;
}

void PrefixTree::unpin(int64_t pin) {
  if (pin == 0) return;  // nothing was there to be pinned
  const auto pinned = pins_.extract(pin);
  HEARTH_CHECK(!pinned.empty());
  for (Node* node = pinned.mapped(); node->parent != nullptr; node = node->parent) {
    if (--node->n_pins == 0)
      for (const auto& [at, snapshot] : node->snapshots) loose_bytes_ += snapshot.bytes;
    pool_.release(node->block, BlockPool::kNobody);
  }
}

bool PrefixTree::evictable(const Node& node) const {
  return node.children.empty() && pool_.n_holders(node.block) == 1;
}

bool PrefixTree::evict_one() {
  const auto node = std::ranges::find_if(by_use_, [&](const Node* n) { return evictable(*n); });
  const auto snapshot = std::ranges::find_if(
      snapshots_by_use_, [](const auto& s) { return s.second.node->n_pins == 0; });
  if (snapshot != snapshots_by_use_.end() &&
      (node == by_use_.end() || snapshot->first <= (*node)->used)) {
    const SnapshotPlace place = snapshot->second;
    drop_snapshot(*place.node, place.n_tokens);
    return true;
  }
  if (node == by_use_.end()) return false;
  ++n_evicted_;
  if (int((*node)->tokens.size()) == block_positions_) {
    evicted_.insert((*node)->hash);
    evicted_order_.push_back((*node)->hash);
    if (evicted_order_.size() > kEvictedRemembered) {
      evicted_.erase(evicted_.find(evicted_order_.front()));
      evicted_order_.pop_front();
    }
  }
  drop(**node);
  return true;
}

void PrefixTree::drop(Node& leaf) {
  while (!leaf.snapshots.empty()) drop_snapshot(leaf, leaf.snapshots.begin()->first);
  by_use_.erase(&leaf);
  pool_.unkeep(leaf.block);
  Node& parent = *leaf.parent;
  parent.children.erase(parent.children.find(std::span<const int32_t>(leaf.tokens)));
  if (parent.parent == nullptr && parent.children.empty()) roots_.erase(parent.key);
}

// REQUIRES: the node is not pinned.
void PrefixTree::drop_snapshot(Node& node, int n_tokens) {
  const Snapshot& snapshot = node.snapshots.at(n_tokens);
  pool_.refund(snapshot.bytes);
  loose_bytes_ -= snapshot.bytes;
  dropped_.push_back(snapshot.id);
  snapshots_by_use_.erase(snapshot.used);
  node.snapshots.erase(n_tokens);
}

bool PrefixTree::make_room(int64_t n_blocks) {
  if (n_blocks > n_available()) return false;
  while (pool_.n_free() < n_blocks)
    if (!evict_one()) return false;
  return true;
}

int64_t PrefixTree::n_available() const { return pool_.n_free_after(pool_.n_idle(), loose_bytes_); }

void PrefixTree::clear(uint64_t key) {
  std::vector<Node*> nodes;
  for (Node* node : by_use_)
    if (node->key == key) nodes.push_back(node);
  std::ranges::sort(nodes, [](const Node* a, const Node* b) { return a->depth > b->depth; });
  for (Node* node : nodes)
    if (evictable(*node)) drop(*node);
}

}  // namespace hearth::engine
