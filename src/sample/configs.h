// Configs: the run of an Automaton. A Config is everything that may come next after some text: the
// set of its states, each with the stacks of callers that may stand below it. Configs are numbered:
// equal ones have one number, and each remembers where its bytes lead, so that reading a byte is
// mostly one look into a table.
//
// A set of stacks is kept as a trie from the top down (StackSet): equal tails are stored once, and
// at every place a return state stands once, whatever the number of ways to get there. Ambiguous
// grammars therefore cost memory by the number of different frames, not of different stacks.
//
// Not thread-safe. Numbers stay valid until keep().
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sample/automaton.h"

namespace hearth::sample {

using ConfigId = uint32_t;
using StackSetId = uint32_t;

class Configs {
 public:
  // Nothing fits any more.
  static constexpr ConfigId kDead = 0;
  // Calls within calls; what would nest deeper is not allowed. Bounds the recursion here too.
  static constexpr size_t kMaxDepth = 1000;

  struct Item {
    StateId state;
    StackSetId stacks;
    bool operator==(const Item&) const = default;
  };

  explicit Configs(const Automaton& automaton);

  // Before the first byte of the grammar.
  ConfigId start();
  // In one state, above callers that are not known: when its rule ends, the config says
  // has_escaped().
  ConfigId start_in(StateId state);
  // Where the callers in `stacks` go on.
  ConfigId after_return(StackSetId stacks);

  ConfigId step(ConfigId config, uint8_t byte) {
    const uint32_t next = next_[size_t(config) * n_classes_ + automaton_->byte_class(byte)];
    return next != kUnknown ? next : compute_step(config, byte);
  }

  // The text may end here.
  [[nodiscard]] bool is_accepting(ConfigId c) const { return configs_[c].accepting; }
  // The rule that start_in() began in may end here.
  [[nodiscard]] bool has_escaped(ConfigId c) const { return configs_[c].escaped; }
  // More may follow.
  [[nodiscard]] bool can_go_on(ConfigId c) const { return configs_[c].n_items > 0; }
  [[nodiscard]] std::span<const Item> items(ConfigId c) const {
    return std::span(items_).subspan(configs_[c].first_item, configs_[c].n_items);
  }
  // Some caller is known to stand below.
  [[nodiscard]] bool has_frames(StackSetId s) const { return stacks_[s].n_frames > 0; }

  [[nodiscard]] size_t n_configs() const { return configs_.size(); }
  [[nodiscard]] size_t memory_bytes() const;
  // Changes whenever numbers lose their meaning.
  [[nodiscard]] uint64_t generation() const { return generation_; }
  // Forgets everything but these configs (and what they need) and gives their new numbers.
  std::vector<ConfigId> keep(std::span<const ConfigId> configs);

 private:
  static constexpr uint32_t kUnknown = 0xffffffff;
  static constexpr StackSetId kNoStack = 0;
  static constexpr StackSetId kBottom = 1;        // the empty stack: the grammar ends
  static constexpr StackSetId kUnknownStack = 2;  // see start_in()

  struct Frame {
    StateId return_to;
    StackSetId below;
    bool operator==(const Frame&) const = default;
  };
  struct StackSet {
    uint32_t first_frame;
    uint32_t n_frames;
    uint32_t depth;
    bool has_bottom;
    bool has_unknown;
  };
  struct Config {
    uint32_t first_item;
    uint32_t n_items;
    uint32_t first_open = kUnknown;  // items with callees entered; computed when first needed
    uint32_t n_open = 0;
    bool accepting = false;
    bool escaped = false;
  };
  // Items under construction, one per state.
  struct Gathering {
    // The item of `state`; nullptr if there was none, and one was added.
    Item* find_or_add(StateId state, StackSetId stacks);

    std::vector<Item> items;
    std::unordered_map<StateId, size_t> places;  // of items, once there are many
    bool accepting = false;
    bool escaped = false;
  };

  void clear();
  [[nodiscard]] std::span<const Frame> frames(StackSetId s) const {
    return std::span(frames_).subspan(stacks_[s].first_frame, stacks_[s].n_frames);
  }
  StackSetId intern_stacks(std::span<const Frame> sorted, bool has_bottom, bool has_unknown);
  StackSetId push(StateId return_to, StackSetId below);
  StackSetId unite(StackSetId a, StackSetId b);
  // Adds an item and, where its rule may end, the items of its callers.
  void arrive(Gathering& g, StateId state, StackSetId stacks);
  void pop(Gathering& g, StackSetId stacks);
  ConfigId intern(Gathering& g);
  std::span<const Item> open_items(ConfigId config);
  ConfigId compute_step(ConfigId config, uint8_t byte);
  StackSetId copy_stacks(const Configs& from, StackSetId id,
                         std::unordered_map<StackSetId, StackSetId>& copied);

  const Automaton* automaton_;
  size_t n_classes_;
  uint64_t generation_ = 0;
  std::vector<Config> configs_;
  std::vector<uint32_t> next_;  // [n_configs, n_classes] config, or kUnknown
  std::vector<Item> items_;
  std::vector<StackSet> stacks_;
  std::vector<Frame> frames_;
  std::unordered_multimap<uint64_t, ConfigId> config_index_;  // by hash
  std::unordered_multimap<uint64_t, StackSetId> stack_index_;
  std::unordered_map<uint64_t, StackSetId> unions_;  // (a << 32 | b), a < b
};

}  // namespace hearth::sample
