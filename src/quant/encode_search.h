// The searches behind the encoders: given the numbers of a block, find the scales and codes that
// give the least weighted squared error. Used only by the *.cc of this room.
//
// The method is the published least-squares search of the K types (llama.cpp pull requests 1684 and
// 4930): round the group with many candidate scales, fit the best scale (and offset) to each
// rounding in closed form, keep the best. To it we add: a few alternating steps (round, refit) from
// the best candidate, a local search over the stored integer scale of each group, and a refit of
// the block's scales. Sums are kept in eight lanes, so that a compiler may use vectors and the
// result stays the same.
#pragma once

#include <cstdint>

#include "quant/type.h"

namespace hearth::quant {

inline constexpr int kSearchLenMax = 256;
inline constexpr int kSearchGroupsMax = 16;

// The weights of the squared errors when the caller gives no importance, and how an importance is
// used.
enum class WeightRule {
  // none: rms + |x|; importance: importance * sqrt(2 mean(x^2) + x^2). Large weights matter more to
  // the model than their share of the squared error says (measured by perplexity, see above).
  kMagnitude,
  // none: 1; importance: as it is. For types with so few levels that the magnitude would rule out
  // the middle ones.
  kUniform,
};

// A block ready for a search: finite, scaled by a power of two to about 1, with finite weights.
struct SearchInput {
  int n = 0;
  float unit = 1.0f;  // given x = unit * x
  bool all_zero = false;
  alignas(64) float x[kSearchLenMax];
  alignas(64) float w[kSearchLenMax];
};

// x[n], importance[n] or null. REQUIRES: n a multiple of 8, n <= kSearchLenMax.
void prepare(const float* x, const float* importance, int n, WeightRule rule, SearchInput& in);

// Part of a SearchInput (or of a list of scales). n is a multiple of 8.
struct Group {
  const float* x;
  const float* w;
  int n;
};

// The nearest f16, with overflow clamped to the largest finite one. REQUIRES: v is not NaN.
uint16_t to_f16_clamped(float v);

// The levels a code can stand for. `extent` is the largest magnitude; `symmetric`: the negative of
// a level is a level too; `nearest` rounds t[n] to levels q[n]. `exact_below` n: numbers that are
// k < n whole steps at most (weights trained for the type) are to be found exactly.
struct UniformLevels {
  float low;
  float high;
  [[nodiscard]] float extent() const { return -low > high ? -low : high; }
  [[nodiscard]] bool symmetric() const { return -low == high; }
  [[nodiscard]] int exact_below() const { return extent() <= 16.0f ? int(extent()) : 0; }
  void nearest(const float* t, float* q, int n) const;
};
struct Iq4Levels {
  [[nodiscard]] float extent() const { return 127.0f; }
  [[nodiscard]] bool symmetric() const { return false; }
  [[nodiscard]] int exact_below() const { return 0; }
  void nearest(const float* t, float* q, int n) const;
};
struct E2m1Levels {  // doubled, as in codebook4.h
  [[nodiscard]] float extent() const { return 12.0f; }
  [[nodiscard]] bool symmetric() const { return true; }
  [[nodiscard]] int exact_below() const { return 0; }
  void nearest(const float* t, float* q, int n) const;
};

// The candidate scales, relative to the one that maps the largest number to the largest level:
// `steps` evenly spaced factors of its inverse in [from, to], and 1 itself.
struct SearchGrid {
  float from;
  float to;
  int steps;
};

// The scale d with the least sum of w (x - d nearest(x / d))^2; may be negative. 0 if x is (almost)
// all zero.
template <class Levels>
float fit_scale(const Group& g, const Levels& levels, const SearchGrid& grid);

// The sum of w (x + offset - d level)^2 with the best level for each number.
template <class Levels>
float error_of(const Group& g, const Levels& levels, float d, float offset);

// q[n] = the nearest level of (x + offset) / d; the level nearest to 0 when d is 0.
template <class Levels>
void levels_of(const Group& g, const Levels& levels, float d, float offset, int8_t* q);

// x ~ scale * code - min, code in 0 .. max_code.
struct AffineFit {
  float scale = 0.0f;
  float min = 0.0f;
};
enum class MinSign { kAny, kNotNegative };
AffineFit fit_affine(const Group& g, float max_code, MinSign sign);

// One f16 scale for the whole block (Q4_0, Q5_0, IQ4_NL, ...). Writes levels q[in.n]; returns the
// f16 scale.
template <class Levels>
uint16_t encode_one_scale(const SearchInput& in, const Levels& levels, const SearchGrid& grid,
                          int8_t* q);

// A block of 256 with one f16 scale and a small signed scale per group (Q3_K, Q6_K, IQ4_XS).
struct ScaledBlock {
  uint16_t d = 0;
  int8_t scale[kSearchGroupsMax] = {};
  int8_t q[kSearchLenMax] = {};  // levels
};
struct ScaledShape {
  int group_len;
  float scale_low;  // range of the group scales
  float scale_high;
};
template <class Levels>
void encode_scaled(const SearchInput& in, const ScaledShape& shape, const Levels& levels,
                   const SearchGrid& grid, ScaledBlock& out);

// A block of 256 with f16 d and dmin and a small unsigned scale and min per group (Q2_K, Q4_K,
// Q5_K).
struct AffineBlock {
  uint16_t d = 0;
  uint16_t dmin = 0;
  uint8_t scale[kSearchGroupsMax] = {};
  uint8_t min[kSearchGroupsMax] = {};
  int8_t q[kSearchLenMax] = {};
};
struct AffineShape {
  int group_len;
  float max_code;
  float max_scale;  // of the group scales and mins
};
void encode_affine(const SearchInput& in, const AffineShape& shape, AffineBlock& out);

}  // namespace hearth::quant
