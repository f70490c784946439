// A prefix tree over byte strings, packed into flat arrays: who needs the longest token (or every
// token) that starts at a position walks it. Used for special tokens, Unigram, WordPiece, RWKV and
// PLaMo-2.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace hearth::text {

class Trie {
 public:
  struct Entry {
    std::string_view key;  // need not outlive the constructor
    int32_t value;         // >= 0
  };
  static constexpr uint32_t kRoot = 0;
  static constexpr uint32_t kNoNode = 0;  // nothing leads back to the root

  Trie() : Trie(std::vector<Entry>{}) {}
  // Empty keys are left out; of equal keys the first counts.
  explicit Trie(std::vector<Entry> entries);

  // kNoNode: no key goes on with this byte.
  uint32_t child(uint32_t node, char byte) const {
    const auto wanted = static_cast<uint8_t>(byte);
    if (node == kRoot) return root_[wanted];
    uint32_t at = nodes_[node].first_child;
    const uint32_t end = at + nodes_[node].n_children;
    while (at < end && labels_[at] < wanted) ++at;
    return at < end && labels_[at] == wanted ? at : kNoNode;
  }
  // The value of the key that ends at this node; -1 if none does.
  int32_t value(uint32_t node) const { return nodes_[node].value; }
  bool empty() const { return nodes_.size() == 1; }

 private:
  struct Node {
    uint32_t first_child = 0;  // children have consecutive numbers, labels ascending
    uint32_t n_children = 0;
    int32_t value = -1;
  };
  std::vector<Node> nodes_;
  std::vector<uint8_t> labels_;  // of the edge that leads to the node
  std::array<uint32_t, 256> root_{};
};

}  // namespace hearth::text
