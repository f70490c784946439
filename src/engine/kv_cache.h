// KvCache: what several sequences have read, as the model's layers keep it. Attention: a pool of
// chunks of kKvChunk positions (BlockPool: a block is a chunk); each sequence holds a table of the
// chunks it uses (BlockTables), alone or with others (layout: tensor/kv_view.h). Recurrent layers:
// a state of fixed size for each sequence (tensor/state_view.h).
//
// append -> reserve(); view -> sequences(), layers(), states(); then trim(), share(), snapshot().
//
// Keys and values can be cut at any position; a state is that of its last position alone. What it
// was earlier is known only where a snapshot of it was taken, so trim() says how much it kept.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "engine/block_tables.h"
#include "model/hyper_params.h"
#include "tensor/kv_view.h"

namespace hearth::engine {

class KvCache {
 public:
  struct Options {
    int64_t n_positions = 0;  // of one sequence
    int n_sequences = 1;
    tensor::KvType type = tensor::KvType::kF16;
  };
  // Snapshots of states that all sequences together hold; a new one takes the place of the oldest.
  // Each costs what a sequence's state does: some 20 MB for Qwen 3.5 0.8B, 75 MB for 80B.
  [[nodiscard]] static int n_snapshots(int n_sequences) { return n_sequences + 2; }

  // In a measuring arena only the plan is made. Errors: kInvalidArgument (heads too wide for the
  // type), kOutOfMemory.
  static Result<KvCache> create(const model::HyperParams& params, const Options& options,
                                Arena& arena);
  // Bytes that one more position of one sequence costs: 0 without attention.
  static uint64_t bytes_per_position(const model::HyperParams& params, tensor::KvType type);
  // Bytes of the states and their snapshots; 0 without recurrent layers.
  static uint64_t state_bytes(const model::HyperParams& params, int n_sequences);

  // Makes room for positions [0, n_positions) of the sequence; a chunk that others read, too, is
  // copied before it is appended to. Errors: kContextFull.
  Result<void> reserve(int sequence, int64_t n_positions);
  // For benchmarks: the sequence holds n_positions with made-up values, between -1 and 1, in place
  // of what it held (states: zeros). Attention behind them is the same work as behind a real
  // context (it reads the same bytes in the same order, and no kernel branches on a value), but a
  // context of 16384 tokens need not be computed for minutes first. What the model then answers
  // means nothing. Errors: kContextFull.
  Result<void> make_up(int sequence, int64_t n_positions);
  // Forgets positions >= n_positions, and returns how many are left: n_positions, but for a model
  // with states the position of its last snapshot at or before it (0 if there is none).
  int64_t trim(int sequence, int64_t n_positions);
  // Keeps the state as it is now for trim(). Does nothing for a model without states.
  void snapshot(int sequence);
  // `to` becomes what `from` is, without its snapshots. Errors: kContextFull (then `to` is empty).
  Result<void> copy(int from, int to);
  // The same without a copy, up to a position: `to` becomes the first n_positions of `from`, in the
  // same chunks. Returns how many positions `to` has: n_positions, but for a model with states all
  // of `from`, or what its last snapshot at or before n_positions has. REQUIRES: `from` has so
  // many.
  int64_t share(int from, int to, int64_t n_positions);
  // The same from chunks that the prefix cache holds. REQUIRES: a model without states.
  void attach(int sequence, std::span<const int32_t> chunks, int64_t n_positions);

  [[nodiscard]] bool has_states() const { return !states_.empty(); }
  [[nodiscard]] int64_t n_positions(int sequence) const { return tables_->n_positions(sequence); }
  // Which chunks, for the prefix cache; change sequences only through the functions above.
  [[nodiscard]] BlockTables& tables() { return *tables_; }
  [[nodiscard]] BlockPool& pool() { return *pool_; }
  [[nodiscard]] std::span<const tensor::KvLayerView> layers() const { return layers_; }
  [[nodiscard]] std::span<const tensor::StateView> states() const { return states_; }
  // One view per sequence; valid until the next reserve, trim, copy, share or attach.
  [[nodiscard]] std::span<const tensor::KvSequenceView> sequences() const { return views_; }

 private:
  KvCache() = default;
  struct Snapshot {
    int sequence = -1;  // -1: free
    int64_t n_positions = 0;
    uint64_t taken = 0;  // larger: later
  };
  Result<void> create_states(const model::HyperParams& params, Arena& arena);
  int64_t go_back(int sequence, int64_t n_positions);
  [[nodiscard]] const Snapshot* last_snapshot(int sequence, int64_t n_positions) const;
  void show(int sequence);
  // The whole state of sequence `slot`; behind the sequences follow the snapshots.
  [[nodiscard]] std::span<float> state(size_t slot) const {
    return {state_base_ + slot * state_floats_, state_floats_};
  }
  [[nodiscard]] std::span<float> state_of(const Snapshot& snapshot) const {
    return state(size_t(options_.n_sequences) + size_t(&snapshot - snapshots_.data()));
  }

  Options options_;
  std::vector<tensor::KvLayerView> layers_;
  std::unique_ptr<BlockPool> pool_;
  std::unique_ptr<BlockTables> tables_;
  std::vector<tensor::KvSequenceView> views_;  // by sequence
  std::vector<tensor::StateView> states_;      // by layer; none in a model without states
  float* state_base_ = nullptr;
  size_t state_floats_ = 0;  // of one sequence
  std::vector<Snapshot> snapshots_;
  uint64_t n_taken_ = 0;
};

}  // namespace hearth::engine
