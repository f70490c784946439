// Executor: gated FFNs, dense and as a mixture of experts. A dense FFN is one expert that all
// tokens choose. Tokens are sorted by expert, then each expert's matrices meet its tokens once.
//
// The first phase works on a list of pieces, those of gate and up of all chosen experts, and
// whoever finishes the last rows of a superblock makes the product of the two, as `down` reads it.
// The second works on pieces of the rows of `down`, each with all experts, so that one thread adds
// their answers up: always in rank order, so that the sum does not depend on who was first.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "backend/cpu/executor.h"

namespace hearth::backend::cpu {

using namespace tensor;

// A slot is one (token, chosen expert): slot = token * n_used + rank. Slots sorted by expert, ties
// by slot. `active` are the experts that anybody chose.
struct Executor::ExpertLists {
  const int32_t* slots;   // [n_slots] sorted; null: slot i is i
  const int32_t* tokens;  // [n_slots] slots[i] / n_used; null: i
  int32_t* expert_of;     // [n_slots] by slot
  float* weight;          // [n_slots] by slot
  int32_t* active;        // [n_active]
  int32_t* begin;         // [n_active + 1] into slots
  int32_t* n_active;
  int64_t n_slots;
  [[nodiscard]] int32_t n_columns(int i) const { return begin[i + 1] - begin[i]; }
};

// The lists of one token are each thread's own, as its input is.
Executor::ExpertLists Executor::expert_lists(const MoeOp& op, int thread) const {
  const int64_t n = rows(op.in);
  ExpertLists l{};
  l.n_slots = n * op.routing.n_used;
  auto* at = reinterpret_cast<int32_t*>(n == 1 ? own_memory(thread) + own_act_bytes(op.in.width)
                                               : moe_memory());
  const auto take = [&](int64_t count) {
    int32_t* taken = at;
    at += count;
    return taken;
  };
  l.slots = take(l.n_slots);
  l.tokens = take(l.n_slots);
  l.expert_of = take(l.n_slots);
  l.weight = reinterpret_cast<float*>(take(l.n_slots));
  l.active = take(op.routing.n_experts);
  l.begin = take(op.routing.n_experts + 1);
  l.n_active = take(1);
  return l;
}

namespace {

// The weights' p of each expert, and `score`, the largest of which are chosen.
void score_experts(const Routing& r, const float* z, float* p, float* score) {
  const int n = r.n_experts;
  if (r.gating == ExpertGating::kSigmoid) {
    for (int e = 0; e < n; ++e) p[e] = 1 / (1 + std::exp(-z[e]));
  } else if (r.gating == ExpertGating::kSoftmax) {
    const float largest = *std::max_element(z, z + n);
    float sum = 0;
    for (int e = 0; e < n; ++e) sum += p[e] = std::exp(z[e] - largest);
    for (int e = 0; e < n; ++e) p[e] /= sum;
  } else {
    std::copy_n(z, n, p);
  }
  for (int e = 0; e < n; ++e)
    score[e] = p[e] + (r.selection_bias == nullptr ? 0.0f : r.selection_bias[e]);
}

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Experts outside of the best groups lose their score.
void keep_best_groups(const Routing& r, float* score) {
  const int size = r.n_experts / r.n_groups;
  const auto value = [&](int group) {  // -inf: dropped
    const float* s = score + group * size;
    const int best = int(std::max_element(s, s + size) - s);
    float second = kNever;
    for (int i = 0; i < size; ++i)
      if (i != best) second = std::max(second, s[i]);
    return size > 1 ? s[best] + second : s[best];
  };
  for (int dropped = 0; dropped < r.n_groups - r.n_groups_used; ++dropped) {
    int worst = -1;
    float lowest = 0;
    for (int g = 0; g < r.n_groups; ++g) {
      const float v = value(g);
      // Of equals the later one goes.
      if (v != kNever && (worst < 0 || v <= lowest)) worst = g, lowest = v;
    }
    if (worst >= 0) std::fill_n(score + worst * size, size, kNever);
  }
}

}  // namespace

// The n_used largest scores win (the lower index on ties); weights as the routing says.
void Executor::route_token(const MoeOp& op, const ExpertLists& lists, int64_t token,
                           float* p) const {
  const Routing& r = op.routing;
  const float* z = data(op.logits, token);
  float* score = p + r.n_experts;
  score_experts(r, z, p, score);
  if (r.n_groups > 1 && r.n_groups_used < r.n_groups) keep_best_groups(r, score);
  int32_t* expert_of = lists.expert_of + token * r.n_used;
  float* weight = lists.weight + token * r.n_used;
  float sum = 0;
  for (int rank = 0; rank < r.n_used; ++rank) {
    const int best = int(std::max_element(score, score + r.n_experts) - score);
    expert_of[rank] = best;
    weight[rank] =
        r.gating == ExpertGating::kSoftmaxChosen ? std::exp(p[best] - p[expert_of[0]]) : p[best];
    sum += weight[rank];
    score[best] = kNever;
  }
  float factor = r.weight_scale;
  if (r.gating == ExpertGating::kSoftmaxChosen) factor /= sum;
  // 2^-14: the smallest normal half, the floor that the reference uses.
  if (r.renormalize) factor /= std::max(sum, 6.103515625e-5f);
  for (int rank = 0; rank < r.n_used; ++rank) weight[rank] *= factor;
}

// Counting sort. `active` holds, for each expert, first its number of slots, then where its next
// one goes, and at last the list.
void Executor::sort_slots(const MoeOp& op, const ExpertLists& lists) const {
  int32_t* next = lists.active;
  std::fill_n(next, op.routing.n_experts, 0);
  for (int64_t s = 0; s < lists.n_slots; ++s) ++next[lists.expert_of[s]];
  int32_t n_active = 0;
  lists.begin[0] = 0;
  for (int32_t e = 0, sum = 0; e < op.routing.n_experts; ++e) {
    const int32_t n = std::exchange(next[e], sum);
    sum += n;
    if (n > 0) lists.begin[++n_active] = sum;
  }
  auto* slots = const_cast<int32_t*>(lists.slots);
  auto* tokens = const_cast<int32_t*>(lists.tokens);
  for (int64_t s = 0; s < lists.n_slots; ++s) {
    const int32_t at = next[lists.expert_of[s]]++;
    slots[at] = int32_t(s);
    tokens[at] = int32_t(s / op.routing.n_used);
  }
  for (int32_t i = 0; i < n_active; ++i) lists.active[i] = lists.expert_of[slots[lists.begin[i]]];
  *lists.n_active = n_active;
}

// The lists are complete when this returns. Of one token, the threads share the router's rows, and
// each makes its own lists; of more, each takes some tokens through router and choice.
void Executor::route(const MoeOp& op, const Input& x, const ExpertLists& lists, int thread) const {
  const int64_t n = rows(op.in);
  auto* p = reinterpret_cast<float*>(thread_memory(thread));
  if (n == 1) {
    for_pieces(n_pieces(op.router->rows), thread, [&](int64_t begin, int64_t end) {
      multiply(*op.router, piece_rows(begin, end, op.router->rows), x,
               {data(op.logits), stride(op.logits), false}, thread);
    });
    team_.barrier();
    route_token(op, lists, 0, p);
    sort_slots(op, lists);
    return;
  }
  const Range r = share(n, thread, n_threads());
  if (r.begin < r.end) {
    GemmArgs args = gemm_args(*op.router, 0, thread);
    args.row_end = op.router->rows;
    args.x = x.forms[int(form_of(*op.router))];
    args.x.f32 += r.begin * args.x.f32_stride;
    if (args.x.blocks != nullptr) args.x.blocks += r.begin;
    args.n_columns = r.end - r.begin;
    args.y = data(op.logits, r.begin);
    args.y_stride = stride(op.logits);
    k_.gemm[op.router->type->index](args);
  }
  for (int64_t t = r.begin; t < r.end; ++t) route_token(op, lists, t, p);
  team_.barrier();
  if (thread == 0) sort_slots(op, lists);
  team_.barrier();
}

// `rows` of the active expert's matrix meet its slots; the rest of the arguments is given.
void Executor::multiply_expert(const Weight& w, Range rows, const ExpertLists& lists, int active,
                               GemmArgs args) const {
  const int32_t begin = lists.begin[active];
  args.row_begin = rows.begin;
  args.row_end = rows.end;
  args.n_columns = lists.n_columns(active);
  if (args.x_rows != nullptr) args.x_rows += begin;
  if (args.y_rows != nullptr) args.y_rows += begin;
  k_.gemm[w.type->index](args);
}

// hidden[slot] = act(gate . x) * (up . x), as `down` reads it.
Executor::Input Executor::gated_product(const GatedFfn& ffn, const ExpertLists& lists,
                                        const Input& x, int thread) const {
  const int64_t f = ffn.down->k;
  float* hidden = data(ffn.hidden);
  Input product;
  ActView& view = product.forms[int(form_of(*ffn.down))];
  view = {.f32 = hidden, .f32_stride = stride(ffn.hidden), .blocks = nullptr, .n = lists.n_slots};
  if (form_of(*ffn.down) != ActForm::kFloat)
    view.blocks = reinterpret_cast<ActBlock*>(hidden_memory());
  const auto multiply = [&](const Weight& w, Range r, float* y, int active) {
    GemmArgs args = gemm_args(w, lists.active[active], thread);
    args.x = x.forms[int(form_of(w))];
    args.x_rows = lists.tokens;
    args.y_rows = lists.slots;
    args.y = y;
    args.y_stride = stride(ffn.hidden);
    multiply_expert(w, r, lists, active, args);
  };
  // Where up's half of a common matrix does not begin with a panel, it is one piece.
  const bool whole = ffn.gated && ffn.gate == nullptr && f % kPanelRows != 0;
  const int64_t per_expert = whole ? 1 : n_pieces(f);
  for_pieces(*lists.n_active * per_expert, thread, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const auto active = int(begin / per_expert);
      const int64_t first = begin % per_expert;
      const int64_t stop = std::min(per_expert, first + end - begin);
      const Range r = whole ? Range{0, f} : piece_rows(first, stop, f);
      if (whole) {
        multiply(*ffn.up, {0, 2 * f}, hidden, active);
      } else if (!ffn.gated) {
        multiply(*ffn.up, r, hidden, active);
      } else if (ffn.gate == nullptr) {
        multiply(*ffn.up, r, hidden, active);
        multiply(*ffn.up, {f + r.begin, f + r.end}, hidden, active);
      } else {
        multiply(*ffn.gate, r, hidden, active);
        multiply(*ffn.up, r, hidden + f, active);
      }
      finish_hidden(ffn, lists, active, r, product);
      begin += stop - first;
    }
  });
  return product;
}

