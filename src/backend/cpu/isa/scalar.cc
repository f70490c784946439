// The scalar table: every operation, in plain loops. Reference of all others; runs on any CPU.
#include <type_traits>

#include "backend/cpu/kernel_table.h"
#include "backend/cpu/simd/scalar.h"
#include "tensor/kv_view.h"

#define HEARTH_ISA scalar
#include "backend/cpu/kernels/elementwise-inl.h"
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

}  // namespace

void fill(KernelTable& t) {
  quant::TypeList::for_each([&]<class T>() {
    if constexpr (quant::BlockType<T>)
      t.gemm[quant::type_index<T>()] = gemm_reference<T>;
    else
      t.gemm[quant::type_index<T>()] = gemm_float_reference<T>;
  });
  add_elementwise(t);
  add_attention(t);
  add_peak(t);
}

}  // namespace hearth::backend::cpu::scalar
