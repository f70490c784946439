// What the tests of this folder share: the kernel tables of every instruction set that this machine
// runs, types as plain data, random numbers, int8 activations, and the double arithmetic that
// kernels are compared with.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "backend/cpu/isa.h"
#include "backend/cpu/kernel_table.h"
#include "base/cpu_info.h"
#include "quant/list.h"

namespace hearth::backend::cpu::test {

// One table per usable ISA, scalar first.
inline std::vector<KernelTable> all_tables() {
  const CpuFeatures features = detect_cpu_features();
  std::vector<KernelTable> tables;
  for (const std::string_view isa : usable_isas(features))
    tables.push_back(select_kernels(isa, features).value());
  return tables;
}

struct Random {
  std::mt19937_64 engine;
  explicit Random(uint64_t seed) : engine(seed) {}
  int integer(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine); }
  float normal(float sigma = 1) { return std::normal_distribution<float>(0, sigma)(engine); }
  std::vector<float> normals(size_t n, float sigma = 1) {
    std::vector<float> v(n);
    for (float& x : v) x = normal(sigma);
    return v;
  }
  void bytes(std::byte* out, size_t n) {
    for (size_t i = 0; i < n; ++i) out[i] = std::byte(engine() & 255);
  }
};

// A tensor type, told at run time.
struct TypeCase {
  const quant::TypeInfo* info;
  int group = 1;
  bool has_min = false;
  void (*unpack)(const std::byte* block, int8_t* q, float* scale, float* min) = nullptr;
  // Sets the half (or float) scale of the block, and its min where the type has one; leaves the
  // codes.
  void (*set_scales)(std::byte* block, float d, float m) = nullptr;
  [[nodiscard]] bool is_block() const { return info->is_block; }
};

template <class Block>
void set_block_scales(std::byte* bytes, float d, float m) {
  Block b;
  std::memcpy(&b, bytes, sizeof(b));
  if constexpr (requires {
                  b.d = uint16_t(0);
                  requires !std::is_array_v<decltype(b.d)>;
                }) {
    if constexpr (std::is_same_v<decltype(b.d), float>)
      b.d = d;
    else
      b.d = f32_to_f16(d);
  } else if constexpr (requires { b.e; }) {
    b.e = d == 0 ? 0 : uint8_t(128 + std::ilogb(d));
  } else if constexpr (requires { b.d[0]; }) {
    // UE4M3 has no sign and no 2^15: the nearest it can say.
    const int exponent = d == 0 ? 0 : std::min(15, std::max(1, 8 + std::ilogb(d)));
    std::memset(b.d, d == 0 ? 0 : std::min(exponent << 3, 0x7e), sizeof(b.d));
  } else {  // IQ1_M spreads its half over the top nibbles of four words
    uint16_t words[4];
    std::memcpy(words, b.scales, 8);
    const uint16_t h = f32_to_f16(d);
    for (int i = 0; i < 4; ++i)
      words[i] = uint16_t((words[i] & 0x0fff) | (((h >> (4 * i)) & 15) << 12));
    std::memcpy(b.scales, words, 8);
  }
  if constexpr (requires { b.dmin; }) b.dmin = f32_to_f16(m);
  if constexpr (requires { b.m; }) b.m = f32_to_f16(m);
  std::memcpy(bytes, &b, sizeof(b));
}

template <class T>
TypeCase make_type_case() {
  TypeCase c{.info = &quant::all_types()[size_t(quant::type_index<T>())]};
  if constexpr (quant::BlockType<T>) {
    c.group = T::kGroup;
    c.has_min = T::kHasMin;
    c.unpack = [](const std::byte* block, int8_t* q, float* scale, float* min) {
      typename T::Block b;
      std::memcpy(&b, block, sizeof(b));
      T::unpack(b, q, scale, min);
    };
    c.set_scales = set_block_scales<typename T::Block>;
  }
  return c;
}

inline std::vector<TypeCase> all_type_cases() {
  std::vector<TypeCase> cases;
  quant::TypeList::for_each([&]<class T>() { cases.push_back(make_type_case<T>()); });
  return cases;
}

// Blocks of random bytes, kept only if their largest number is in [0.01, 100]: so every block
// matters to the sum.
inline std::vector<std::byte> random_weights(const TypeCase& type, int64_t n, Random& random) {
  const quant::TypeInfo& t = *type.info;
  std::vector<std::byte> out(t.row_bytes(n));
  std::vector<float> numbers(size_t(t.block_len));
  for (size_t at = 0; at < out.size(); at += t.block_bytes) {
    std::byte* block = out.data() + at;
    if (t.is_integer) {
      const int64_t value =
          random.integer(-100, 100);  // little-endian: the low bytes say it for every width
      std::memcpy(block, &value, t.block_bytes);
      continue;
    }
    for (float largest = 0; !(largest >= 0.01f && largest <= 100);) {
      random.bytes(block, t.block_bytes);
      if (!t.is_block &&
          t.block_bytes > 2) {  // most random floats and doubles are too large or small
        const float x = random.normal();
        if (t.block_bytes == 4) std::memcpy(block, &x, 4);
        const double xd = x;
        if (t.block_bytes == 8) std::memcpy(block, &xd, 8);
      }
      t.decode_row(block, t.block_len, numbers.data());
      largest = 0;
      for (const float x : numbers)
        largest = std::isfinite(x) ? std::max(largest, std::fabs(x)) : INFINITY;
    }
  }
  return out;
}

