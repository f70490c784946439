// Executor: mixture of experts. Tokens are sorted by expert, then each expert's matrices meet its
// tokens once.
#include <algorithm>
#include <cmath>

#include "backend/cpu/executor.h"

namespace hearth::backend::cpu {

using namespace tensor;

// A slot is one (token, chosen expert): slot = token * n_used + rank. Slots sorted by expert, ties
// by slot.
struct Executor::MoeLists {
  int32_t* slots;      // [n_slots] sorted
  int32_t* tokens;     // [n_slots] slots[i] / n_used
  int32_t* expert_of;  // [n_slots] by slot
  float* weight;       // [n_slots] by slot
  int32_t* begin;      // [n_experts + 1] into slots
  int64_t n_slots;
};

Executor::MoeLists Executor::moe_lists(const MoeOp& op) const {
  MoeLists l;
  l.n_slots = rows(op.in) * op.n_used;
  l.slots = moe_memory();
  l.tokens = l.slots + l.n_slots;
  l.expert_of = l.tokens + l.n_slots;
  l.weight = reinterpret_cast<float*>(l.expert_of + l.n_slots);
  l.begin = reinterpret_cast<int32_t*>(l.weight + l.n_slots);
  return l;
}

// p = softmax(router); the n_used largest win (the lower index on ties); weights as the op says.
void Executor::route(const MoeOp& op, const MoeLists& lists) const {
  auto* p = reinterpret_cast<float*>(thread_memory(0));
  const int n_experts = op.n_experts;
  for (int64_t t = 0; t < rows(op.in); ++t) {
    const float* z = data(op.router, t);
    const float largest = *std::max_element(z, z + n_experts);
    float sum = 0;
    for (int e = 0; e < n_experts; ++e) sum += p[e] = std::exp(z[e] - largest);
    float chosen_sum = 0;
    for (int rank = 0; rank < op.n_used; ++rank) {
      const int best = int(std::max_element(p, p + n_experts) - p);
      lists.expert_of[t * op.n_used + rank] = best;
      lists.weight[t * op.n_used + rank] = p[best] / sum;
      chosen_sum += p[best] / sum;
      p[best] = -1;
    }
    // 2^-14: the smallest normal half, the floor that the reference uses.
    const float factor =
        op.weight_scale / (op.renormalize ? std::max(chosen_sum, 6.103515625e-5f) : 1.0f);
    for (int rank = 0; rank < op.n_used; ++rank) lists.weight[t * op.n_used + rank] *= factor;
  }
  std::fill_n(lists.begin, n_experts + 1, 0);
  for (int64_t s = 0; s < lists.n_slots; ++s) ++lists.begin[lists.expert_of[s] + 1];
  for (int e = 0; e < n_experts; ++e) lists.begin[e + 1] += lists.begin[e];
  // Counting sort; begin[] is shifted while filling and shifted back after.
  for (int64_t s = 0; s < lists.n_slots; ++s) {
    const int32_t at = lists.begin[lists.expert_of[s]]++;
    lists.slots[at] = int32_t(s);
    lists.tokens[at] = int32_t(s / op.n_used);
  }
  for (int e = n_experts; e > 0; --e) lists.begin[e] = lists.begin[e - 1];
  lists.begin[0] = 0;
}

// y[slot] = w[expert of slot] . x[token or slot], this thread's share of every active expert's
// rows.
void Executor::expert_gemm(const Weight& w, const MoeLists& lists, const ActView& x, float* y,
                           int64_t y_stride, bool by_slot, int thread) const {
  for (int64_t e = 0; e < w.n_matrices; ++e) {
    const int32_t begin = lists.begin[e];
    const int32_t n = lists.begin[e + 1] - begin;
    if (n == 0) continue;
    const Range r = share(w.rows, thread, n_threads(), 2 * kPanelRows);
    if (r.begin == r.end) continue;
    GemmArgs args = gemm_args(w, e, thread);
    args.x = x;
    args.y = y;
    args.y_stride = y_stride;
    args.row_begin = r.begin;
    args.row_end = r.end;
    args.n_columns = n;
    args.x_rows = (by_slot ? lists.slots : lists.tokens) + begin;
    args.y_rows = lists.slots + begin;
    k_.gemm[w.type->index](args);
  }
}

// x as blocks in the form of w's type, where it has one. A barrier must follow.
ActView Executor::moe_input(const View& view, int64_t n, int64_t k, const Weight& w,
                            int thread) const {
  ActView x;
  x.f32 = data(view);
  x.f32_stride = stride(view);
  x.n = n;
  const ActForm form = form_of(w);
  if (form != ActForm::kFloat) {
    quantize_share(x.f32, x.f32_stride, n, k, form, acts_memory(), thread);
    x.blocks = acts_memory();
  }
  return x;
}

void Executor::run(const MoeOp& op, int thread) {
  const int64_t n = rows(op.in);
  const int64_t f = op.gate->rows;
  const MoeLists lists = moe_lists(op);
  ActView x = moe_input(op.in, n, op.in.width, *op.gate, thread);
  if (thread == 0) route(op, lists);
  team_.barrier();
  float* hidden = data(op.hidden);
  expert_gemm(*op.gate, lists, x, hidden, stride(op.hidden), false, thread);
  if (form_of(*op.up) != form_of(*op.gate)) {
    team_.barrier();
    x = moe_input(op.in, n, op.in.width, *op.up, thread);
    team_.barrier();
  }
  expert_gemm(*op.up, lists, x, hidden + f, stride(op.hidden), false, thread);
  team_.barrier();

  const Range r = share(lists.n_slots, thread, n_threads());
  for (int64_t s = r.begin; s < r.end; ++s)
    activate(op.activation, data(op.hidden, s), data(op.hidden, s) + f, data(op.hidden, s), f);
  team_.barrier();

  x = moe_input(op.hidden, lists.n_slots, f, *op.down, thread);
  team_.barrier();
  expert_gemm(*op.down, lists, x, data(op.partial), stride(op.partial), true, thread);
  team_.barrier();

  // Always in rank order, so the sum does not depend on which expert ran first.
  const Range tokens = share(n, thread, n_threads());
  for (int64_t t = tokens.begin; t < tokens.end; ++t) {
    float* out = data(op.out, t);
    std::fill_n(out, op.out.width, 0.0f);
    for (int rank = 0; rank < op.n_used; ++rank) {
      const int64_t s = t * op.n_used + rank;
      k_.add_scaled(out, data(op.partial, s), lists.weight[s], out, op.out.width);
    }
  }
}

}  // namespace hearth::backend::cpu
