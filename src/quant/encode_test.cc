// The encoders: how much they lose, that they are deterministic, and that no input breaks them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "quant/list.h"

namespace hearth::quant {
namespace {

// Normal numbers, the same on every machine (up to the libm): pairs by Box and Muller from a 64-bit
// linear congruential generator (Knuth's MMIX constants).
std::vector<float> normal_numbers(size_t n, uint64_t seed) {
  std::vector<float> x(n);
  const auto uniform = [&seed] {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double(seed >> 11) + 0.5) * 0x1p-53;
  };
  for (size_t i = 0; i < n; i += 2) {
    const double radius = std::sqrt(-2.0 * std::log(uniform()));
    const double angle = 2.0 * std::numbers::pi * uniform();
    x[i] = float(radius * std::cos(angle));
    if (i + 1 < n) x[i + 1] = float(radius * std::sin(angle));
  }
  return x;
}

struct Encoded {
  std::vector<uint64_t> words;  // aligned for every Block
  [[nodiscard]] void* bytes() { return words.data(); }
};

Encoded encode(const TypeInfo& type, const std::vector<float>& x, const float* importance) {
  Encoded e;
  e.words.assign(type.row_bytes(int64_t(x.size())) / 8 + 1, 0);
  type.encode_row(x.data(), int64_t(x.size()), importance, e.bytes());
  return e;
}

std::vector<float> decode(const TypeInfo& type, Encoded& e, size_t n) {
  std::vector<float> y(n);
  type.decode_row(e.bytes(), int64_t(n), y.data());
  return y;
}

double error_rms(const std::vector<float>& x, const std::vector<float>& y,
                 const float* weight = nullptr) {
  double sum = 0.0;
  double total = 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double w = weight != nullptr ? double(weight[i]) : 1.0;
    const double error = double(x[i]) - double(y[i]);
    sum += w * error * error;
    total += w;
  }
  return std::sqrt(sum / total);
}

// What a type may lose, and whether a second encoding changes nothing.
struct Limit {
  std::string_view name;
  // The peers' measure and limit (llama.cpp, test-quantize-fns): sqrt(sum of squared errors) / n
  // for 4096 numbers 0.1 + 2 cos(i).
  double peer;
  // Root mean square error for normal numbers of deviation 1: 2 to 6 % above what these encoders
  // had when written. For comparison, llama.cpp's quantizers (commit 3f545becc, no importance) had,
  // on other normal numbers: Q4_0 .0861, Q4_1 .0783, Q5_0 .0427, Q5_1 .0378, Q8_0 .00536, Q2_K
  // .2963, Q3_K .1509, Q4_K .0714, Q5_K .0361, Q6_K .01775, IQ4_NL .0761, IQ4_XS .0766, TQ1_0 and
  // TQ2_0 .8075, MXFP4 .1148, NVFP4 .0950, Q1_0 .6009, Q2_0 .7168.
  double normal;
  bool stable;
};
constexpr Limit kLimits[] = {
    {"F32", 0.0, 0.0, true},         {"F16", 0.002, 0.00022, true},
    {"BF16", 0.002, 0.0017, true},   {"F64", 0.0, 0.0, true},
    {"Q4_0", 0.002, 0.0833, true},   {"Q4_1", 0.002, 0.0715, true},
    {"Q5_0", 0.002, 0.0410, true},   {"Q5_1", 0.002, 0.0344, false},
    {"Q8_0", 0.002, 0.00546, true},  {"Q8_1", 0.002, 0.00546, true},
    {"Q2_K", 0.0075, 0.2731, false}, {"Q3_K", 0.0040, 0.1480, true},
    {"Q4_K", 0.002, 0.0719, false},  {"Q5_K", 0.002, 0.0352, false},
    {"Q6_K", 0.002, 0.01723, false}, {"Q8_K", 0.002, 0.00712, true},
    {"IQ4_NL", 0.002, 0.0752, true}, {"IQ4_XS", 0.002, 0.0756, true},
    {"TQ1_0", 0.01, 0.4431, true},   {"TQ2_0", 0.01, 0.4431, true},
    {"MXFP4", 0.0030, 0.1138, true}, {"NVFP4", 0.0030, 0.0873, false},
    {"Q1_0", 0.025, 0.6129, true},   {"Q2_0", 0.01, 0.3578, true},
};

