// View: some columns of an activation. Part of tensor/graph.h.
#pragma once

#include <cstdint>

namespace hearth::tensor {

using TensorId = int32_t;
inline constexpr TensorId kNoTensor = -1;

struct View {
  TensorId tensor = kNoTensor;
  int64_t column = 0;
  int64_t width = 0;
  [[nodiscard]] bool present() const { return tensor != kNoTensor; }
};

// Columns [column, column + width) of `view`.
inline View columns(View view, int64_t column, int64_t width) {
  return {view.tensor, view.column + column, width};
}

}  // namespace hearth::tensor
