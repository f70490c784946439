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

void Executor::quantize_share(const float* x, int64_t x_stride, int64_t n, int64_t k,
                              const ActView& acts, int thread) const {
  const int64_t per_row = acts.k_padded / kActPad;
  const Range r = share(n * per_row, thread, n_threads());
  for (int64_t i = r.begin; i < r.end; ++i) {
    const int64_t row = i / per_row;
    const int64_t begin = i % per_row * kActPad;
    const int64_t at = row * acts.k_padded + begin;
    k_.quantize_row(x + row * x_stride + begin, std::min(k - begin, kActPad), kActPad,
                    const_cast<int8_t*>(acts.q) + at, const_cast<float*>(acts.d) + at / 16,
                    const_cast<float*>(acts.sum16) + at / 16,
                    const_cast<float*>(acts.sum32) + at / 32);
  }
}

void Executor::run(const MatMulOp& op, int thread) {
  const int64_t n = rows(op.in);
  const int64_t k = op.in.width;
  bool any_block_type = false;
  for (int i = 0; i < op.n_weights; ++i) any_block_type |= !op.weights[i]->type->is_float;
  ActView x = place_acts(acts_memory(), n, k);
  x.f32 = data(op.in);
  x.f32_stride = stride(op.in);
  if (any_block_type) {
    quantize_share(x.f32, x.f32_stride, n, k, x, thread);
    team_.barrier();
  }
  for (int i = 0; i < op.n_weights; ++i) {
    const Weight& w = *op.weights[i];
    const Range r = share(w.rows, thread, n_threads(), 16);
    if (r.begin == r.end) continue;
    GemmArgs args{};
    args.weight = w.data;
    args.row_bytes = w.row_bytes();
    args.k = k;
    args.row_begin = r.begin;
    args.row_end = r.end;
    args.x = x;
    args.n_columns = n;
    args.y = data(op.out[i]);
    args.y_stride = stride(op.out[i]);
    args.panel = thread_memory(thread);
    k_.gemm[w.type->index](args);
    for (int64_t t = 0; t < n && (w.scale != nullptr || w.bias != nullptr); ++t) {
      float* y = args.y + t * args.y_stride + r.begin;
      if (w.scale != nullptr) k_.scale(y, w.matrix_scale(0), r.end - r.begin);
      if (w.bias != nullptr) k_.add_scaled(y, w.bias + r.begin, 1.0f, y, r.end - r.begin);
    }
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