const Limit& limit_of(const TypeInfo& type) {
  static constexpr Limit kNone{"", -1.0, -1.0, false};
  const auto* found = std::find_if(std::begin(kLimits), std::end(kLimits),
                                   [&](const Limit& l) { return l.name == type.name; });
  return found == std::end(kLimits) ? kNone : *found;
}

TEST(Encode, RoundTripErrorIsUnderTheLimits) {
  constexpr size_t kPeerLen = 4096;
  std::vector<float> waves(kPeerLen);
  for (size_t i = 0; i < kPeerLen; ++i) waves[i] = 0.1f + 2.0f * std::cos(float(i));
  const std::vector<float> normal = normal_numbers(256 * 128, 1);
  for (const TypeInfo& type : all_types()) {
    if (!type.has_encoder) continue;
    const Limit& limit = limit_of(type);
    ASSERT_GE(limit.peer, 0.0) << type.name << " has no limit";
    Encoded e = encode(type, waves, nullptr);
    const double peer = error_rms(waves, decode(type, e, kPeerLen)) / std::sqrt(double(kPeerLen));
    EXPECT_LE(peer, limit.peer) << type.name;
    e = encode(type, normal, nullptr);
    EXPECT_LE(error_rms(normal, decode(type, e, normal.size())), limit.normal) << type.name;
  }
}

TEST(Encode, SizeOfTheNumbersDoesNotMatter) {
  const std::vector<float> normal = normal_numbers(256 * 16, 2);
  for (const TypeInfo& type : all_types()) {
    // NVFP4 has a small range of scales and leans on the scale of its tensor.
    if (!type.has_encoder || type.is_float || type.name == "NVFP4") continue;
    for (const float size : {1e-3f, 0.02f, 300.0f}) {
      std::vector<float> x = normal;
      for (float& v : x) v *= size;
      Encoded e = encode(type, x, nullptr);
      EXPECT_LE(error_rms(x, decode(type, e, x.size())),
                1.03 * limit_of(type).normal * double(size))
          << type.name << " " << size;
    }
  }
}

TEST(Encode, ImportanceLowersTheWeightedError) {
  const std::vector<float> x = normal_numbers(256 * 32, 3);
  std::vector<float> importance = normal_numbers(x.size(), 4);
  for (float& v : importance) v = std::exp(2.0f * v);
  for (const TypeInfo& type : all_types()) {
    if (!type.is_block || !type.has_encoder || type.name.starts_with("Q8_")) continue;
    Encoded plain = encode(type, x, nullptr);
    Encoded weighted = encode(type, x, importance.data());
    const double plain_error = error_rms(x, decode(type, plain, x.size()), importance.data());
    const double error = error_rms(x, decode(type, weighted, x.size()), importance.data());
    EXPECT_LT(error, 0.99 * plain_error) << type.name;
  }
}

TEST(Encode, IsDeterministicAndStable) {
  const std::vector<float> x = normal_numbers(256 * 32, 5);
  for (const TypeInfo& type : all_types()) {
    if (!type.has_encoder) continue;
    Encoded first = encode(type, x, nullptr);
    EXPECT_EQ(first.words, encode(type, x, nullptr).words) << type.name;
    const std::vector<float> y = decode(type, first, x.size());
    Encoded second = encode(type, y, nullptr);
    const std::vector<float> z = decode(type, second, x.size());
    if (limit_of(type).stable) {
      EXPECT_EQ(y, z) << type.name;
    } else {
      EXPECT_LE(error_rms(y, z), 0.2 * error_rms(x, y)) << type.name;
    }
  }
}

