#include "quant/encode_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quant/codebook4.h"

namespace hearth::quant {
namespace {

constexpr int kLanes = 8;
// A group this much smaller than its block is zero: its square would vanish in float.
constexpr float kTiny = 1e-15f;
// Below this a scale counts as 0, since numbers of about 1 could not be divided by it. A scale that
// was clamped (numbers far beyond the f16 range) can be much smaller than kTiny and still be right.
constexpr float kLeastScale = 1e-37f;

float inverse_of(float scale) { return std::fabs(scale) > kLeastScale ? 1.0f / scale : 0.0f; }

float lane_sum(const float* lanes) {
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
         ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

// Nearest integer, ties to even, by the float adder. REQUIRES: |t| < 2^22.
float round_small(float t) {
  constexpr float kShift = 12582912.0f;  // 1.5 * 2^23
  return (t + kShift) - kShift;
}

float clamp_to(float t, float low, float high) {
  t = t > low ? t : low;
  return t < high ? t : high;
}

float largest_magnitude(const float* x, int n) {
  float largest = 0.0f;
  for (int i = 0; i < n; ++i) largest = std::max(largest, std::fabs(x[i]));
  return largest;
}

// The levels of IQ4 with the midpoints between them, for `Iq4Levels::nearest`.
struct Iq4Steps {
  float midpoint[15];
  float step[15];
};
constexpr Iq4Steps kIq4Steps = [] {
  Iq4Steps s{};
  for (size_t k = 0; k < 15; ++k) {
    s.midpoint[k] = 0.5f * float(kIq4Levels[k] + kIq4Levels[k + 1]);
    s.step[k] = float(kIq4Levels[k + 1] - kIq4Levels[k]);
  }
  return s;
}();

// What a least-squares fit of one scale needs: the sums of w x q and w q q.
struct ScaleSums {
  float xq;
  float qq;
  // How much the best scale takes off the error, relative to all codes 0.
  [[nodiscard]] float gain() const { return qq > 0.0f ? xq * xq / qq : 0.0f; }
};

template <class Levels>
ScaleSums scale_sums(const Group& g, const Levels& levels, float inverse) {
  alignas(64) float t[kSearchLenMax];
  alignas(64) float q[kSearchLenMax];
  for (int i = 0; i < g.n; ++i) t[i] = g.x[i] * inverse;
  levels.nearest(t, q, g.n);
  float xq[kLanes] = {};
  float qq[kLanes] = {};
  for (int i = 0; i < g.n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const float wq = g.w[i + l] * q[i + l];
      xq[l] += wq * g.x[i + l];
      qq[l] += wq * q[i + l];
    }
  }
  return {lane_sum(xq), lane_sum(qq)};
}

// Alternates rounding and fitting from `scale` while it helps.
template <class Levels>
float settle_scale(const Group& g, const Levels& levels, float scale, float gain) {
  constexpr int kStepsMax = 6;
  for (int step = 0; step < kStepsMax && scale != 0.0f; ++step) {
    const ScaleSums sums = scale_sums(g, levels, 1.0f / scale);
    if (!(sums.gain() > gain)) break;
    gain = sums.gain();
    scale = sums.xq / sums.qq;
  }
  return scale;
}

// What a least-squares fit of scale and offset needs.
struct AffineSums {
  float w = 0, x = 0, q = 0, xq = 0, qq = 0;
};

struct Line {
  float scale;
  float offset;
  float error_change;  // against all numbers predicted as 0
};

Line fit_line(const AffineSums& s, MinSign sign) {
  const double det = double(s.w) * s.qq - double(s.q) * s.q;
  if (det <= 0.0) {
    // All codes equal: only their level counts.
    const float offset = s.w > 0.0f ? s.x / s.w : 0.0f;
    return {0.0f, sign == MinSign::kNotNegative ? std::min(offset, 0.0f) : offset, 0.0f};
  }
  double scale = (double(s.w) * s.xq - double(s.x) * s.q) / det;
  double offset = (double(s.qq) * s.x - double(s.q) * s.xq) / det;
  if (sign == MinSign::kNotNegative && offset > 0.0) {
    offset = 0.0;
    scale = double(s.xq) / s.qq;
  }
  const double change = scale * scale * s.qq + offset * offset * s.w +
                        2.0 * (scale * offset * s.q - scale * s.xq - offset * s.x);
  return {float(scale), float(offset), float(change)};
}

AffineSums affine_sums(const Group& g, float max_code, float inverse, float offset) {
  float sum_q[kLanes] = {};
  float sum_xq[kLanes] = {};
  float sum_qq[kLanes] = {};
  float sum_w[kLanes] = {};
  float sum_x[kLanes] = {};
  for (int i = 0; i < g.n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const float x = g.x[i + l];
      const float w = g.w[i + l];
      const float q = round_small(clamp_to((x - offset) * inverse, 0.0f, max_code));
      const float wq = w * q;
      sum_w[l] += w;
      sum_x[l] += w * x;
      sum_q[l] += wq;
      sum_xq[l] += wq * x;
      sum_qq[l] += wq * q;
    }
  }
  return {lane_sum(sum_w), lane_sum(sum_x), lane_sum(sum_q), lane_sum(sum_xq), lane_sum(sum_qq)};
}

float total_weight(const Group& g) {
  float sum[kLanes] = {};
  for (int i = 0; i < g.n; i += kLanes)
    for (int l = 0; l < kLanes; ++l) sum[l] += g.w[i + l];
  return lane_sum(sum);
}

Group group_of(const SearchInput& in, int group_len, int index) {
  return {in.x + group_len * index, in.w + group_len * index, group_len};
}

// The f16 nearest to scale * unit, and what it is worth in units of the search.
struct StoredScale {
  uint16_t bits = 0;
  float value = 0.0f;
};
StoredScale store_scale(float scale, float unit) {
  const uint16_t bits = to_f16_clamped(scale * unit);
  return {bits, f16_to_f32(bits) / unit};
}

}  // namespace

