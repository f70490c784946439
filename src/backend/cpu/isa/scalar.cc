// The scalar table: every operation, in plain loops. Reference of all others; runs on any CPU.
#include "backend/cpu/kernel_table.h"
#include "backend/cpu/simd/scalar.h"
#include "tensor/kv_view.h"

#define HEARTH_ISA scalar
#include "backend/cpu/kernels/elementwise-inl.h"
#include "backend/cpu/kernels/attention-inl.h"
#include "backend/cpu/kernels/peak-inl.h"

namespace hearth::backend::cpu::scalar {
namespace {

// The definition of gemm for block types: integer dot product per group, scaled in float.
template <class T>
void gemm_reference(const GemmArgs& a) noexcept {
  constexpr int kSub = T::kGroup % 32 == 0 ? 32 : 16;  // weights per scale and minimum
  for (int64_t row = a.row_begin; row < a.row_end; ++row) {
    const auto* blocks =
        reinterpret_cast<const typename T::Block*>(a.weight + size_t(row) * a.row_bytes);
    for (int64_t c = 0; c < a.n_columns; ++c) {
      const int64_t x_row = a.x_rows ? a.x_rows[c] : c;
      const int8_t* x = a.x.q + x_row * a.x.k_padded;
      const float* d = a.x.d + x_row * (a.x.k_padded / 16);
      const float* sums = kSub == 16 ? a.x.sum16 + x_row * (a.x.k_padded / 16)
                                     : a.x.sum32 + x_row * (a.x.k_padded / 32);
      float acc = 0;
      float mins = 0;
      for (int64_t b = 0; b < a.k / T::kBlockLen; ++b) {
        int8_t q[T::kBlockLen];
        float scale[T::kBlockLen / T::kGroup];
        float min[T::kBlockLen / T::kGroup];
        T::unpack(blocks[b], q, scale, min);
        for (int g = 0; g < T::kBlockLen / kSub; ++g) {
          const int64_t i = b * T::kBlockLen + g * kSub;
          for (int half = 0; half < kSub; half += 16) {
            int dot = 0;
            for (int j = half; j < half + 16; ++j) dot += int(q[g * kSub + j]) * int(x[i + j]);
            acc += float(dot) * (scale[g * kSub / T::kGroup] * d[(i + half) / 16]);
          }
          if constexpr (T::kHasMin) mins += min[g * kSub / T::kGroup] * sums[i / kSub];
        }
      }
      a.y[(a.y_rows ? a.y_rows[c] : c) * a.y_stride + row] = acc - mins;
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
      a.y[(a.y_rows ? a.y_rows[c] : c) * a.y_stride + row] = acc;
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