// Weights that are exact in the type (quantization-aware training, BitNet, gpt-oss) must stay
// exact.
TEST(Encode, ExactWeightsStayExact) {
  std::vector<float> ternary = normal_numbers(256 * 8, 6);
  for (float& v : ternary) v = 0.0213623046875f * std::clamp(std::round(v), -1.0f, 1.0f);
  for (const std::string_view name : {"TQ1_0", "TQ2_0", "Q2_0", "Q4_0", "Q8_0", "Q2_K", "Q4_K"}) {
    const TypeInfo* type = find_type(name);
    Encoded e = encode(*type, ternary, nullptr);
    const std::vector<float> y = decode(*type, e, ternary.size());
    EXPECT_LE(error_rms(ternary, y), 1e-3 * 0.0213) << name;
    if (name.starts_with("TQ") || name == "Q2_0") {
      EXPECT_EQ(ternary, y) << name;
    }
  }
  // Multiples -r .. r of a step, r being any number that Q4_0 can hold.
  const TypeInfo* q4_0 = find_type("Q4_0");
  for (const float largest : {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f}) {
    std::vector<float> steps = normal_numbers(32 * 16, 7);
    for (float& v : steps) v = 0x1.37p-6f * std::clamp(std::round(3.0f * v), -largest, largest);
    Encoded e = encode(*q4_0, steps, nullptr);
    EXPECT_LE(error_rms(steps, decode(*q4_0, e, steps.size())), 1e-3 * 0x1.37p-6) << largest;
  }
}

// All kinds of numbers that are no weights: encoding must end, and decode to finite numbers.
TEST(Encode, TakesAnyNumbers) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kTiny = std::numeric_limits<float>::denorm_min();
  const std::vector<std::vector<float>> patterns = {
      {0.0f},
      {-0.0f, 0.0f},
      {1.0f},
      {-1.0f},
      {kNan},
      {kInf},
      {-kInf, 1.0f},
      {kNan, 1.0f},
      {kMax},
      {-kMax, kMax},
      {kTiny},
      {1e-30f, -2e-30f},
      {1e-8f, 3e-8f},
      {1e30f, -1e-30f, 0.0f},
      {1e9f, -1e9f},
      {0.0f, 0.0f, 70000.0f},
      {5.0f, 5.0f, 5.0f, 6.0f},
  };
  for (const TypeInfo& type : all_types()) {
    if (!type.is_block || !type.has_encoder) continue;
    for (size_t p = 0; p < patterns.size(); ++p) {
      std::vector<float> x(256);
      for (size_t i = 0; i < x.size(); ++i) x[i] = patterns[p][i % patterns[p].size()];
      for (size_t w = 0; w <= patterns.size(); ++w) {
        std::vector<float> importance(256);
        for (size_t i = 0; i < importance.size() && w < patterns.size(); ++i)
          importance[i] = patterns[w][i % patterns[w].size()];
        Encoded e = encode(type, x, w < patterns.size() ? importance.data() : nullptr);
        for (const float v : decode(type, e, x.size()))
          ASSERT_TRUE(std::isfinite(v)) << type.name << " numbers " << p << " importance " << w;
      }
    }
  }
}

TEST(Encode, ZeroStaysZero) {
  const std::vector<float> x(256, 0.0f);
  for (const TypeInfo& type : all_types()) {
    if (!type.has_encoder) continue;
    Encoded e = encode(type, x, nullptr);
    for (const float v : decode(type, e, x.size())) ASSERT_EQ(v, 0.0f) << type.name;
  }
}

// Numbers beyond the range of the type become the largest it has, with the right sign.
TEST(Encode, HugeNumbersSaturate) {
  std::vector<float> x(256);
  for (size_t i = 0; i < x.size(); ++i) x[i] = i % 3 == 0 ? -3e30f : 3e30f;
  for (const TypeInfo& type : all_types()) {
    if (!type.is_block || !type.has_encoder) continue;
    Encoded e = encode(type, x, nullptr);
    const std::vector<float> y = decode(type, e, x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_GT(y[i] * (x[i] > 0 ? 1.0f : -1.0f), type.name == "NVFP4" ? 2000.0f : 65000.0f)
          << type.name << " " << i;
    }
  }
}

}  // namespace
}  // namespace hearth::quant
