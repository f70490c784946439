// What a tensor type is: the contract that every header of this room fulfils, and the parts derived
// from it. Used by every room that touches weights. Pure data and arithmetic: no files, no threads,
// no SIMD.
//
// A *float type* (F32, F16, BF16, F64) has one number per block and only says how to turn it into a
// float. An *integer type* (I8 .. I64) is the same with kInteger = true: indices and tables, never
// weights. A *block type* stores kBlockLen numbers as small integers with shared scales. Every
// block type of the field has the same integer form:
//
//     y[i] = scale[i / kGroup] * q[i] - min[i / kGroup]        q in [-128, 127]
//
// so each header gives `unpack`, which writes q, scale and min; decoding to floats, and the dot
// product with integer activations on every ISA, are derived from that one function. Products are
// rounded in the order written (no fused multiply-add), which makes decode equal, bit for bit, to
// the reference decoders of the field.
//
//   struct Q4_0 {
//     static constexpr std::string_view kName = "Q4_0";
//     static constexpr uint32_t kGgufId = 2;      // ggml_type in the file
//     static constexpr int kBlockLen = 32;        // weights per block
//     static constexpr int kGroup = 32;           // weights per scale: 16 or 32
//     static constexpr bool kHasMin = false;      // min is not written when false
//     struct Block { ... };                       // bytes as in the file; static_assert(sizeof)
//     HEARTH_INLINE static void unpack(const Block& b, int8_t* q, float* scale, float* min);
//     static void encode(const float* x, const float* importance, Block& b);   // optional
//   };
//
// kGroup is 16 or 32 for every type: a format with a wider scale (Q1_0, TQ1_0, ...) repeats it, so
// that a kernel has two cases to write and not seven. Types that only ever hold activations say
// kActivation = true.
//
// `encode` gets x[kBlockLen] and importance[kBlockLen] (weights >= 0 of the squared errors, or null
// for the type's own default) and is absent for types that need a search over a codebook (the IQ1,
// IQ2 and IQ3 families). In a block type it takes any bits: NaN counts as 0, an infinity as the
// largest float, and a scale that its field cannot hold is clamped. It is deterministic: the same
// bytes from every compiler and ISA. A float type's `encode` is the plain conversion.
//
// Everything used by `unpack` is HEARTH_INLINE: kernels include it once per ISA and must not share
// copies. A Block must be aligned as its C++ type is (8 bytes at most).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/f16.h"

namespace hearth::quant {

static_assert(std::endian::native == std::endian::little,
              "blocks are read as they lie in the file");

template <class T>
concept BlockType = requires { T::kGroup; };

template <class T>
concept IntegerType = requires { T::kInteger; };

template <class T>
concept ActivationType = requires { T::kActivation; };

template <class T>
concept Encodable = requires(const float* x, typename T::Block& b) { T::encode(x, x, b); };

// y[T::kBlockLen] = the numbers of one block.
template <class T>
HEARTH_INLINE void decode_block(const typename T::Block& b, float* y) {
  if constexpr (BlockType<T>) {
    constexpr int kGroups = T::kBlockLen / T::kGroup;
    int8_t q[T::kBlockLen];
    float scale[kGroups];
    float min[kGroups];
    T::unpack(b, q, scale, min);
    for (int g = 0; g < kGroups; ++g) {
      for (int i = g * T::kGroup; i < (g + 1) * T::kGroup; ++i) {
        y[i] = scale[g] * float(q[i]);
        if constexpr (T::kHasMin) y[i] -= min[g];
      }
    }
  } else {
    y[0] = T::decode(b);
  }
}

}  // namespace hearth::quant
