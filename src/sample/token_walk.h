// walk_tokens: reads all tokens of a trie at once from one Config, sharing what their beginnings
// share. The inner loop of masks.
#pragma once

#include <cstddef>
#include <vector>

#include "sample/configs.h"
#include "sample/token_table.h"

namespace hearth::sample {

// Above this, Configs forget all but what is in use. 64 MiB: some 100,000 configs, far above what
// schemas need (thousands); only ambiguous grammars get there.
inline constexpr size_t kConfigMemoryMax = size_t{64} << 20;

// visit(node, config) for every node below `root` whose bytes fit, `from` being the config at
// `root`; the config is never kDead. Returns the number of nodes looked at.
// pinned: configs that the caller holds. When memory is short they get new numbers, in place.
template <class Visit>
size_t walk_tokens(Configs& configs, const TokenTrie& trie, size_t root, ConfigId from,
                   std::vector<ConfigId>& pinned, Visit visit) {
  const size_t base = pinned.size();
  const size_t root_depth = trie.node(root).depth;
  pinned.push_back(from);  // then one per byte below root
  const size_t end = trie.node(root).end;
  size_t n_visited = 0;
  for (size_t i = root + 1; i < end; ++n_visited) {
    const TokenTrie::Node& node = trie.node(i);
    pinned.resize(base + node.depth - root_depth);
    const ConfigId next = configs.step(pinned.back(), node.byte);
    if (next == Configs::kDead) {
      i = node.end;
      continue;
    }
    visit(i, next);
    if (!configs.can_go_on(next)) {
      i = node.end;
      continue;
    }
    pinned.push_back(next);
    if (configs.memory_bytes() > kConfigMemoryMax) pinned = configs.keep(pinned);
    ++i;
  }
  pinned.resize(base);
  return n_visited;
}

}  // namespace hearth::sample
