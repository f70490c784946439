// Executor: operations on the heads of a row one by one, and gates.
#include <algorithm>
#include <cstring>

#include "backend/cpu/executor.h"

namespace hearth::backend::cpu {

using namespace tensor;

// Every head's input is rounded first, a share for each thread; then pieces of all heads' rows are
// given out.
void Executor::run(const HeadMatMulOp& op, int thread) {
  const Weight& w = *op.weight;
  const int64_t n = rows(op.in);
  const int64_t n_heads = w.n_matrices;
  const ActForm form = form_of(w);
  const int64_t head_blocks = n_superblocks(w.k) * n;
  auto* blocks = reinterpret_cast<ActBlock*>(acts_memory());
  if (form != ActForm::kFloat) {
    const Range r = share(n * n_heads, thread, n_threads());
    for (int64_t i = r.begin; i < r.end; ++i) {
      const int64_t head = i % n_heads;
      Input input;
      input.forms[int(form)] = {
          .f32 = nullptr, .f32_stride = 0, .blocks = blocks + head * head_blocks, .n = n};
      prepare_row(data(op.in, i / n_heads) + head * op.in_step, i / n_heads, w.k, input);
    }
    team_.barrier();
  }
  const int64_t per_head = n_pieces(w.rows);
  for_pieces(n_heads * per_head, thread, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t head = i / per_head;
      const Range r = piece_rows(i % per_head, i % per_head + 1, w.rows);
      GemmArgs args = gemm_args(w, head, thread);
      args.row_begin = r.begin;
      args.row_end = r.end;
      args.x = {.f32 = data(op.in) + head * op.in_step,
                .f32_stride = stride(op.in),
                .blocks = form == ActForm::kFloat ? nullptr : blocks + head * head_blocks,
                .n = n};
      args.n_columns = n;
      args.y = data(op.out) + head * op.out_step;
      args.y_stride = stride(op.out);
      k_.gemm[w.type->index](args);
    }
  });
}

void Executor::run(const CopyHeadsOp& op, int thread) {
  const Range r = share(rows(op.in), thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t)
    for (int head = 0; head < op.n_heads; ++head)
      std::memcpy(data(op.out, t) + head * op.out_step, data(op.in, t) + head * op.in_step,
                  size_t(op.width) * sizeof(float));
}

void Executor::run(const ClampOp& op, int thread) {
  const Range r = share(rows(op.x), thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t) {
    float* x = data(op.x, t);
    for (int64_t i = 0; i < op.x.width; ++i) x[i] = std::clamp(x[i], -op.limit, op.limit);
  }
}

void Executor::run(const GateOp& op, int thread) {
  const auto act = k_.activate[int(op.activation)];
  const Range r = share(rows(op.in), thread, n_threads());
  auto* own = reinterpret_cast<float*>(own_memory(thread));
  const int64_t width = op.in.width / op.n_heads;
  const int64_t gate_step = op.gate_step > 0 ? op.gate_step : op.gate.width / op.n_heads;
  const bool by_value = gate_step >= width;  // a gate for each value, or one for the head
  for (int64_t t = r.begin; t < r.end; ++t)
    for (int head = 0; head < op.n_heads; ++head) {
      const float* in = data(op.in, t) + head * width;
      const float* gate = data(op.gate, t) + head * gate_step;
      float* out = data(op.out, t) + head * width;
      float* y = op.accumulate ? own : out;
      if (by_value) {
        act(gate, in, y, width);
      } else {
        float factor;
        act(gate, nullptr, &factor, 1);
        if (y != in) std::memcpy(y, in, size_t(width) * sizeof(float));
        k_.scale(y, factor, width);
      }
      if (op.accumulate) k_.add_scaled(out, y, 1.0f, out, width);
    }
}

}  // namespace hearth::backend::cpu
