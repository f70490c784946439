#include "backend/cpu/cpu_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <span>

#include "backend/cpu/executor.h"

namespace hearth::backend {
namespace {

using Clock = std::chrono::steady_clock;

class CpuBackend final : public Backend {
 public:
  CpuBackend(const cpu::KernelTable& kernels, ThreadTeam& team, const CpuThreads& threads)
      : kernels_(kernels),
        team_(team),
        threads_(threads),
        name_(fmt::format("cpu/{}", kernels.name)) {}

  [[nodiscard]] std::string name() const override { return name_; }

  [[nodiscard]] size_t scratch_bytes(const tensor::Graph& graph,
                                     int64_t max_positions) const override {
    return cpu::plan_scratch(graph, max_positions, team_.size()).total;
  }

  [[nodiscard]] size_t packed_bytes(const tensor::Weight& weight) const override {
    return kernels_.takes_packed ? cpu::packed_bytes(weight) : 0;
  }

  Result<void> pack(const tensor::Weight& weight, std::byte* out,
                    const PackedFn& done) const override {
    constexpr uint64_t kPieceBytes = uint64_t{16} << 20;
    const int64_t per_matrix = cpu::panels_per_matrix(weight);
    const int64_t n = weight.n_matrices * per_matrix;
    const uint64_t panel = weight.row_bytes() * cpu::kPanelRows;
    const auto step = int64_t(std::max<uint64_t>(1, kPieceBytes / panel));
    // The first byte of panel p in the file; the last panel of a matrix may lack rows.
    const auto source = [&](int64_t p) {
      return weight.data + size_t(p / per_matrix) * weight.matrix_bytes() +
             std::min(size_t(p % per_matrix) * panel, weight.matrix_bytes());
    };
    for (int64_t at = 0; at < n; at += step) {
      const int64_t end = std::min(n, at + step);
      auto job = [&](int thread) {
        const cpu::Range r = cpu::share(end - at, thread, team_.size());
        cpu::pack_panels(weight, at + r.begin, at + r.end, out);
      };
      team_.run(job);
      HEARTH_TRY(done(std::span(source(at), source(end))));
    }
    return {};
  }

  void execute(const tensor::Graph& graph, const tensor::StepInputs& inputs, std::byte* activations,
               std::byte* scratch) override {
    int64_t max_positions = 1;
    for (const tensor::KvSequenceView& s : inputs.sequences)
      max_positions = std::max<int64_t>(max_positions, int64_t(s.n_chunks) * tensor::kKvChunk);
    const cpu::ScratchPlan plan = cpu::plan_scratch(graph, max_positions, team_.size());
    std::memset(scratch, 0, plan.counter_bytes);
    cpu::Executor executor(kernels_, team_, graph, inputs, activations, scratch, plan);
    const int n_threads =
        inputs.n_tokens <= CpuThreads::kFewTokens ? threads_.few_tokens : threads_.many_tokens;
    if (profiling_) {
      run_profiled(graph, executor, n_threads);
      return;
    }
    auto job = [&](int thread) {
      for (const tensor::Op& op : graph.ops()) {
        std::visit([&](const auto& o) { executor.run(o, thread); }, op);
        if (&op != &graph.ops().back()) team_.barrier();
      }
    };
    team_.run(job, n_threads);
  }

  void set_profiling(bool on) override { profiling_ = on; }

  [[nodiscard]] Profile profile() const override { return profile_; }

 private:
  void run_profiled(const tensor::Graph& graph, cpu::Executor& executor, int n_threads) {
    auto job = [&](int thread) {
      for (const tensor::Op& op : graph.ops()) {
        const Clock::time_point begin = Clock::now();
        std::visit([&](const auto& o) { executor.run(o, thread); }, op);
        team_.barrier();
        if (thread == 0)
          add_time(op_name(op), std::chrono::duration<double>(Clock::now() - begin).count());
      }
    };
    team_.run(job, n_threads);
  }

  void add_time(const char* name, double seconds) {
    auto row = std::find_if(profile_.rows.begin(), profile_.rows.end(),
                            [&](const auto& r) { return r.name == name; });
    if (row == profile_.rows.end()) row = profile_.rows.insert(row, {.name = name});
    row->seconds += seconds;
    row->n_calls += 1;
  }

  cpu::KernelTable kernels_;
  ThreadTeam& team_;
  CpuThreads threads_;
  std::string name_;
  bool profiling_ = false;
  Profile profile_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const cpu::KernelTable& kernels, ThreadTeam& team,
                                          const CpuThreads& threads) {
  return std::make_unique<CpuBackend>(kernels, team, threads);
}

namespace cpu {
namespace {

// What one operation needs of the scratch buffer.
struct ScratchNeeds {
  ScratchPlan& plan;
  const tensor::Graph& graph;
  int64_t max_positions;
  int n_threads;

  [[nodiscard]] int64_t rows(const tensor::View& v) const {
    return graph.tensors()[size_t(v.tensor)].rows;
  }
  static void need(size_t& bytes, size_t wanted) { bytes = std::max(bytes, wanted); }
  // Executor::prepare, and the gemms behind it.
  void need_input(const tensor::View& in, std::span<const tensor::Weight* const> weights) {
    bool used[kNumActForms] = {};
    for (const tensor::Weight* w : weights) used[int(act_form(*w->type, true))] = true;
    const int64_t n = rows(in);
    size_t bytes = 0;
    if (used[int(ActForm::kFloat)]) bytes += align_up(size_t(n * in.width) * sizeof(float), 64);
    used[int(ActForm::kFloat)] = false;
    bytes += size_t(std::count(std::begin(used), std::end(used), true)) * act_bytes(n, in.width);
    need(plan.act_bytes, bytes);
    need(plan.own_bytes, own_act_bytes(in.width));
    need(plan.gemm_bytes, kGemmScratchBytes);
  }
  void need_gated(const tensor::View& in, const tensor::Weight* up, const tensor::Weight* gate) {
    const tensor::Weight* weights[] = {up, gate};
    need_input(in, std::span(weights, gate == nullptr ? 1 : 2));
  }
  void need_hidden(const tensor::Weight& down, int64_t n_slots, int64_t n_experts) {
    need(plan.hidden_bytes, act_bytes(n_slots, down.k));
    need(plan.counter_bytes, size_t(n_experts * n_superblocks(down.k)) * sizeof(int32_t));
  }

