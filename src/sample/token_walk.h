// TokenWalk: reads all tokens of a trie at once from one Config, sharing what their beginnings
// share. The inner loop of masks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "sample/configs.h"
#include "sample/token_table.h"

namespace hearth::sample {

// Above this, Configs forget all but what is in use. 64 MiB: some 100,000 configs, far above what
// schemas need (thousands); only ambiguous grammars get there.
inline constexpr size_t kConfigMemoryMax = size_t{64} << 20;

class TokenWalk {
 public:
  // visit(node, config) for every node below `root` whose bytes fit, `from` being the config at
  // `root`; the config is never kDead. Returns the number of nodes looked at.
  // held: configs that the caller holds. When memory is short they get new numbers, in place.
  template <class Visit>
  size_t below(Configs& configs, const TokenTrie& trie, size_t root, ConfigId from,
               std::vector<ConfigId>& held, Visit visit) {
    const size_t root_depth = trie.node(root).depth;
    const size_t path_max = trie.max_depth() - root_depth + 1;
    if (path_.size() < path_max) path_.resize(path_max, Configs::kDead);
    path_[0] = from;
    const size_t end = trie.node(root).end;
    size_t n_visited = 0;
    size_t n_configs = configs.n_configs();
    for (size_t i = root + 1; i < end; ++n_visited) {
      const TokenTrie::Node& node = trie.node(i);
      const size_t depth = node.depth - root_depth;
      const ConfigId next = configs.step(path_[depth - 1], node.byte);
      if (next == Configs::kDead) {
        i = node.end;
        continue;
      }
      visit(i, next);
      if (!configs.can_go_on(next)) {
        i = node.end;
        continue;
      }
      path_[depth] = next;
      if (configs.n_configs() != n_configs) {
        if (configs.memory_bytes() > kConfigMemoryMax) forget(configs, depth, held);
        n_configs = configs.n_configs();
      }
      ++i;
    }
    return n_visited;
  }

 private:
  void forget(Configs& configs, size_t depth, std::vector<ConfigId>& held) {
    const size_t n_held = held.size();
    held.insert(held.end(), path_.begin(), path_.begin() + ptrdiff_t(depth) + 1);
    held = configs.keep(held);
    std::copy(held.begin() + ptrdiff_t(n_held), held.end(), path_.begin());
    held.resize(n_held);
  }

  std::vector<ConfigId> path_;  // by depth below the root; scratch
};

}  // namespace hearth::sample