uint16_t to_f16_clamped(float v) { return f32_to_f16(clamp_to(v, -65504.0f, 65504.0f)); }

void prepare(const float* x, const float* importance, int n, WeightRule rule, SearchInput& in) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  in.n = n;
  for (int i = 0; i < n; ++i)
    in.x[i] = std::isnan(x[i]) ? 0.0f : clamp_to(x[i], -kLargest, kLargest);
  const float largest = largest_magnitude(in.x, n);
  in.all_zero = largest == 0.0f;
  int exponent = 0;
  std::frexp(largest, &exponent);
  exponent = std::clamp(exponent, -120, 126);  // both powers of two are normal floats
  in.unit = std::ldexp(1.0f, exponent);
  const float inverse = std::ldexp(1.0f, -exponent);
  for (int i = 0; i < n; ++i) in.x[i] *= inverse;

  float largest_importance = 0.0f;
  if (importance != nullptr)
    for (int i = 0; i < n; ++i)
      if (std::isfinite(importance[i]))
        largest_importance = std::max(largest_importance, importance[i]);
  const bool weighted = largest_importance > 0.0f;
  for (int i = 0; i < n; ++i) {
    // A channel that the calibration never saw keeps a little weight, so that its codes are not
    // left to chance.
    constexpr float kLeast = 1e-6f;
    const float v =
        weighted && std::isfinite(importance[i]) ? importance[i] / largest_importance : 0;
    in.w[i] = weighted ? std::max(v, kLeast) : 1.0f;
  }
  if (rule == WeightRule::kUniform) return;
  float squares[kLanes] = {};
  for (int i = 0; i < n; i += kLanes)
    for (int l = 0; l < kLanes; ++l) squares[l] += in.x[i + l] * in.x[i + l];
  const float mean_square = lane_sum(squares) / float(n);
  const float rms = std::sqrt(mean_square);
  for (int i = 0; i < n; ++i) {
    if (weighted)
      in.w[i] *= std::sqrt(2.0f * mean_square + in.x[i] * in.x[i]);
    else
      in.w[i] = rms + std::fabs(in.x[i]);
  }
}

void UniformLevels::nearest(const float* t, float* q, int n) const {
  const float lowest = low;
  const float highest = high;
  for (int i = 0; i < n; ++i) q[i] = round_small(clamp_to(t[i], lowest, highest));
}

void Iq4Levels::nearest(const float* t, float* q, int n) const {
  // Start at the lowest level and climb one step for every midpoint that t is above.
  for (int i = 0; i < n; i += kLanes) {
    float level[kLanes];
    for (int l = 0; l < kLanes; ++l) level[l] = float(kIq4Levels[0]);
    for (int k = 0; k < 15; ++k)
      for (int l = 0; l < kLanes; ++l)
        level[l] += t[i + l] > kIq4Steps.midpoint[k] ? kIq4Steps.step[k] : 0.0f;
    for (int l = 0; l < kLanes; ++l) q[i + l] = level[l];
  }
}

