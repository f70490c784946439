// The scalar table: every operation, in plain loops. Reference of all others; runs on any CPU.
#include <cmath>
#include <type_traits>

#include "backend/cpu/kernel_table.h"
#include "backend/cpu/simd/scalar.h"
#include "tensor/kv_view.h"

#define HEARTH_ISA scalar
#include "backend/cpu/kernels/elementwise-inl.h"
#include "backend/cpu/kernels/recurrent-inl.h"
#include "backend/cpu/kernels/attention-inl.h"
#include "backend/cpu/kernels/peak-inl.h"

namespace hearth::backend::cpu::scalar {
namespace {

void finish(const GemmArgs& a, int64_t row, int64_t c, float sum) {
  if (a.scale != 1.0f) sum *= a.scale;
  if (a.bias != nullptr) sum += a.bias[row];
  float& y = a.y[(a.y_rows ? a.y_rows[c] : c) * a.y_stride + row];
  y = a.accumulate ? y + sum : sum;
}

// The definition of gemm for block types: integer dot product per group, scaled in float.
template <class T>
void gemm_reference(const GemmArgs& a) noexcept {
  constexpr int kSub = T::kGroup % 32 == 0 ? 32 : 16;  // weights per scale and minimum
  for (int64_t row = a.row_begin; row < a.row_end; ++row) {
    const auto* blocks =
        reinterpret_cast<const typename T::Block*>(a.weight + size_t(row) * a.row_bytes);
    for (int64_t c = 0; c < a.n_columns; ++c) {
      const ActBlock* x = a.x.blocks + (a.x_rows ? a.x_rows[c] : c);
      float acc = 0;
      float mins = 0;
      for (int64_t b = 0; b < a.k / T::kBlockLen; ++b) {
        int8_t q[T::kBlockLen];
        float scale[T::kBlockLen / T::kGroup];
        float min[T::kBlockLen / T::kGroup];
        T::unpack(blocks[b], q, scale, min);
        const ActBlock& xb = x[b * T::kBlockLen / kSuperblock * a.x.n];
        const int64_t from = b * T::kBlockLen % kSuperblock;
        for (int g = 0; g < T::kBlockLen / kSub; ++g) {
          const int64_t i = from + g * kSub;
          const float d = xb.d[i / 32];
          int dot = 0;
          for (int j = 0; j < kSub; ++j) dot += int(q[g * kSub + j]) * int(xb.q[i + j]);
          acc += float(dot) * (scale[g * kSub / T::kGroup] * d);
          if constexpr (T::kHasMin) {
            const int neg_sum = kSub == 16 ? xb.neg_sum16[i / 16] : xb.neg_sum32[i / 32];
            mins += min[g * kSub / T::kGroup] * (d * float(-neg_sum));
          }
        }
      }
      finish(a, row, c, acc - mins);
    }
  }
}

// Float types that only this table serves (F64, integers).
template <class T>
void gemm_float_reference(const GemmArgs& a) noexcept {
  for (int64_t row = a.row_begin; row < a.row_end; ++row) {
    const auto* w =
        reinterpret_cast<const typename T::Block*>(a.weight + size_t(row) * a.row_bytes);
    for (int64_t c = 0; c < a.n_columns; ++c) {
      const float* x = a.x.f32 + (a.x_rows ? a.x_rows[c] : c) * a.x.f32_stride;
      float acc = 0;
      for (int64_t i = 0; i < a.k; ++i) acc += T::decode(w[i]) * x[i];
      finish(a, row, c, acc);
    }
  }
}

// The definition of attention over a quantized cache (attention_quantized-inl.h says why).
template <tensor::KvType type>
void attend_reference(const AttendArgs& a) noexcept {
  constexpr int kPerWord = tensor::info(type).per_word;
  const auto code = [](const void* words, tensor::KvCodePlace place) {
    const int byte = static_cast<const uint8_t*>(words)[place.byte];
    return kPerWord == 4 ? byte - 128 : 2 * (byte >> place.shift & 15) - 15;
  };
  const int dk_padded = (a.dk + kPerWord - 1) / kPerWord * kPerWord;
  for (int r = 0; r < a.n_rows; ++r) {
    float* s = a.scores + int64_t(r) * tensor::kKvChunk;
    const ActBlock& q = a.q_blocks[r];
    for (int t = a.begin[r]; t < a.end[r]; ++t) {
      int sum = 0;
      for (int i = 0; i < a.dk; ++i)
        sum += int(q.q[i]) * code(a.k, tensor::k_code_place(type, dk_padded, t, i));
      s[t] = float(sum) * (a.k_scale[t] * q.d[0]);
    }
    softmax_row(a, r, a.begin[r], a.end[r]);
    float most = 0;
    for (int t = a.begin[r]; t < a.end[r]; ++t) most = max(most, s[t] *= a.v_scale[t]);
    const float inv = most > 0x1p-100f ? 16383.0f / most : 0.0f;
    for (int i = 0; i < a.dv_padded; ++i) {
      int sum = 0;
      for (int t = a.begin[r]; t < a.end[r]; ++t)
        sum +=
            int(std::rint(s[t] * inv)) * code(a.v, tensor::v_code_place(type, a.dv_padded, t, i));
      a.o[int64_t(r) * a.dv_padded + i] = float(sum) * (most / 16383.0f);
    }
  }
}

// Few values, in gates of few models: no instruction set has its own.
void softplus(const float* gate, const float* up, float* y, int64_t n) noexcept {
  for (int64_t i = 0; i < n; ++i)
    y[i] = (gate[i] > 20 ? gate[i] : std::log1p(std::exp(gate[i]))) * (up == nullptr ? 1 : up[i]);
}

}  // namespace

void fill(KernelTable& t) {
  quant::TypeList::for_each([&]<class T>() {
    if constexpr (quant::BlockType<T>)
      t.gemm[quant::type_index<T>()] = gemm_reference<T>;
    else
      t.gemm[quant::type_index<T>()] = gemm_float_reference<T>;
  });
  add_elementwise(t);
  t.activate[int(tensor::Activation::kSoftplus)] = softplus;
  add_recurrent(t);
  add_attention(t);
  t.attend[int(tensor::KvType::kQ8_0)] = attend_reference<tensor::KvType::kQ8_0>;
  t.attend[int(tensor::KvType::kQ4_0)] = attend_reference<tensor::KvType::kQ4_0>;
  add_peak(t);
}

}  // namespace hearth::backend::cpu::scalar