// These rows of gate and up are done: makes the product of the superblocks that are whole now.
void Executor::finish_hidden(const GatedFfn& ffn, const ExpertLists& lists, int active, Range rows,
                             const Input& product) const {
  const int64_t f = ffn.down->k;
  const ActForm form = form_of(*ffn.down);
  const ActView& view = product.forms[int(form)];
  for (int64_t s = rows.begin / kSuperblock; s * kSuperblock < rows.end; ++s) {
    const int64_t begin = s * kSuperblock;
    const int64_t n = std::min<int64_t>(f - begin, kSuperblock);
    const int64_t here = std::min(rows.end, begin + n) - std::max(rows.begin, begin);
    std::atomic<int32_t>& done = counters()[active * n_superblocks(f) + s];
    if (done.fetch_add(int32_t(here), std::memory_order_acq_rel) + here < n) continue;
    done.store(0, std::memory_order_relaxed);  // for the next operation
    for (int32_t i = lists.begin[active]; i < lists.begin[active + 1]; ++i) {
      const int64_t slot = lists.slots == nullptr ? i : lists.slots[i];
      float* gate = data(ffn.hidden, slot) + begin;
      float* up = ffn.gated ? gate + f : nullptr;
      if (ffn.weight_before) {
        k_.scale(gate, lists.weight[slot], n);
        if (up != nullptr) k_.scale(up, lists.weight[slot], n);
      }
      if (ffn.limit > 0 && up != nullptr) {
        k_.activate[int(ffn.activation)](gate, nullptr, gate, n);
        for (int64_t j = 0; j < n; ++j)
          gate[j] = std::min(gate[j], ffn.limit) * std::clamp(up[j], -ffn.limit, ffn.limit);
      } else {
        k_.activate[int(ffn.activation)](gate, up, gate, n);
      }
      if (form == ActForm::kFloat) continue;
      k_.quantize(gate, n, form, const_cast<ActBlock*>(view.blocks)[s * view.n + slot]);
    }
  }
}

