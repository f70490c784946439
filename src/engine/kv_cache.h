// KvCache: the memory of attention for several sequences. A pool of chunks of kKvChunk positions,
// shared by all sequences; each sequence holds a table of the chunks it uses (layout:
// tensor/kv_view.h).
//
// append -> reserve(); view -> sequence_view(); trim -> trim(). Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
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

  // In a measuring arena only the plan is made. Errors: kInvalidArgument (heads too wide for the
  // type), kOutOfMemory.
  static Result<KvCache> create(const model::HyperParams& params, const Options& options,
                                Arena& arena);
  // Bytes that one more position of one sequence costs.
  static uint64_t bytes_per_position(const model::HyperParams& params, tensor::KvType type);

  // Makes room for positions [0, n_positions) of the sequence. Errors: kContextFull.
  Result<void> reserve(int sequence, int64_t n_positions);
  // For benchmarks: the sequence holds n_positions with made-up values, between -1 and 1, in place
  // of what it held. Attention behind them is the same work as behind a real context (it reads the
  // same bytes in the same order, and no kernel branches on a value), but a context of 16384 tokens
  // need not be computed for minutes first. What the model then answers means nothing. Errors:
  // kContextFull.
  Result<void> make_up(int sequence, int64_t n_positions);
  // Forgets positions >= n_positions.
  void trim(int sequence, int64_t n_positions);

  [[nodiscard]] int64_t n_positions(int sequence) const { return used_[size_t(sequence)]; }
  [[nodiscard]] std::span<const tensor::KvLayerView> layers() const { return layers_; }
  // One view per sequence; valid until the next reserve or trim.
  [[nodiscard]] std::span<const tensor::KvSequenceView> sequences() const { return views_; }

 private:
  KvCache() = default;

  Options options_;
  std::vector<tensor::KvLayerView> layers_;
  std::vector<std::vector<int32_t>> tables_;  // by sequence
  std::vector<int64_t> used_;                 // positions, by sequence
  std::vector<tensor::KvSequenceView> views_;
  std::vector<int32_t> free_;
};

}  // namespace hearth::engine
