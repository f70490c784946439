// The integer types: indices and tables (token ids, hash tables). Decode only; never weights.
#pragma once

#include "quant/type.h"

namespace hearth::quant {

struct I8 {
  static constexpr std::string_view kName = "I8";
  static constexpr uint32_t kGgufId = 24;
  static constexpr int kBlockLen = 1;
  static constexpr bool kInteger = true;
  using Block = int8_t;
  HEARTH_INLINE static float decode(Block b) { return float(b); }
};

struct I16 {
  static constexpr std::string_view kName = "I16";
  static constexpr uint32_t kGgufId = 25;
  static constexpr int kBlockLen = 1;
  static constexpr bool kInteger = true;
  using Block = int16_t;
  HEARTH_INLINE static float decode(Block b) { return float(b); }
};

// Above 2^24 the float is the nearest one.
struct I32 {
  static constexpr std::string_view kName = "I32";
  static constexpr uint32_t kGgufId = 26;
  static constexpr int kBlockLen = 1;
  static constexpr bool kInteger = true;
  using Block = int32_t;
  HEARTH_INLINE static float decode(Block b) { return float(b); }
};

struct I64 {
  static constexpr std::string_view kName = "I64";
  static constexpr uint32_t kGgufId = 27;
  static constexpr int kBlockLen = 1;
  static constexpr bool kInteger = true;
  using Block = int64_t;
  HEARTH_INLINE static float decode(Block b) { return float(b); }
};

}  // namespace hearth::quant
