// Executor: which positions of its sequence a token attends to, and gathering them (sparse
// attention).
#include <algorithm>
#include <limits>
#include <numeric>

#include "backend/cpu/executor.h"

namespace hearth::backend::cpu {

using namespace tensor;

namespace {

template <class Number>
void copy_rows(const KvLayerView& from, int head, const int32_t* chunks,
               std::span<const float> positions, const KvLayerView& to) {
  auto* k_to = reinterpret_cast<Number*>(to.k(0, 0));
  auto* v_to = reinterpret_cast<Number*>(to.v(0, 0));
  const auto k_place = [&](int row) {
    return row / kKvLanes * from.dk * kKvLanes + row % kKvLanes;
  };
  for (int row = 0; row < int(positions.size()); ++row) {
    const int position = int(positions[size_t(row)]);
    const int chunk = chunks[position / kKvChunk];
    const int from_row = position % kKvChunk;
    const auto* k = reinterpret_cast<const Number*>(from.k(chunk, head)) + k_place(from_row);
    const auto* v = reinterpret_cast<const Number*>(from.v(chunk, head));
    for (int d = 0; d < from.dk; ++d) k_to[k_place(row) + d * kKvLanes] = k[d * kKvLanes];
    std::copy_n(v + int64_t(from_row) * from.dv_padded(), from.dv_padded(),
                v_to + int64_t(row) * from.dv_padded());
  }
}

}  // namespace

void Executor::gather_chunk(const KvLayerView& from, int head, const int32_t* chunks,
                            std::span<const float> positions, const KvLayerView& to) const {
  if (from.type == KvType::kF32)
    copy_rows<uint32_t>(from, head, chunks, positions, to);
  else
    copy_rows<uint16_t>(from, head, chunks, positions, to);
}

// The scores of the token with the positions of some chunks of its sequence.
void Executor::score_positions(const SelectPositionsOp& op, int64_t token, Range chunks,
                               float* head_scores, float* scores) const {
  const KvLayerView& kv = in_.layers[size_t(op.layer)];
  const KvSequenceView& sequence = in_.sequences[size_t(in_.sequence_of[token])];
  for (int64_t chunk = chunks.begin; chunk < chunks.end; ++chunk) {
    const int64_t n = std::min<int64_t>(in_.positions[token] + 1 - chunk * kKvChunk, kKvChunk);
    k_.index_scores[int(kv.type)]({.q = data(op.q, token),
                                   .weights = data(op.weights, token),
                                   .n_heads = op.n_heads,
                                   .dk = kv.dk,
                                   .k = kv.k(sequence.chunks[chunk], 0),
                                   .n_blocks = int((n + kKvLanes - 1) / kKvLanes),
                                   .head_scores = head_scores,
                                   .scores = scores + chunk * kKvChunk});
  }
}

// `order`: scratch as long as the scores.
void Executor::choose_positions(const SelectPositionsOp& op, int64_t token, float* scores,
                                int32_t* order) const {
  const int64_t n = in_.positions[token] + 1;
  const int64_t top_k = op.out.width;
  // No order has a place for what is no number: it comes last.
  for (int64_t i = 0; i < n; ++i)
    if (scores[i] != scores[i]) scores[i] = -std::numeric_limits<float>::infinity();
  std::iota(order, order + n, 0);
  std::partial_sort(order, order + top_k, order + n,
                    [&](int32_t a, int32_t b) { return scores[a] > scores[b]; });
  std::sort(order, order + top_k);
  std::copy_n(order, top_k, data(op.out, token));
}

// A thread takes a whole token; of fewer tokens than threads all share the chunks.
void Executor::run(const SelectPositionsOp& op, int thread) {
  const int64_t stride = 2 * plan_.max_positions;
  auto* head_scores = reinterpret_cast<float*>(thread_memory(thread));
  const auto order_behind = [&](float* scores) {
    return reinterpret_cast<int32_t*>(scores + plan_.max_positions);
  };
  const auto selects = [&](int64_t token) { return in_.positions[token] >= op.out.width; };
  const auto n_chunks = [&](int64_t token) { return in_.positions[token] / kKvChunk + 1; };
  if (in_.n_tokens >= n_threads()) {
    float* scores = split_memory() + thread * stride;
    const Range mine = share(in_.n_tokens, thread, n_threads());
    for (int64_t t = mine.begin; t < mine.end; ++t) {
      if (!selects(t)) continue;
      score_positions(op, t, {0, n_chunks(t)}, head_scores, scores);
      choose_positions(op, t, scores, order_behind(scores));
    }
    return;
  }
  for (int64_t t = 0; t < in_.n_tokens; ++t)
    if (selects(t))
      score_positions(op, t, share(n_chunks(t), thread, n_threads()), head_scores,
                      split_memory() + t * stride);
  team_.barrier();
  if (thread < in_.n_tokens && selects(thread)) {
    float* scores = split_memory() + thread * stride;
    choose_positions(op, thread, scores, order_behind(scores));
  }
}

}  // namespace hearth::backend::cpu