  void operator()(const tensor::NormOp& op) {
    need(plan.own_bytes, size_t(op.in.width) * sizeof(float));
  }
  void operator()(const tensor::MatMulOp& op) {
    need_input(op.in, std::span(op.weights, size_t(op.n_weights)));
  }
  void operator()(const tensor::FfnOp& op) {
    need_gated(op.in, op.up, op.gate);
    need_hidden(*op.down, rows(op.in), 1);
  }
  void operator()(const tensor::MoeOp& op) {
    const tensor::Routing& routing = op.routing;
    const tensor::Weight* router[] = {op.router, op.up, op.gate};
    need_input(op.in, std::span(router, op.gate == nullptr ? 2 : 3));
    if (op.router_in.present()) need_input(op.router_in, std::span(router, 1));
    const int64_t n_slots = rows(op.in) * routing.n_used;
    need_hidden(*op.down, n_slots, std::min<int64_t>(n_slots, routing.n_experts));
    need(plan.moe_bytes, size_t(4 * n_slots + 2 * routing.n_experts + 2) * sizeof(int32_t));
    need(plan.own_bytes,
         own_act_bytes(op.in.width) +
             size_t(4 * routing.n_used + 2 * routing.n_experts + 2) * sizeof(int32_t));
    need(plan.gemm_bytes, size_t(2 * routing.n_experts) * sizeof(float));
  }
  void operator()(const tensor::AttentionOp& op) {
    // As wide as any type of cache makes it.
    const auto dv = size_t(align_up(uint64_t(op.dv), 2 * tensor::kKvLanes));
    // scores, q, o and O of a tile; m, l, M, L, begin, end, own, slope, and quantized q of its
    // rows; a chunk of K and V as floats, and one that is gathered.
    need(plan.gemm_bytes,
         size_t(kTileRows) * ((tensor::kKvChunk + size_t(op.dk) + 2 * dv + 8) * sizeof(float) +
                              sizeof(ActBlock)) +
             size_t(tensor::kKvChunk) * (size_t(op.dk) + dv) * sizeof(float) *
                 (op.selected.present() ? 2 : 1) +
             6 * 64);
    const auto n_rows = size_t(std::min<int64_t>(rows(op.q) * op.n_heads, split_rows(op)));
    const size_t chunks = size_t(max_positions / tensor::kKvChunk + 1);
    need(plan.split_bytes, n_rows * chunks * (dv + 2) * sizeof(float));
  }
  // Of each thread's token, the scores and a copy to sort; the scores of four heads.
  void operator()(const tensor::SelectPositionsOp&) {
    need(plan.split_bytes, size_t(n_threads) * 2 * size_t(plan.max_positions) * sizeof(float));
    need(plan.gemm_bytes, size_t(4 * tensor::kKvChunk) * sizeof(float));
  }
  void operator()(const tensor::DeltaRuleOp& op) { need_head(op); }
  void operator()(const tensor::SelectiveScanOp& op) { need_head(op); }
  void operator()(const tensor::Wkv7Op& op) { need_head(op); }
  template <class HeadOp>
  void need_head(const HeadOp& op) {
    need(plan.own_bytes, size_t(head_floats(op)) * sizeof(float));
  }
  void operator()(const tensor::HeadMatMulOp& op) {
    need(plan.act_bytes, size_t(op.weight->n_matrices) * act_bytes(rows(op.in), op.weight->k));
    need(plan.gemm_bytes, kGemmScratchBytes);
  }
  void operator()(const tensor::GateOp& op) {
    need(plan.own_bytes, size_t(op.in.width) * sizeof(float));
  }
  void operator()(const tensor::EmbedOp& op) {
    need(plan.own_bytes, size_t(op.out.width) * sizeof(float));
  }
  template <class Other>
  void operator()(const Other&) {}
};

}  // namespace

ScratchPlan plan_scratch(const tensor::Graph& graph, int64_t max_positions, int n_threads) {
  ScratchPlan plan;
  plan.max_positions = int64_t(align_up(uint64_t(max_positions), tensor::kKvChunk));
  ScratchNeeds needs{plan, graph, max_positions, n_threads};
  for (const tensor::Op& op : graph.ops()) std::visit(needs, op);
  for (size_t* bytes : {&plan.counter_bytes, &plan.act_bytes, &plan.hidden_bytes, &plan.split_bytes,
                        &plan.moe_bytes, &plan.gemm_bytes, &plan.own_bytes})
    *bytes = align_up(*bytes, 64);
  plan.total = plan.counter_bytes + plan.act_bytes + plan.hidden_bytes + plan.split_bytes +
               plan.moe_bytes + plan.thread_bytes() * size_t(n_threads);
  return plan;
}

// One row in every form, and once more before it is one.
size_t own_act_bytes(int64_t k) {
  return 2 * align_up(size_t(k) * sizeof(float), 64) + (kNumActForms - 1) * act_bytes(1, k);
}

size_t act_bytes(int64_t n, int64_t k) {
  return size_t(n) * size_t(n_superblocks(k)) * sizeof(ActBlock);
}

}  // namespace cpu
}  // namespace hearth::backend