void Executor::run(const FfnOp& op, int thread) {
  const Weight* readers[] = {op.up, op.gate};
  const Input x = prepare(op.in, op.norm, std::span(readers, op.gate == nullptr ? 1 : 2), thread);
  const auto n = int32_t(rows(op.in));
  int32_t active = 0;
  int32_t n_active = 1;
  int32_t begin[] = {0, n};
  ExpertLists all{};
  all.active = &active;
  all.begin = begin;
  all.n_active = &n_active;
  all.n_slots = n;
  const GatedFfn ffn{op.gate, op.up, op.down, op.hidden, op.activation, op.gated, false, op.limit};
  const Input product = gated_product(ffn, all, x, thread);
  team_.barrier();
  for_pieces(n_pieces(op.down->rows), thread, [&](int64_t first, int64_t end) {
    multiply(*op.down, piece_rows(first, end, op.down->rows), product,
             {data(op.out), stride(op.out), op.accumulate}, thread);
  });
}

// out[token] (+)= the experts' weighted answers, these columns.
void Executor::add_experts(const MoeOp& op, const ExpertLists& lists, Range columns) const {
  constexpr int64_t kStep = 256;
  for (int64_t at = columns.begin; at < columns.end; at += kStep) {
    const int64_t n = std::min(kStep, columns.end - at);
    for (int64_t t = 0; t < rows(op.in); ++t) {
      float sum[kStep] = {};
      for (int rank = 0; rank < op.routing.n_used; ++rank) {
        const int64_t slot = t * op.routing.n_used + rank;
        const float weight = op.routing.weight_before ? 1.0f : lists.weight[slot];
        k_.add_scaled(sum, data(op.partial, slot) + at, weight, sum, n);
      }
      float* out = data(op.out, t) + at;
      if (op.accumulate)
        k_.add_scaled(out, sum, 1.0f, out, n);
      else
        std::copy_n(sum, n, out);
    }
  }
}