void E2m1Levels::nearest(const float* t, float* q, int n) const {
  // Doubled E2M1 is 0 .. 4 in ones, to 8 in twos, and 12: a coarser rounding for each octave.
  for (int i = 0; i < n; ++i) {
    const float size = clamp_to(std::fabs(t[i]), 0.0f, 12.0f);
    const float ones = round_small(size);
    const float twos = 2.0f * round_small(0.5f * size);
    const float fours = 4.0f * round_small(0.25f * size);
    const float upper = size < 8.0f ? twos : fours;
    q[i] = std::copysign(size < 4.0f ? ones : upper, t[i]);
  }
}

template <class Levels>
float fit_scale(const Group& g, const Levels& levels, const SearchGrid& grid) {
  const float largest = largest_magnitude(g.x, g.n);
  if (!(largest > kTiny)) return 0.0f;
  const float base = levels.extent() / largest;
  float best_gain = 0.0f;
  float best_scale = 0.0f;
  const auto consider = [&](float inverse) {
    const ScaleSums sums = scale_sums(g, levels, inverse);
    if (sums.gain() > best_gain && sums.xq != 0.0f) {
      best_gain = sums.gain();
      best_scale = sums.xq / sums.qq;
    }
  };
  for (const float sign : {1.0f, -1.0f}) {
    if (sign < 0.0f && levels.symmetric()) break;
    consider(sign * base);
    // Fewer steps than half of the extent are found as twice as many half steps.
    for (int k = std::max(levels.exact_below() / 2, 1); k < levels.exact_below(); ++k)
      consider(sign * float(k) / largest);
    for (int k = 0; k < grid.steps; ++k) {
      const float along = grid.steps > 1 ? float(k) / float(grid.steps - 1) : 0.0f;
      consider(sign * base * (grid.from + (grid.to - grid.from) * along));
    }
  }
  return settle_scale(g, levels, best_scale, best_gain);
}

template <class Levels>
float error_of(const Group& g, const Levels& levels, float d, float offset) {
  alignas(64) float t[kSearchLenMax];
  alignas(64) float q[kSearchLenMax];
  const float inverse = inverse_of(d);
  for (int i = 0; i < g.n; ++i) t[i] = (g.x[i] + offset) * inverse;
  levels.nearest(t, q, g.n);
  float sum[kLanes] = {};
  for (int i = 0; i < g.n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const float error = (g.x[i + l] + offset) - d * q[i + l];
      sum[l] += g.w[i + l] * error * error;
    }
  }
  return lane_sum(sum);
}

template <class Levels>
void levels_of(const Group& g, const Levels& levels, float d, float offset, int8_t* q) {
  alignas(64) float t[kSearchLenMax];
  alignas(64) float level[kSearchLenMax];
  const float inverse = inverse_of(d);
  for (int i = 0; i < g.n; ++i) t[i] = (g.x[i] + offset) * inverse;
  levels.nearest(t, level, g.n);
  for (int i = 0; i < g.n; ++i) q[i] = int8_t(level[i]);
}

AffineFit fit_affine(const Group& g, float max_code, MinSign sign) {
  const auto [lowest, highest] = std::minmax_element(g.x, g.x + g.n);
  float low = *lowest;
  const float high = *highest;
  if (sign == MinSign::kNotNegative) low = std::min(low, 0.0f);
  if (!(high - low > kTiny)) return {0.0f, -low};

  constexpr int kSteps = 25;
  constexpr float kFrom = -1.4f;
  constexpr float kStep = 0.1f;  // -1.4 .. 1.0 codes; includes 0, the plain range
  Line best{0.0f, 0.0f, 0.0f};
  const auto consider = [&](float inverse, float offset) {
    const Line line = fit_line(affine_sums(g, max_code, inverse, offset), sign);
    if (!(line.error_change < best.error_change)) return false;
    best = line;
    return true;
  };
  for (int k = 0; k < kSteps; ++k)
    consider((max_code + (k == 14 ? 0.0f : kFrom + kStep * float(k))) / (high - low), low);
  for (int step = 0; step < 6 && best.scale > kTiny; ++step)
    if (!consider(1.0f / best.scale, best.offset)) break;
  return {best.scale, -best.offset};
}

template <class Levels>
uint16_t encode_one_scale(const SearchInput& in, const Levels& levels, const SearchGrid& grid,
                          int8_t* q) {
  const Group g{in.x, in.w, in.n};
  const StoredScale d = store_scale(fit_scale(g, levels, grid), in.unit);
  levels_of(g, levels, d.value, 0.0f, q);
  return d.bits;
}

