// One run of a graph on the thread team: what the op_*.cc files of this folder share. Internal to
// the CPU backend.
//
// Every thread walks all operations; run(op, thread) does that thread's share of one. A barrier
// follows each operation; operations with several phases call it between them. A dense layer has
// six phases at decode: q, k, v | heads and cache | attention (two where it is split) | output,
// added to x | gate, up and their product as blocks | down, added to x. Norms and the rounding of
// one row every thread does for itself, which costs less than waiting for another; of more rows
// each its share, behind one more barrier for each matmul that reads f32 rows.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <span>
#include <utility>

#include "backend/cpu/kernel_table.h"
#include "base/checked.h"
#include "base/thread_team.h"
#include "tensor/graph.h"
#include "tensor/kv_view.h"

namespace hearth::backend::cpu {

// Query rows (tokens times query heads of one KV head) that attention handles together. More rows
// share each load of K and V; their scores [kTileRows, kKvChunk] f32 = 64 KiB must stay in L2.
inline constexpr int kTileRows = 64;
// Up to this many rows (tokens * heads), attention may give the chunks of one row to different
// threads.
inline constexpr int64_t kSplitRows = 64;
// Those of one token always.
inline int64_t split_rows(const tensor::AttentionOp& op) {
  return std::max<int64_t>(kSplitRows, op.n_heads);
}

// Offsets into the scratch buffer, computed from the graph alone: Backend::scratch_bytes is this
// struct's `total`.
struct ScratchPlan {
  size_t counter_bytes = 0;  // of the superblocks of a gated product that are done
  size_t act_bytes = 0;      // rows of the widest matmul input, in each form it needs
  size_t hidden_bytes = 0;   // activation blocks of a gated product
  size_t split_bytes = 0;    // partial results of split attention
  size_t moe_bytes = 0;      // expert lists
  size_t gemm_bytes = 0;     // one per thread: a gemm's own, or attention's tile
  size_t own_bytes = 0;      // one per thread: an input of one row, the lists of one token
  size_t total = 0;
  int64_t max_positions = 0;  // of a sequence
  [[nodiscard]] size_t thread_bytes() const { return gemm_bytes + own_bytes; }
};
ScratchPlan plan_scratch(const tensor::Graph& graph, int64_t max_positions, int n_threads);

// Floats that a thread needs for one head of a recurrent operation.
int64_t head_floats(const tensor::DeltaRuleOp& op);
int64_t head_floats(const tensor::SelectiveScanOp& op);
int64_t head_floats(const tensor::Wkv7Op& op);
// Bytes of n rows of k activations as blocks.
size_t act_bytes(int64_t n, int64_t k);
// Bytes that a thread needs for an input of one row of its own.
size_t own_act_bytes(int64_t k);

// Rows of a piece: what a gemm does at once.
inline constexpr int64_t kPieceRows = 2 * kPanelRows;

// A contiguous share of [0, n) for one thread, in multiples of `unit`.
struct Range {
  int64_t begin;
  int64_t end;
};
inline Range share(int64_t n, int thread, int n_threads, int64_t unit = 1) {
  const int64_t units = (n + unit - 1) / unit;
  const int64_t begin = units * thread / n_threads * unit;
  const int64_t end = units * (thread + 1) / n_threads * unit;
  return {begin < n ? begin : n, end < n ? end : n};
}

// Rows are given out in pieces of kPieceRows.
inline int64_t n_pieces(int64_t n_rows) { return (n_rows + kPieceRows - 1) / kPieceRows; }
// The rows of pieces [begin, end), as far as there are any.
inline Range piece_rows(int64_t begin, int64_t end, int64_t n_rows) {
  return {std::clamp<int64_t>(begin * kPieceRows, 0, n_rows),
          std::clamp<int64_t>(end * kPieceRows, 0, n_rows)};
}

class Executor {
 public:
  Executor(const KernelTable& kernels, ThreadTeam& team, const tensor::Graph& graph,
           const tensor::StepInputs& inputs, std::byte* activations, std::byte* scratch,
           const ScratchPlan& plan)
      : k_(kernels),
        team_(team),
        graph_(graph),
        in_(inputs),
        activations_(activations),
        scratch_(scratch),
        plan_(plan) {}

