// Executor: embedding, norms, rope, matmul.
#include <cmath>

#include "backend/cpu/executor.h"

namespace hearth::backend::cpu {

using namespace tensor;

void Executor::run(const EmbedOp& op, int thread) {
  const int64_t d = op.out.width;
  const Range r = share(in_.n_tokens, thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t) {
    float* out = data(op.out, t);
    const int32_t token = in_.tokens[t] < 0 ? op.other_row : in_.tokens[t];
    if (token < 0) {
      std::memcpy(out, in_.embeddings + t * d, size_t(d) * sizeof(float));
    } else {
      op.weight->type->decode_row(op.weight->data + size_t(token) * op.weight->row_bytes(), d, out);
      if (op.scale != 1.0f) k_.scale(out, op.scale, d);
    }
    auto* row = reinterpret_cast<float*>(own_memory(thread));
    const auto add_row = [&](const Weight* table, int64_t index) {
      table->type->decode_row(table->data + size_t(index) * table->row_bytes(), d, row);
      k_.add_scaled(out, row, 1.0f, out, d);
    };
    if (op.positions != nullptr) add_row(op.positions, in_.positions[t]);
    if (op.types != nullptr) add_row(op.types, 0);
  }
}

void Executor::run(const HiddenInputOp& op, int thread) {
  const Range r = share(in_.n_tokens, thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t)
    std::memcpy(data(op.out, t), in_.hidden + t * op.out.width,
                size_t(op.out.width) * sizeof(float));
}

void Executor::normalize(const Norm& norm, const float* x, float* y, int64_t n,
                         int64_t head) const {
  const float* weight = norm.weight == nullptr ? nullptr : norm.weight + head * norm.head_step;
  if (norm.layer_norm) {
    k_.layer_norm(x, weight, norm.bias, y, n, norm.eps);
    return;
  }
  k_.rms_norm(x, weight, y, n, norm.eps);
  if (norm.bias != nullptr) k_.add_scaled(y, norm.bias, 1.0f, y, n);
}

void Executor::run(const NormOp& op, int thread) {
  const int64_t width = op.in.width / op.n_heads;
  const Range r = share(rows(op.in) * op.n_heads, thread, n_threads());
  auto* own = reinterpret_cast<float*>(own_memory(thread));
  for (int64_t i = r.begin; i < r.end; ++i) {
    const int64_t head = i % op.n_heads;
    const float* x = data(op.in, i / op.n_heads) + head * width;
    float* out = data(op.out, i / op.n_heads) + head * width;
    if (op.norm.present()) {
      float* y = op.accumulate ? own : out;
      normalize(op.norm, x, y, width, head);
      x = y;
    }
    if (op.accumulate) {
      k_.add_scaled(out, x, op.scale, out, width);
      continue;
    }
    if (x != out) std::memcpy(out, x, size_t(width) * sizeof(float));
    if (op.scale != 1.0f) k_.scale(out, op.scale, width);
  }
}

// Row `row` of the input, x[k], as blocks of each wanted form.
void Executor::prepare_row(const float* x, int64_t row, int64_t k, const Input& input) const {
  for (int form = 0; form < kNumActForms; ++form) {
    const ActView& view = input.forms[form];
    if (view.blocks == nullptr) continue;
    auto* blocks = const_cast<ActBlock*>(view.blocks);
    for (int64_t s = 0; s < n_superblocks(k); ++s)
      k_.quantize(x + s * kSuperblock, std::min<int64_t>(k - s * kSuperblock, kSuperblock),
                  ActForm(form), blocks[s * view.n + row]);
  }
}

Executor::Input Executor::prepare(const View& view, const Norm& norm,
                                  std::span<const Weight* const> weights, int thread) const {
  const int64_t n = rows(view);
  const int64_t k = view.width;
  const bool own = n == 1;
  std::byte* at = own ? own_memory(thread) : acts_memory();
  const auto take = [&](size_t bytes) {
    std::byte* taken = at;
    at += align_up(bytes, 64);
    return taken;
  };
  Input input;
  for (ActView& form : input.forms)
    form = {.f32 = data(view), .f32_stride = stride(view), .blocks = nullptr, .n = n};
  // Weights of one input may want different forms (Q8_0 beside Q4_K): each form once.
  bool any_blocks = false;
  float* normed = nullptr;
  for (const Weight* w : weights) {
    const ActForm form = form_of(*w);
    ActView& x = input.forms[int(form)];
    if (form != ActForm::kFloat && x.blocks == nullptr) {
      x.blocks = reinterpret_cast<ActBlock*>(take(act_bytes(n, k)));
      any_blocks = true;
    } else if (form == ActForm::kFloat && norm.present() && normed == nullptr) {
      normed = reinterpret_cast<float*>(take(size_t(n * k) * sizeof(float)));
      x.f32 = normed;
      x.f32_stride = k;
    }
  }
  if (!any_blocks && normed == nullptr) return input;
  auto* one_row =
      reinterpret_cast<float*>(own ? take(size_t(k) * sizeof(float)) : own_memory(thread));
  const Range r = own ? Range{0, n} : share(n, thread, n_threads());
  for (int64_t i = r.begin; i < r.end; ++i) {
    const float* x = data(view, i);
    if (norm.present()) {
      float* y = normed != nullptr ? normed + i * k : one_row;
      normalize(norm, x, y, k);
      x = y;
    }
    prepare_row(x, i, k, input);
  }
  if (!own) team_.barrier();
  return input;
}

GemmArgs Executor::gemm_args(const Weight& w, int64_t index, int thread) const {
  GemmArgs args{};
  args.packing = find_packing(*w.type);
  if (args.packing != nullptr) args.panel_bytes = panel_bytes(*args.packing, w.k);
  if (w.packed != nullptr)
    args.packed = static_cast<const std::byte*>(w.packed) +
                  size_t(index * panels_per_matrix(w)) * args.panel_bytes;
  args.weight = w.matrix(index);
  args.row_bytes = w.row_bytes();
  args.k = w.k;
  args.scale = w.matrix_scale(index);
  args.bias = w.bias == nullptr ? nullptr : w.bias + index * w.rows;
  args.scratch = thread_memory(thread);
  return args;
}

void Executor::multiply(const Weight& w, Range rows, const Input& x, const Output& out,
                        int thread) const {
  GemmArgs args = gemm_args(w, 0, thread);
  args.row_begin = rows.begin;
  args.row_end = rows.end;
  args.x = x.forms[int(form_of(w))];
  args.n_columns = args.x.n;
  args.y = out.y;
  args.y_stride = out.stride;
  args.accumulate = out.accumulate;
  k_.gemm[w.type->index](args);
}

void Executor::run(const MatMulOp& op, int thread) {
  const Input x = prepare(op.in, op.norm, std::span(op.weights, size_t(op.n_weights)), thread);
  // The pieces of all weights, one after the other.
  int64_t first[MatMulOp::kMaxWeights + 1] = {};
  for (int i = 0; i < op.n_weights; ++i) first[i + 1] = first[i] + n_pieces(op.weights[i]->rows);
  for_pieces(first[op.n_weights], thread, [&](int64_t begin, int64_t end) {
    for (int i = 0; i < op.n_weights; ++i) {
      const Range r = piece_rows(begin - first[i], end - first[i], op.weights[i]->rows);
      if (r.begin < r.end)
        multiply(*op.weights[i], r, x, {data(op.out[i]), stride(op.out[i]), op.accumulate}, thread);
    }
  });
}

void Executor::run(const RopeTableOp& op, int thread) {
  const Range r = share(in_.n_tokens, thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t) {
    float* out = data(op.out, t);
    for (int64_t i = 0; i < op.n_pairs; ++i) {
      // In double: at position 100000 a float angle would be wrong in its third decimal.
      const double angle = double(in_.positions[t]) * op.inv_freq[i];
      out[2 * i] = float(std::cos(angle) * double(op.mscale));
      out[2 * i + 1] = float(std::sin(angle) * double(op.mscale));
    }
  }
}

// One thread takes a KV head of a token, with the query heads that read it, through all of it.
void Executor::run(const KvAppendOp& op, int thread) {
  const KvLayerView& kv = in_.layers[size_t(op.layer)];
  const auto rotate = op.pairing == RopePairing::kNorm ? k_.rope_norm : k_.rope_neox;
  const auto make_ready = [&](float* x, const Norm& norm, int64_t t, int64_t head) {
    if (norm.present() && !op.norm_behind_rope) normalize(norm, x, x, kv.dk, head);
    if (op.table.present()) rotate(x + op.rope_begin, data(op.table, t), op.n_pairs);
    if (norm.present() && op.norm_behind_rope) normalize(norm, x, x, kv.dk, head);
  };
  const int64_t q_step = op.q_step > 0 ? op.q_step : kv.dk;
  const int64_t group = op.q.present() ? op.q.width / q_step / kv.n_heads : 0;
  const Range r = share(int64_t(in_.n_tokens) * kv.n_heads, thread, n_threads());
  for (int64_t i = r.begin; i < r.end; ++i) {
    const int64_t t = i / kv.n_heads;
    const int64_t head = i % kv.n_heads;
    for (int64_t h = head * group; h < (head + 1) * group; ++h)
      make_ready(data(op.q, t) + h * q_step, op.q_norm, t, h);
    if (!op.k.present()) continue;
    make_ready(data(op.k, t) + head * kv.dk, op.k_norm, t, head);
    if (op.v_norm.present()) {
      float* v = data(op.v, t) + head * kv.dv;
      normalize(op.v_norm, v, v, kv.dv, head);
    }
    append_head(op, t, int(head));
  }
}

void Executor::run(const SoftcapOp& op, int thread) {
  const Range r = share(rows(op.x), thread, n_threads());
  for (int64_t i = r.begin; i < r.end; ++i) {
    if (op.cap > 0)
      k_.softcap(data(op.x, i), op.cap, op.scale, op.x.width);
    else
      k_.scale(data(op.x, i), op.scale, op.x.width);
  }
}

void Executor::run(const SelectRowsOp& op, int thread) {
  const Range r = share(in_.n_outputs, thread, n_threads());
  for (int64_t i = r.begin; i < r.end; ++i)
    std::memcpy(data(op.out, i), data(op.in, in_.output_rows[i]),
                size_t(op.out.width) * sizeof(float));
}

}  // namespace hearth::backend::cpu