template <class Levels>
void encode_scaled(const SearchInput& in, const ScaledShape& shape, const Levels& levels,
                   const SearchGrid& grid, ScaledBlock& out) {
  const int groups = in.n / shape.group_len;
  alignas(64) float scale[kSearchGroupsMax];
  alignas(64) float weight[kSearchGroupsMax];
  for (int g = 0; g < groups; ++g) {
    scale[g] = fit_scale(group_of(in, shape.group_len, g), levels, grid);
    weight[g] = total_weight(group_of(in, shape.group_len, g));
  }
  const UniformLevels scale_levels{shape.scale_low, shape.scale_high};
  const SearchGrid scale_grid{0.9f, 1.03f, 14};
  const float fitted = fit_scale({scale, weight, groups}, scale_levels, scale_grid);

  // Chooses the stored scale of each group for a given d; returns the error of the block.
  const auto choose = [&](float d, int8_t* stored) {
    float total = 0.0f;
    for (int g = 0; g < groups; ++g) {
      const Group group = group_of(in, shape.group_len, g);
      const float ideal = scale[g] * inverse_of(d);
      const float middle = round_small(clamp_to(ideal, shape.scale_low, shape.scale_high));
      float best_error = std::numeric_limits<float>::infinity();
      for (float s = std::max(middle - 1.0f, shape.scale_low);
           s <= std::min(middle + 1.0f, shape.scale_high); ++s) {
        const float error = error_of(group, levels, d * s, 0.0f);
        if (error < best_error) {
          best_error = error;
          stored[g] = int8_t(s);
        }
      }
      total += best_error;
    }
    return total;
  };
  StoredScale d = store_scale(fitted, in.unit);
  float error = choose(d.value, out.scale);
  // With the group scales fixed, the best d for the codes they give is again a least-squares fit.
  for (int step = 0; step < 2; ++step) {
    float xq = 0.0f;
    float qq = 0.0f;
    for (int g = 0; g < groups; ++g) {
      const float s = float(out.scale[g]);
      const ScaleSums sums =
          scale_sums(group_of(in, shape.group_len, g), levels, inverse_of(d.value * s));
      xq += s * sums.xq;
      qq += s * s * sums.qq;
    }
    if (!(qq > 0.0f)) break;
    const StoredScale refit = store_scale(xq / qq, in.unit);
    int8_t stored[kSearchGroupsMax];
    const float refit_error = choose(refit.value, stored);
    if (!(refit_error < error)) break;
    error = refit_error;
    d = refit;
    std::copy_n(stored, groups, out.scale);
  }
  out.d = d.bits;
  for (int g = 0; g < groups; ++g)
    levels_of(group_of(in, shape.group_len, g), levels, d.value * float(out.scale[g]), 0.0f,
              out.q + shape.group_len * g);
}