  void run(const tensor::EmbedOp& op, int thread);
  void run(const tensor::HiddenInputOp& op, int thread);
  void run(const tensor::NormOp& op, int thread);
  void run(const tensor::MatMulOp& op, int thread);
  void run(const tensor::RopeTableOp& op, int thread);
  void run(const tensor::KvAppendOp& op, int thread);
  void run(const tensor::AttentionOp& op, int thread);
  void run(const tensor::FfnOp& op, int thread);
  void run(const tensor::SoftcapOp& op, int thread);
  void run(const tensor::SelectRowsOp& op, int thread);
  void run(const tensor::MoeOp& op, int thread);
  void run(const tensor::HeadMatMulOp& op, int thread);
  void run(const tensor::CopyHeadsOp& op, int thread);
  void run(const tensor::GateOp& op, int thread);
  void run(const tensor::ClampOp& op, int thread);
  // op_recurrent.cc
  void run(const tensor::ConvOp& op, int thread);
  void run(const tensor::DeltaRuleOp& op, int thread);
  void run(const tensor::SelectiveScanOp& op, int thread);
  void run(const tensor::TokenShiftOp& op, int thread);
  void run(const tensor::Wkv7Op& op, int thread);
  void run(const tensor::GatedNormOp& op, int thread);
  void run(const tensor::ApplyOp& op, int thread);
  // op_altup.cc
  void run(const tensor::MatchLengthOp& op, int thread);
  void run(const tensor::PredictStreamsOp& op, int thread);
  void run(const tensor::CorrectStreamsOp& op, int thread);
  void run(const tensor::KeepLargestOp& op, int thread);
  void run(const tensor::ScaleByOp& op, int thread);
  // op_select.cc
  void run(const tensor::SelectPositionsOp& op, int thread);

 private:
  // Rows of a view lie `stride(v)` floats apart.
  [[nodiscard]] float* data(const tensor::View& v, int64_t row = 0) const {
    const tensor::TensorDesc& t = graph_.tensors()[size_t(v.tensor)];
    return reinterpret_cast<float*>(activations_ + t.offset) + row * t.width + v.column;
  }
  [[nodiscard]] int64_t stride(const tensor::View& v) const {
    return graph_.tensors()[size_t(v.tensor)].width;
  }
  [[nodiscard]] int64_t rows(const tensor::View& v) const {
    return graph_.tensors()[size_t(v.tensor)].rows;
  }
  [[nodiscard]] int n_threads() const { return team_.n_running(); }
  [[nodiscard]] std::atomic<int32_t>* counters() const {
    return reinterpret_cast<std::atomic<int32_t>*>(scratch_);
  }
  [[nodiscard]] std::byte* acts_memory() const { return scratch_ + plan_.counter_bytes; }
  [[nodiscard]] std::byte* hidden_memory() const { return acts_memory() + plan_.act_bytes; }
  [[nodiscard]] float* split_memory() const {
    return reinterpret_cast<float*>(hidden_memory() + plan_.hidden_bytes);
  }
  [[nodiscard]] std::byte* moe_memory() const {
    return hidden_memory() + plan_.hidden_bytes + plan_.split_bytes;
  }
  [[nodiscard]] std::byte* thread_memory(int thread) const {
    return moe_memory() + plan_.moe_bytes + size_t(thread) * plan_.thread_bytes();
  }
  [[nodiscard]] std::byte* own_memory(int thread) const {
    return thread_memory(thread) + plan_.gemm_bytes;
  }

  [[nodiscard]] ActForm form_of(const tensor::Weight& w) const {
    return act_form(*w.type, k_.bf16_products);
  }
  // Calls f(begin, end) for parts of [0, n) that together, over all threads, are all of it
  // (ThreadTeam::take). At most once between two barriers.
  template <class F>
  void for_pieces(int64_t n, int thread, F&& f) const {
    for (;;) {
      const ThreadTeam::Pieces pieces = team_.take(thread, n);
      if (pieces.begin == pieces.end) return;
      f(pieces.begin, pieces.end);
    }
  }

  // `head`: which of the norm's weights.
  void normalize(const tensor::Norm& norm, const float* x, float* y, int64_t n,
                 int64_t head = 0) const;
  // The rows that some weights read, in the form of each: forms[int(form_of(w))].
  struct Input {
    ActView forms[kNumActForms];
  };
  // norm(view), ready for these weights. A single row every thread makes for itself; more are
  // shared out, and a barrier passed.
  Input prepare(const tensor::View& view, const tensor::Norm& norm,
                std::span<const tensor::Weight* const> weights, int thread) const;
  void prepare_row(const float* x, int64_t row, int64_t k, const Input& input) const;

