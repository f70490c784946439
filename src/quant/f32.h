// The float types: one number per block.
#pragma once

#include <bit>

#include "quant/type.h"

namespace hearth::quant {

struct F32 {
  static constexpr std::string_view kName = "F32";
  static constexpr uint32_t kGgufId = 0;
  static constexpr int kBlockLen = 1;
  using Block = float;
  HEARTH_INLINE static float decode(Block b) { return b; }
  static void encode(const float* x, const float* /*importance*/, Block& b) { b = x[0]; }
};

struct F16 {
  static constexpr std::string_view kName = "F16";
  static constexpr uint32_t kGgufId = 1;
  static constexpr int kBlockLen = 1;
  using Block = uint16_t;
  HEARTH_INLINE static float decode(Block b) { return f16_to_f32(b); }
  static void encode(const float* x, const float* /*importance*/, Block& b) {
    b = f32_to_f16(x[0]);
  }
};

struct BF16 {
  static constexpr std::string_view kName = "BF16";
  static constexpr uint32_t kGgufId = 30;
  static constexpr int kBlockLen = 1;
  using Block = uint16_t;
  HEARTH_INLINE static float decode(Block b) { return bf16_to_f32(b); }
  static void encode(const float* x, const float* /*importance*/, Block& b) {
    b = f32_to_bf16(x[0]);
  }
};

struct F64 {
  static constexpr std::string_view kName = "F64";
  static constexpr uint32_t kGgufId = 28;
  static constexpr int kBlockLen = 1;
  using Block = double;
  HEARTH_INLINE static float decode(Block b) { return float(b); }
  static void encode(const float* x, const float* /*importance*/, Block& b) { b = x[0]; }
};

}  // namespace hearth::quant