void Executor::run(const MoeOp& op, int thread) {
  const ExpertLists lists = expert_lists(op, thread);
  const Weight* readers[] = {op.up, op.router, op.gate};
  const bool own_router_in = op.router_in.present();
  if (own_router_in) {
    route(op, prepare(op.router_in, {}, std::span(&op.router, 1), thread), lists, thread);
    team_.barrier();  // the router's input is done with: its memory is needed for that of the
                      // experts
  }
  const Input x = prepare(op.in, op.norm, std::span(readers, op.gate == nullptr ? 2 : 3), thread);
  if (!own_router_in) route(op, x, lists, thread);
  const GatedFfn ffn{
      op.gate, op.up, op.down, op.hidden, op.activation, op.gated, op.routing.weight_before,
      op.limit};
  const Input product = gated_product(ffn, lists, x, thread);
  team_.barrier();
  for_pieces(n_pieces(op.down->rows), thread, [&](int64_t begin, int64_t end) {
    const Range r = piece_rows(begin, end, op.down->rows);
    for (int i = 0; i < *lists.n_active; ++i) {
      GemmArgs args = gemm_args(*op.down, lists.active[i], thread);
      args.x = product.forms[int(form_of(*op.down))];
      args.x_rows = lists.slots;
      args.y_rows = lists.slots;
      args.y = data(op.partial);
      args.y_stride = stride(op.partial);
      multiply_expert(*op.down, r, lists, i, args);
    }
    add_experts(op, lists, r);
  });
}

}  // namespace hearth::backend::cpu