  // The arguments that matrix `index` of `w` gives to its gemm.
  GemmArgs gemm_args(const tensor::Weight& w, int64_t index, int thread) const;
  // Where a product goes: row r of column c to (or onto) y[c * stride + r].
  struct Output {
    float* y;
    int64_t stride;
    bool accumulate;
  };
  void multiply(const tensor::Weight& w, Range rows, const Input& x, const Output& out,
                int thread) const;
  // The matrices of an FFN, or of each expert of one.
  struct GatedFfn {
    const tensor::Weight* gate;  // null: the first half of up's rows
    const tensor::Weight* up;
    const tensor::Weight* down;
    tensor::View hidden;
    tensor::Activation activation;
    bool gated;
    bool weight_before;  // by the slot's weight
    float limit;
  };
  struct ExpertLists;
  void multiply_expert(const tensor::Weight& w, Range rows, const ExpertLists& lists, int active,
                       GemmArgs args) const;
  Input gated_product(const GatedFfn& ffn, const ExpertLists& lists, const Input& x,
                      int thread) const;
  void finish_hidden(const GatedFfn& ffn, const ExpertLists& lists, int active, Range rows,
                     const Input& product) const;

  // K and V of one KV head of token t, into the cache.
  void append_head(const tensor::KvAppendOp& op, int64_t t, int head) const;

  struct AttentionTile;
  struct AttentionScratch;
  std::pair<int, int> seen(const tensor::AttentionOp& op, const AttentionTile& tile,
                           int position) const;
  AttentionScratch attention_scratch(const tensor::AttentionOp& op, int thread) const;
  int next_tile(const tensor::AttentionOp& op, int token, AttentionTile& tile) const;
  void append_quantized(const tensor::KvLayerView& kv, const float* k, const float* v, int chunk,
                        int head, int row) const;
  [[nodiscard]] int n_head_units(const tensor::AttentionOp& op) const;
  void take_heads(const tensor::AttentionOp& op, int unit, AttentionTile& tile) const;
  void load_queries(const tensor::AttentionOp& op, const AttentionTile& tile,
                    const AttentionScratch& s) const;
  void attend_chunk(const tensor::AttentionOp& op, const AttentionTile& tile, int chunk,
                    const AttentionScratch& s) const;
  // Rows of the cache that stand apart, as one chunk of one head.
  void gather_chunk(const tensor::KvLayerView& from, int head, const int32_t* chunks,
                    std::span<const float> positions, const tensor::KvLayerView& to) const;
  void finish_rows(const tensor::AttentionOp& op, const AttentionTile& tile,
                   const AttentionScratch& s) const;
  void attend_whole(const tensor::AttentionOp& op, int thread);
  void attend_split(const tensor::AttentionOp& op, int thread);
  void score_positions(const tensor::SelectPositionsOp& op, int64_t token, Range chunks,
                       float* head_scores, float* scores) const;
  void choose_positions(const tensor::SelectPositionsOp& op, int64_t token, float* scores,
                        int32_t* order) const;

  ExpertLists expert_lists(const tensor::MoeOp& op, int thread) const;
  void route_token(const tensor::MoeOp& op, const ExpertLists& lists, int64_t token,
                   float* p) const;
  void sort_slots(const tensor::MoeOp& op, const ExpertLists& lists) const;
  void route(const tensor::MoeOp& op, const Input& x, const ExpertLists& lists, int thread) const;
  void add_experts(const tensor::MoeOp& op, const ExpertLists& lists, Range columns) const;

  // A layer's state of a token's sequence, from float `offset` on.
  [[nodiscard]] float* state(int layer, int64_t offset, int64_t token) const {
    return in_.states[size_t(layer)].of(in_.sequence_of[token]) + offset;
  }
  // Calls f(first token, behind the last, unit) for this thread's share of the pairs of a sequence
  // of the batch and a unit in [0, n_units).
  template <class F>
  void for_sequence_units(int64_t n_units, int thread, F&& f) const;
  // Calls f(first token, tokens, head) likewise, some tokens of a sequence at a time.
  template <class F>
  void for_heads(int64_t n_heads, int thread, F&& f) const;
  void delta_steps(const tensor::DeltaRuleOp& op, int64_t begin, int64_t n, int head,
                   float* own) const;
  void scan_head(const tensor::SelectiveScanOp& op, int64_t begin, int64_t n, int head,
                 float* own) const;
  void wkv7_steps(const tensor::Wkv7Op& op, int64_t begin, int64_t n_steps, int head,
                  float* own) const;

  const KernelTable& k_;
  ThreadTeam& team_;
  const tensor::Graph& graph_;
  const tensor::StepInputs& in_;
  std::byte* activations_;
  std::byte* scratch_;
  const ScratchPlan& plan_;
};

}  // namespace hearth::backend::cpu