// n rows of k activations, as f32, and as int8 with a scale per 32 (per 256 for ActForm::kPer256).
struct Activations {
  int64_t n;
  int64_t k;
  int64_t k_padded;
  std::vector<float> f32;  // [n, k]
  std::vector<int8_t> q;   // [n, k_padded]
  std::vector<float> d;    // [n, k_padded / 32]
  std::vector<ActBlock> blocks;

  Activations(int64_t n_, int64_t k_)
      : n(n_),
        k(k_),
        k_padded(n_superblocks(k_) * kSuperblock),
        f32(size_t(n * k)),
        q(size_t(n * k_padded)),
        d(size_t(n * k_padded / 32)),
        blocks(size_t(n * k_padded / kSuperblock)) {}

  [[nodiscard]] ActView view() const {
    return {.f32 = f32.data(), .f32_stride = k, .blocks = blocks.data(), .n = n};
  }
  // Fills q, d and the blocks from f32.
  void quantize(const KernelTable& table, ActForm form) {
    for (int64_t r = 0; r < n; ++r)
      for (int64_t s = 0; s < k_padded / kSuperblock; ++s) {
        ActBlock& block = blocks[size_t(s * n + r)];
        const int64_t at = s * kSuperblock;
        table.quantize(f32.data() + r * k + at, std::min<int64_t>(k - at, kSuperblock), form,
                       block);
        if (form == ActForm::kBf16) continue;
        std::copy_n(block.q, kSuperblock, q.begin() + r * k_padded + at);
        std::copy_n(block.d, 8, d.begin() + (r * k_padded + at) / 32);
      }
  }
  // Fills the blocks from q and d.
  void make_blocks() {
    for (int64_t r = 0; r < n; ++r)
      for (int64_t s = 0; s < k_padded / kSuperblock; ++s) {
        ActBlock& block = blocks[size_t(s * n + r)];
        const int64_t at = r * k_padded + s * kSuperblock;
        std::copy_n(q.begin() + at, kSuperblock, block.q);
        std::copy_n(d.begin() + at / 32, 8, block.d);
        for (int g = 0; g < 16; ++g) {
          block.neg_sum16[g] = 0;
          for (int i = 0; i < 16; ++i) block.neg_sum16[g] -= block.q[16 * g + i];
          block.neg_pairs16[g] = int16_t(block.neg_sum16[g]);
        }
        for (int g = 0; g < 8; ++g) {
          block.neg_sum32[g] = block.neg_sum16[2 * g] + block.neg_sum16[2 * g + 1];
          block.neg_pairs32[g] = int16_t(block.neg_sum32[g]);
          block.d_sum32[g] = block.d[g] * float(-block.neg_sum32[g]);
        }
      }
  }
};

inline Activations random_activations(int64_t n, int64_t k, const TypeCase& type, Random& random) {
  Activations a(n, k);
  a.f32 = random.normals(size_t(n * k));
  // Values that bfloat16 holds exactly: kernels that round to it have the same reference.
  if (type.info->name == "BF16")
    for (float& x : a.f32) x = bf16_to_f32(f32_to_bf16(x));
  const ActForm form = act_form(*type.info, true);
  if (form != ActForm::kFloat)
    a.quantize(select_kernels("scalar", detect_cpu_features()).value(), form);
  return a;
}

// weight[row] . activation[c] in double, on the same int8 activations for block types.
inline double reference_dot(const TypeCase& type, const std::byte* row, const Activations& x,
                            int64_t c) {
  const quant::TypeInfo& t = *type.info;
  double y = 0;
  if (!type.is_block()) {
    std::vector<float> w(size_t(x.k));
    t.decode_row(row, x.k, w.data());
    for (int64_t i = 0; i < x.k; ++i)
      y += double(w[size_t(i)]) * double(x.f32[size_t(c * x.k + i)]);
    return y;
  }
  int8_t q[256];
  float scale[16];
  float min[16] = {};
  for (int64_t i = 0; i < x.k; i += t.block_len, row += t.block_bytes) {
    type.unpack(row, q, scale, min);
    for (int j = 0; j < t.block_len; ++j) {
      const double w =
          double(scale[j / type.group]) * q[j] - (type.has_min ? double(min[j / type.group]) : 0.0);
      y += w * double(x.d[size_t((c * x.k_padded + i + j) / 32)]) *
           x.q[size_t(c * x.k_padded + i + j)];
    }
  }
  return y;
}

// Sum of squared errors over sum of squares.
struct Nmse {
  double error = 0;
  double power = 0;
  void add(double y, double reference) {
    error += (y - reference) * (y - reference);
    power += reference * reference;
  }
  [[nodiscard]] double value() const { return power == 0 ? error : error / power; }
};

inline bool same_bits(float a, float b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

// Distance in units of the last place of `reference`.
inline double ulps(float y, double reference) {
  const double unit =
      reference == 0 ? 0x1p-149 : std::ldexp(1.0, std::max(-149, std::ilogb(reference) - 23));
  return std::fabs(double(y) - reference) / unit;
}

}  // namespace hearth::backend::cpu::test
