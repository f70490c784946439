// Weight: one matrix of the model and all that belongs to it: data in the file's own layout, the
// backend's packed copy if it made one, bias and second-level scales. Architectures and graphs name
// Weights and never formats. Made by model/loader, read by backends. Does not own the data: the
// Model keeps the file and the arenas alive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "quant/list.h"

namespace hearth::tensor {

struct Weight {
  std::string_view name;                  // as in the file
  const quant::TypeInfo* type = nullptr;  // null: this weight is absent
  int64_t k = 0;                          // input width, contiguous
  int64_t rows = 0;                       // output width
  int64_t n_matrices = 1;                 // experts: matrix e follows matrix e - 1
  const std::byte* data = nullptr;        // [n_matrices, rows, k] blocks of `type`
  const float* bias = nullptr;            // [n_matrices, rows] or null
  const float* scale =
      nullptr;  // [1] or [n_matrices]: multiplies the product; null = 1 (NVFP4 sidecar)
  bool scale_per_matrix = false;
  const void* packed = nullptr;  // set by Backend::pack: the same numbers in the kernel's layout

  [[nodiscard]] bool present() const { return type != nullptr; }
  [[nodiscard]] size_t row_bytes() const { return type->row_bytes(k); }
  [[nodiscard]] size_t matrix_bytes() const { return row_bytes() * size_t(rows); }
  [[nodiscard]] size_t size_bytes() const { return matrix_bytes() * size_t(n_matrices); }
  [[nodiscard]] const std::byte* matrix(int64_t expert) const {
    return data + size_t(expert) * matrix_bytes();
  }
  [[nodiscard]] float matrix_scale(int64_t expert) const {
    return scale == nullptr ? 1.0f : scale[scale_per_matrix ? expert : 0];
  }
};

}  // namespace hearth::tensor
