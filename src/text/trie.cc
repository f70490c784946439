#include "text/trie.h"

#include <algorithm>
#include <deque>

namespace hearth::text {

Trie::Trie(std::vector<Entry> entries) {
  std::erase_if(entries, [](const Entry& e) { return e.key.empty(); });
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.key < b.key; });
  nodes_.push_back({});
  labels_.push_back(0);

  // Breadth first, so that the children of a node become neighbours. A task is a node and the
  // entries below it.
  struct Task {
    uint32_t node;
    size_t begin, end, depth;
  };
  std::deque<Task> tasks{{kRoot, 0, entries.size(), 0}};
  while (!tasks.empty()) {
    const Task task = tasks.front();
    tasks.pop_front();
    size_t at = task.begin;
    for (; at < task.end && entries[at].key.size() == task.depth; ++at)
      if (nodes_[task.node].value < 0) nodes_[task.node].value = entries[at].value;
    nodes_[task.node].first_child = static_cast<uint32_t>(nodes_.size());
    while (at < task.end) {
      const char label = entries[at].key[task.depth];
      size_t end = at + 1;
      while (end < task.end && entries[end].key[task.depth] == label) ++end;
      const auto child = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back({});
      labels_.push_back(static_cast<uint8_t>(label));
      if (task.node == kRoot) root_[static_cast<uint8_t>(label)] = child;
      tasks.push_back({child, at, end, task.depth + 1});
      ++nodes_[task.node].n_children;
      at = end;
    }
  }
}

}  // namespace hearth::text
