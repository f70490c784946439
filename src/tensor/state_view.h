// How recurrent operations see the states of the sequences: plain pointers into memory that the
// engine owns (engine/kv_cache.h).
#pragma once

#include <cstdint>

namespace hearth::tensor {

// One layer's part of the states: of sequence s the floats from base + s * stride on.
struct StateView {
  float* base = nullptr;
  int64_t stride = 0;
  [[nodiscard]] float* of(int sequence) const { return base + sequence * stride; }
};

}  // namespace hearth::tensor