namespace {

// The scales of an affine block, and what they are worth.
struct AffineScales {
  StoredScale d;
  StoredScale dmin;
  uint8_t scale[kSearchGroupsMax] = {};
  uint8_t min[kSearchGroupsMax] = {};
  float error = std::numeric_limits<float>::infinity();
};

// Fills scale and min (of the 3 x 3 stored values around the ideal ones, the pair with the least
// error) and error.
void choose_affine_scales(const SearchInput& in, const AffineShape& shape, const AffineFit* ideal,
                          AffineScales& s) {
  const UniformLevels levels{0.0f, shape.max_code};
  s.error = 0.0f;
  for (int g = 0; g < in.n / shape.group_len; ++g) {
    const Group group = group_of(in, shape.group_len, g);
    const float scale_middle =
        round_small(clamp_to(ideal[g].scale * inverse_of(s.d.value), 0.0f, shape.max_scale));
    const float min_middle =
        round_small(clamp_to(ideal[g].min * inverse_of(s.dmin.value), 0.0f, shape.max_scale));
    float best_error = std::numeric_limits<float>::infinity();
    for (float a = scale_middle - 1.0f; a <= scale_middle + 1.0f; ++a) {
      for (float m = min_middle - 1.0f; m <= min_middle + 1.0f; ++m) {
        if (a < 0.0f || m < 0.0f || a > shape.max_scale || m > shape.max_scale) continue;
        const float error = error_of(group, levels, s.d.value * a, s.dmin.value * m);
        if (!(error < best_error)) continue;
        best_error = error;
        s.scale[g] = uint8_t(a);
        s.min[g] = uint8_t(m);
      }
    }
    s.error += best_error;
  }
}

// The d and dmin with the least error for the codes that `s` gives. False when there is no better
// pair.
bool refit_affine(const SearchInput& in, const AffineShape& shape, const AffineScales& s,
                  AffineScales& refit) {
  double ss = 0, sm = 0, mm = 0, sx = 0, mx = 0;
  for (int g = 0; g < in.n / shape.group_len; ++g) {
    const float a = float(s.scale[g]);
    const float m = float(s.min[g]);
    const AffineSums sums = affine_sums(group_of(in, shape.group_len, g), shape.max_code,
                                        inverse_of(s.d.value * a), -s.dmin.value * m);
    ss += double(a) * a * sums.qq;
    sm += double(a) * m * sums.q;
    mm += double(m) * m * sums.w;
    sx += double(a) * sums.xq;
    mx += double(m) * sums.x;
  }
  if (!(ss > 0.0)) return false;
  double d = sx / ss;
  double dmin = 0.0;
  const double det = ss * mm - sm * sm;
  if (mm > 0.0) {
    if (!(det > 0.0)) return false;
    d = (sx * mm - mx * sm) / det;
    dmin = (sx * sm - mx * ss) / det;
  }
  if (d < 0.0 || dmin < 0.0) return false;
  refit.d = store_scale(float(d), in.unit);
  refit.dmin = store_scale(float(dmin), in.unit);
  return true;
}

}  // namespace

void encode_affine(const SearchInput& in, const AffineShape& shape, AffineBlock& out) {
  const int groups = in.n / shape.group_len;
  AffineFit ideal[kSearchGroupsMax];
  alignas(64) float scale[kSearchGroupsMax];
  alignas(64) float min[kSearchGroupsMax];
  alignas(64) float weight[kSearchGroupsMax];
  for (int g = 0; g < groups; ++g) {
    const Group group = group_of(in, shape.group_len, g);
    ideal[g] = fit_affine(group, shape.max_code, MinSign::kNotNegative);
    scale[g] = ideal[g].scale;
    min[g] = ideal[g].min;
    weight[g] = total_weight(group);
  }
  const UniformLevels levels{0.0f, shape.max_scale};
  const SearchGrid grid{0.9f, 1.03f, 14};
  AffineScales best;
  best.d = store_scale(fit_scale({scale, weight, groups}, levels, grid), in.unit);
  best.dmin = store_scale(fit_scale({min, weight, groups}, levels, grid), in.unit);
  choose_affine_scales(in, shape, ideal, best);
  for (int step = 0; step < 2; ++step) {
    AffineScales refit;
    if (!refit_affine(in, shape, best, refit)) break;
    choose_affine_scales(in, shape, ideal, refit);
    if (!(refit.error < best.error)) break;
    best = refit;
  }
  out.d = best.d.bits;
  out.dmin = best.dmin.bits;
  for (int g = 0; g < groups; ++g) {
    out.scale[g] = best.scale[g];
    out.min[g] = best.min[g];
    levels_of(group_of(in, shape.group_len, g), UniformLevels{0.0f, shape.max_code},
              best.d.value * float(best.scale[g]), best.dmin.value * float(best.min[g]),
              out.q + shape.group_len * g);
  }
}

template float fit_scale(const Group&, const UniformLevels&, const SearchGrid&);
template float fit_scale(const Group&, const Iq4Levels&, const SearchGrid&);
template float fit_scale(const Group&, const E2m1Levels&, const SearchGrid&);
template float error_of(const Group&, const UniformLevels&, float, float);
template float error_of(const Group&, const E2m1Levels&, float, float);
template void levels_of(const Group&, const UniformLevels&, float, float, int8_t*);
template void levels_of(const Group&, const E2m1Levels&, float, float, int8_t*);
template uint16_t encode_one_scale(const SearchInput&, const UniformLevels&, const SearchGrid&,
                                   int8_t*);
template uint16_t encode_one_scale(const SearchInput&, const Iq4Levels&, const SearchGrid&,
                                   int8_t*);
template void encode_scaled(const SearchInput&, const ScaledShape&, const UniformLevels&,
                            const SearchGrid&, ScaledBlock&);
template void encode_scaled(const SearchInput&, const ScaledShape&, const Iq4Levels&,
                            const SearchGrid&, ScaledBlock&);

}  // namespace hearth::quant
