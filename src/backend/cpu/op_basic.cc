// Executor: embedding, norms, rope, residuals, activations, matmul.
#include <cmath>

#include "backend/cpu/executor.h"

namespace hearth::backend::cpu {

using namespace tensor;

void Executor::run(const EmbedOp& op, int thread) {
  const int64_t d = op.out.width;
  const Range r = share(in_.n_tokens, thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t) {
    float* out = data(op.out, t);
    const int32_t token = in_.tokens[t];
    if (token < 0) {
      std::memcpy(out, in_.embeddings + t * d, size_t(d) * sizeof(float));
      continue;
    }
    op.weight->type->decode_row(op.weight->data + size_t(token) * op.weight->row_bytes(), d, out);
    if (op.scale != 1.0f) k_.scale(out, op.scale, d);
  }
}

void Executor::run(const HiddenInputOp& op, int thread) {
  const Range r = share(in_.n_tokens, thread, n_threads());
  for (int64_t t = r.begin; t < r.end; ++t)
    std::memcpy(data(op.out, t), in_.hidden + t * op.out.width,
                size_t(op.out.width) * sizeof(float));
}

void Executor::run(const NormOp& op, int thread) {
  const int64_t spans = op.in.width / op.span;
  const Range r = share(rows(op.in) * spans, thread, n_threads());
  for (int64_t i = r.begin; i < r.end; ++i) {
    const float* x = data(op.in, i / spans) + i % spans * op.span;
    float* y = data(op.out, i / spans) + i % spans * op.span;
    if (op.layer_norm)
      k_.layer_norm(x, op.weight, op.bias, y, op.span, op.eps);
    else
      k_.rms_norm(x, op.weight, y, op.span, op.eps);
  }
}

void Executor::quantize_share(const float* x, int64_t x_stride, int64_t n, int64_t k, ActForm form,
                              ActBlock* out, int thread) const {
  const int64_t supers = n_superblocks(k);
  const Range r = share(n * supers, thread, n_threads());
  for (int64_t i = r.begin; i < r.end; ++i) {
    const int64_t row = i / supers;
    const int64_t s = i % supers;
    k_.quantize(x + row * x_stride + s * kSuperblock,
                std::min<int64_t>(k - s * kSuperblock, kSuperblock), form, out[s * n + row]);
  }
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

void Executor::run(const MatMulOp& op, int thread) {
  const int64_t n = rows(op.in);
  const int64_t k = op.in.width;
  ActView x;
  x.f32 = data(op.in);
  x.f32_stride = stride(op.in);
  x.n = n;
  // Weights of one input may want different forms (Q8_0 beside Q4_K): each form once.
  const ActBlock* blocks[kNumActForms] = {};
  ActBlock* next = acts_memory();
  for (int i = 0; i < op.n_weights; ++i) {
    const ActForm form = form_of(*op.weights[i]);
    if (form == ActForm::kFloat || blocks[int(form)] != nullptr) continue;
    quantize_share(x.f32, x.f32_stride, n, k, form, next, thread);
    blocks[int(form)] = next;
    next += n * n_superblocks(k);
  }
  if (next != acts_memory()) team_.barrier();
  for (int i = 0; i < op.n_weights; ++i) {
    const Weight& w = *op.weights[i];
    const Range r = share(w.rows, thread, n_threads(), 2 * kPanelRows);
    if (r.begin == r.end) continue;
    GemmArgs args = gemm_args(w, 0, thread);
    args.row_begin = r.begin;
    args.row_end = r.end;
    args.x = x;
    args.x.blocks = blocks[int(form_of(w))];
    args.n_columns = n;
    args.y = data(op.out[i]);
    args.y_stride = stride(op.out[i]);
    k_.gemm[w.type->index](args);
  }
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

void Executor::run(const RopeOp& op, int thread) {
  const auto rotate = op.pairing == RopePairing::kNorm ? k_.rope_norm : k_.rope_neox;
  const int64_t q_heads = op.q.width / op.head_dim;
  const int64_t heads = q_heads + (op.k.present() ? op.k.width / op.head_dim : 0);
  const Range r = share(rows(op.q) * heads, thread, n_threads());
  for (int64_t i = r.begin; i < r.end; ++i) {
    const int64_t t = i / heads;
    const int64_t h = i % heads;
    float* head =
        h < q_heads ? data(op.q, t) + h * op.head_dim : data(op.k, t) + (h - q_heads) * op.head_dim;
    rotate(head, data(op.table, t), op.n_pairs);
  }
}

void Executor::activate(Activation activation, const float* gate, const float* up, float* out,
                        int64_t n) const {
  (activation == Activation::kSilu ? k_.silu_mul : k_.gelu_tanh_mul)(gate, up, out, n);
}

// One row is split too: at decode there is only one.
void Executor::run(const GluOp& op, int thread) {
  constexpr int64_t kPiece = 1024;
  const int64_t pieces = (op.out.width + kPiece - 1) / kPiece;
  const Range r = share(rows(op.out) * pieces, thread, n_threads());
  for (int64_t i = r.begin; i < r.end; ++i) {
    const int64_t row = i / pieces;
    const int64_t begin = i % pieces * kPiece;
    const int64_t n = std::min(kPiece, op.out.width - begin);
    activate(op.activation, data(op.gate, row) + begin, data(op.up, row) + begin,
             data(op.out, row) + begin, n);
  }
}

void Executor::run(const AddOp& op, int thread) {
  const Range r = share(rows(op.out), thread, n_threads());
  for (int64_t i = r.begin; i < r.end; ++i)
    k_.add_scaled(data(op.a, i), data(op.b, i), op.scale, data(op.out, i), op.out.width);
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
