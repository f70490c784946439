// The list of tensor types. A new type is one header and one line in `TypeList`; names, sizes,
// loader checks, kernels, tables in the docs and tests are folds over this list. There is no
// `switch` over types anywhere.
#pragma once

#include <span>

#include "quant/f32.h"
#include "quant/integer.h"
#include "quant/iq1_m.h"
#include "quant/iq1_s.h"
#include "quant/iq2_s.h"
#include "quant/iq2_xs.h"
#include "quant/iq2_xxs.h"
#include "quant/iq3_s.h"
#include "quant/iq3_xxs.h"
#include "quant/iq4_nl.h"
#include "quant/iq4_xs.h"
#include "quant/mxfp4.h"
#include "quant/nvfp4.h"
#include "quant/q1_0.h"
#include "quant/q2_0.h"
#include "quant/q2_k.h"
#include "quant/q3_k.h"
#include "quant/q4_0.h"
#include "quant/q4_1.h"
#include "quant/q4_k.h"
#include "quant/q5_0.h"
#include "quant/q5_1.h"
#include "quant/q5_k.h"
#include "quant/q6_k.h"
#include "quant/q8_0.h"
#include "quant/q8_1.h"
#include "quant/q8_k.h"
#include "quant/tq1_0.h"
#include "quant/tq2_0.h"

namespace hearth::quant {

template <class... Ts>
struct TypeListOf {
  static constexpr int kSize = sizeof...(Ts);
  // f.template operator()<T>() for each type, in list order.
  template <class F>
  static constexpr void for_each(F&& f) {
    (f.template operator()<Ts>(), ...);
  }
};

// clang-format off
using TypeList = TypeListOf<
    F32,
    F16,
    BF16,
    F64,
    I8,
    I16,
    I32,
    I64,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q8_1,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    Q8_K,
    IQ1_S,
    IQ1_M,
    IQ2_XXS,
    IQ2_XS,
    IQ2_S,
    IQ3_XXS,
    IQ3_S,
    IQ4_NL,
    IQ4_XS,
    TQ1_0,
    TQ2_0,
    MXFP4,
    NVFP4,
    Q1_0,
    Q2_0>;
// clang-format on

// What the program knows of a type at run time. `index` is its place in TypeList.
struct TypeInfo {
  int index;
  std::string_view name;
  uint32_t gguf_id;
  int block_len;       // numbers per block
  size_t block_bytes;  // bytes per block
  bool is_float;       // F32, F16, BF16, F64: one number per block
  bool is_integer;     // I8 .. I64: indices and tables, never weights
  bool is_block;  // codes and scales: what `unpack` is for. Exactly one of these three is true.
  bool is_activation;  // Q8_1, Q8_K: made while running; a weight of this type is a strange file
  bool has_encoder;
  float bits_per_weight;
  // y[n] = the n numbers at `blocks`. REQUIRES: n % block_len == 0.
  void (*decode_row)(const void* blocks, int64_t n, float* y);
  // blocks = x[n], best squared error weighted by importance[n] (may be null). Null if the type has
  // no encoder.
  void (*encode_row)(const float* x, int64_t n, const float* importance, void* blocks);

  [[nodiscard]] size_t row_bytes(int64_t n) const {
    return size_t(n) / size_t(block_len) * block_bytes;
  }
};

// All types, in list order.
std::span<const TypeInfo> all_types();
// Null if the id or name is not in the list. Names are compared without regard to case.
const TypeInfo* find_type(uint32_t gguf_id);
const TypeInfo* find_type(std::string_view name);

// The place of T in the list.
template <class T>
consteval int type_index();

template <class T, class... Ts>
consteval int type_index_in(TypeListOf<Ts...>*) {
  int index = -1;
  int i = 0;
  ((index = std::is_same_v<T, Ts> ? i : index, ++i), ...);
  return index;
}
template <class T>
consteval int type_index() {
  constexpr int index = type_index_in<T>(static_cast<TypeList*>(nullptr));
  static_assert(index >= 0, "not in quant/list.h");
  return index;
}

}  // namespace hearth::quant
