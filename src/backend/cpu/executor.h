// One run of a graph on the thread team: what the op_*.cc files of this folder share. Internal to
// the CPU backend.
//
// Every thread walks all operations; run(op, thread) does that thread's share of one. A barrier
// follows each operation; operations with several phases call it between them.
#pragma once

#include <cstring>

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

// Offsets into the scratch buffer, computed from the graph alone: Backend::scratch_bytes is this
// struct's `total`.
struct ScratchPlan {
  size_t act_bytes = 0;     // activation blocks of the widest matmul input, in each form it needs
  size_t split_bytes = 0;   // partial results of split attention
  size_t moe_bytes = 0;     // expert lists
  size_t thread_bytes = 0;  // panel, or attention tile; one per thread
  size_t total = 0;
};
ScratchPlan plan_scratch(const tensor::Graph& graph, int64_t max_positions, int n_threads);

// Bytes of n rows of k activations as blocks.
size_t act_bytes(int64_t n, int64_t k);

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
  void run(const tensor::RopeOp& op, int thread);
  void run(const tensor::KvAppendOp& op, int thread);
  void run(const tensor::AttentionOp& op, int thread);
  void run(const tensor::GluOp& op, int thread);
  void run(const tensor::AddOp& op, int thread);
  void run(const tensor::SoftcapOp& op, int thread);
  void run(const tensor::SelectRowsOp& op, int thread);
  void run(const tensor::MoeOp& op, int thread);

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
  [[nodiscard]] int n_threads() const { return team_.size(); }
  [[nodiscard]] ActBlock* acts_memory() const { return reinterpret_cast<ActBlock*>(scratch_); }
  [[nodiscard]] float* split_memory() const {
    return reinterpret_cast<float*>(scratch_ + plan_.act_bytes);
  }
  [[nodiscard]] int32_t* moe_memory() const {
    return reinterpret_cast<int32_t*>(scratch_ + plan_.act_bytes + plan_.split_bytes);
  }
  [[nodiscard]] std::byte* thread_memory(int thread) const {
    return scratch_ + plan_.act_bytes + plan_.split_bytes + plan_.moe_bytes +
           size_t(thread) * plan_.thread_bytes;
  }

  [[nodiscard]] ActForm form_of(const tensor::Weight& w) const {
    return act_form(*w.type, k_.bf16_products);
  }
  // x[n, k] (rows `x_stride` apart) as blocks of `form`, into `out` [superblocks][n]; this thread's
  // share. A barrier must follow.
  void quantize_share(const float* x, int64_t x_stride, int64_t n, int64_t k, ActForm form,
                      ActBlock* out, int thread) const;
  // The arguments that matrix `index` of `w` gives to its gemm.
  GemmArgs gemm_args(const tensor::Weight& w, int64_t index, int thread) const;
  void activate(tensor::Activation activation, const float* gate, const float* up, float* out,
                int64_t n) const;

  struct AttentionTile;
  struct AttentionScratch;
  AttentionScratch attention_scratch(const tensor::AttentionOp& op, int thread) const;
  int next_tile(const tensor::AttentionOp& op, int token, AttentionTile& tile) const;
  void append_quantized(const tensor::KvLayerView& kv, const float* k, const float* v, int chunk,
                        int head, int row) const;
  void load_queries(const tensor::AttentionOp& op, const AttentionTile& tile, int kv_head,
                    const AttentionScratch& s) const;
  void attend_chunk(const tensor::AttentionOp& op, const AttentionTile& tile, int kv_head,
                    int chunk, const AttentionScratch& s) const;
  void finish_rows(const tensor::AttentionOp& op, const AttentionTile& tile, int kv_head,
                   const AttentionScratch& s) const;
  void attend_whole(const tensor::AttentionOp& op, int thread);
  void attend_split(const tensor::AttentionOp& op, int thread);

  struct MoeLists;
  MoeLists moe_lists(const tensor::MoeOp& op) const;
  void route(const tensor::MoeOp& op, const MoeLists& lists) const;
  void expert_gemm(const tensor::Weight& w, const MoeLists& lists, const ActView& x, float* y,
                   int64_t y_stride, bool by_slot, int thread) const;
  ActView moe_input(const tensor::View& view, int64_t n, int64_t k, const tensor::Weight& w,
                    int thread) const;

  const KernelTable& k_;
  ThreadTeam& team_;
  const tensor::Graph& graph_;
  const tensor::StepInputs& in_;
  std::byte* activations_;
  std::byte* scratch_;
  const ScratchPlan& plan_;
};

}  // namespace hearth::backend::cpu
