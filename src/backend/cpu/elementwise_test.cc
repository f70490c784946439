// The operations on single rows, of every usable ISA, against double.
#include <gtest/gtest.h>

#include "backend/cpu/isa_test.h"

namespace hearth::backend::cpu::test {
namespace {

constexpr int64_t kLengths[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 576, 2048};
constexpr float kGuard = 1234.5f;

// Calls f(table, n) with the trace that names them.
template <class F>
void for_all(F&& f) {
  for (const KernelTable& table : all_tables())
    for (const int64_t n : kLengths) {
      SCOPED_TRACE(std::string(table.name) + " n=" + std::to_string(n));
      f(table, n);
    }
}

// A row with room behind it that must stay as it is.
std::vector<float> guarded(std::vector<float> v) {
  v.insert(v.end(), 16, kGuard);
  return v;
}
void expect_guard(const std::vector<float>& v) {
  for (size_t i = v.size() - 16; i < v.size(); ++i) ASSERT_EQ(v[i], kGuard) << "behind the row";
}

TEST(Elementwise, RmsNorm) {
  Random random(1);
  for_all([&](const KernelTable& table, int64_t n) {
    const std::vector<float> x = random.normals(size_t(n), 3);
    const std::vector<float> w = random.normals(size_t(n));
    const float eps = 1e-5f;
    std::vector<float> y = guarded(std::vector<float>(size_t(n)));
    table.rms_norm(x.data(), w.data(), y.data(), n, eps);
    expect_guard(y);
    double squares = 0;
    for (const float v : x) squares += double(v) * double(v);
    const double inv = 1 / std::sqrt(squares / double(n) + double(eps));
    for (size_t i = 0; i < size_t(n); ++i) {
      const double expected = double(x[i]) * inv * double(w[i]);
      ASSERT_NEAR(y[i], expected, 1e-6 * std::fabs(expected) + 1e-30);
    }
    std::vector<float> in_place = guarded(x);
    table.rms_norm(in_place.data(), w.data(), in_place.data(), n, eps);
    EXPECT_EQ(std::memcmp(in_place.data(), y.data(), size_t(n) * 4), 0);
  });
}

TEST(Elementwise, RmsNormOfZerosIsZero) {
  for_all([&](const KernelTable& table, int64_t n) {
    const std::vector<float> x(size_t(n), 0.0f);
    const std::vector<float> w(size_t(n), 2.0f);
    std::vector<float> y(size_t(n), 1.0f);
    table.rms_norm(x.data(), w.data(), y.data(), n, 1e-6f);
    for (const float v : y) ASSERT_EQ(v, 0.0f);
  });
}

TEST(Elementwise, LayerNorm) {
  Random random(2);
  for (const float offset : {0.0f, 1000.0f})  // a large mean must not eat the variance
    for (const bool with_bias : {false, true})
      for_all([&](const KernelTable& table, int64_t n) {
        std::vector<float> x = random.normals(size_t(n), 3);
        for (float& v : x) v += offset;
        const std::vector<float> w = random.normals(size_t(n));
        const std::vector<float> b = random.normals(size_t(n));
        std::vector<float> y = guarded(std::vector<float>(size_t(n)));
        table.layer_norm(x.data(), w.data(), with_bias ? b.data() : nullptr, y.data(), n, 1e-5f);
        expect_guard(y);
        double mean = 0;
        for (const float v : x) mean += double(v) / double(n);
        double var = 0;
        for (const float v : x) var += (double(v) - mean) * (double(v) - mean) / double(n);
        for (size_t i = 0; i < size_t(n); ++i) {
          const double expected = (double(x[i]) - mean) / std::sqrt(var + 1e-5) * double(w[i]) +
                                  (with_bias ? double(b[i]) : 0.0);
          // The mean is a float: off by half a unit of 1000, divided by the deviation.
          const double slack = n == 1 ? 0.02 : (offset == 0 ? 2e-6 : 4e-4);
          ASSERT_NEAR(y[i], expected, slack * (1 + std::fabs(double(w[i])) * 4));
        }
      });
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double activated(tensor::Activation activation, double x, double u) {
  using enum tensor::Activation;
  switch (activation) {
    case kSilu:
      return x * sigmoid(x) * u;
    case kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) * u;
    case kRelu2:
      return x > 0 ? x * x * u : 0;
    case kSwigluOai:
      x = std::min(x, 7.0);
      return x * sigmoid(1.702 * x) * (std::clamp(u, -7.0, 7.0) + 1);
    case kSigmoid:
      return sigmoid(x) * u;
    case kSoftplus:
      return std::log1p(std::exp(x)) * u;
  }
  return NAN;
}

TEST(Elementwise, Activations) {
  Random random(3);
  for_all([&](const KernelTable& table, int64_t n) {
    std::vector<float> gate = random.normals(size_t(n), 4);
    gate[0] = random.normal(1e-4f);  // where 1 + tanh would lose its digits
    if (n > 4) gate[1] = -30, gate[2] = 30, gate[3] = 0;
    const std::vector<float> up = random.normals(size_t(n));
    std::vector<float> y = guarded(std::vector<float>(size_t(n)));
    // Far below zero the exponent's own rounding shows; the value is nothing there.
    for (int a = 0; a < tensor::kNumActivations; ++a)
      for (const float* u : {up.data(), static_cast<const float*>(nullptr)}) {
        table.activate[a](gate.data(), u, y.data(), n);
        expect_guard(y);
        for (size_t i = 0; i < size_t(n); ++i) {
          const double expected =
              activated(tensor::Activation(a), double(gate[i]), u == nullptr ? 1 : double(u[i]));
          ASSERT_NEAR(y[i], expected, 5e-6 * std::fabs(expected) + 1e-10) << a << " " << gate[i];
        }
      }
  });
}

TEST(Elementwise, ActivationsAtTheEnds) {
  for (const KernelTable& table : all_tables()) {
    SCOPED_TRACE(table.name);
    const std::vector<float> gate = {-1e30f, -1000, -100, 0, 100, 1000, 1e10f, -0.0f};
    const std::vector<float> one(gate.size(), 1.0f);
    std::vector<float> y(gate.size());
    for (const auto a : {tensor::Activation::kSilu, tensor::Activation::kGeluTanh}) {
      table.activate[int(a)](gate.data(), one.data(), y.data(), int64_t(gate.size()));
      EXPECT_NEAR(y[0], 0, 1e-7);
      EXPECT_NEAR(y[1], 0, 1e-30);
      EXPECT_NEAR(y[2], 0, 1e-30);
      EXPECT_EQ(y[3], 0);
      EXPECT_EQ(y[4], 100);
      EXPECT_EQ(y[5], 1000);
      EXPECT_EQ(y[6], 1e10f);
      EXPECT_EQ(y[7], 0);
    }
  }
}

TEST(Elementwise, AddScaledAndScale) {
  Random random(4);
  for_all([&](const KernelTable& table, int64_t n) {
    const std::vector<float> a = random.normals(size_t(n));
    const std::vector<float> b = random.normals(size_t(n));
    std::vector<float> y = guarded(std::vector<float>(size_t(n)));
    table.add_scaled(a.data(), b.data(), 1.0f, y.data(), n);
    expect_guard(y);
    for (size_t i = 0; i < size_t(n); ++i) ASSERT_EQ(y[i], a[i] + b[i]);
    table.add_scaled(a.data(), b.data(), -0.37f, y.data(), n);
    for (size_t i = 0; i < size_t(n); ++i) {
      const double expected = double(a[i]) - 0.37f * double(b[i]);
      ASSERT_NEAR(y[i], expected, 2e-7 * (std::fabs(a[i]) + std::fabs(b[i])));
    }
    std::vector<float> x = guarded(a);
    table.scale(x.data(), 1.7f, n);
    expect_guard(x);
    for (size_t i = 0; i < size_t(n); ++i) ASSERT_EQ(x[i], 1.7f * a[i]);
  });
}

TEST(Elementwise, Softcap) {
  Random random(5);
  for_all([&](const KernelTable& table, int64_t n) {
    std::vector<float> x = random.normals(size_t(n), 40);
    x[0] = 0.01f;
    if (n > 4) x[1] = 0, x[2] = 1e6f, x[3] = -1e6f;
    std::vector<float> y = guarded(x);
    table.softcap(y.data(), 30.0f, 0.5f, n);
    expect_guard(y);
    for (size_t i = 0; i < size_t(n); ++i)
      ASSERT_NEAR(y[i], 30 * std::tanh(double(x[i]) * 0.5 / 30), 1e-5) << x[i];
    if (n > 4) {
      EXPECT_EQ(y[1], 0.0f);
      EXPECT_EQ(y[2], 30.0f);
      EXPECT_EQ(y[3], -30.0f);
    }
  });
}

TEST(Elementwise, RopeBothPairings) {
  Random random(6);
  for (const KernelTable& table : all_tables())
    for (const int64_t pairs : {1, 2, 3, 8, 20, 32, 64}) {
      SCOPED_TRACE(std::string(table.name) + " pairs=" + std::to_string(pairs));
      const std::vector<float> x = random.normals(size_t(2 * pairs));
      std::vector<float> rotation(size_t(2 * pairs));
      std::vector<double> angle(static_cast<size_t>(pairs));
      for (size_t i = 0; i < size_t(pairs); ++i) {
        angle[i] = double(random.normal(3));
        rotation[2 * i] = float(std::cos(angle[i]));
        rotation[2 * i + 1] = float(std::sin(angle[i]));
      }
      std::vector<float> norm = guarded(x);
      table.rope_norm(norm.data(), rotation.data(), pairs);
      expect_guard(norm);
      std::vector<float> neox = guarded(x);
      table.rope_neox(neox.data(), rotation.data(), pairs);
      expect_guard(neox);
      for (size_t i = 0; i < size_t(pairs); ++i) {
        const auto expect_pair = [&](const std::vector<float>& y, size_t first, size_t second) {
          const double c = std::cos(angle[i]);
          const double s = std::sin(angle[i]);
          ASSERT_NEAR(y[first], double(x[first]) * c - double(x[second]) * s, 2e-6);
          ASSERT_NEAR(y[second], double(x[first]) * s + double(x[second]) * c, 2e-6);
        };
        expect_pair(norm, 2 * i, 2 * i + 1);
        expect_pair(neox, i, i + size_t(pairs));
      }
    }
}

// --- exp, seen through merge: O' = O * e^(M - m) for m > M, and L' = L * e^(M - m) + l ---

// e^x for x <= 0 as the table computes it.
float table_exp(const KernelTable& table, float x) {
  std::vector<float> o(16, 0.0f);
  std::vector<float> run_o(16, 1.0f);
  float m = x;
  float l = 1;
  table.merge(0.0f, 0.0f, o.data(), &m, &l, run_o.data(), 16);
  EXPECT_EQ(m, 0.0f);
  EXPECT_EQ(l, run_o[0]);
  return l;
}

TEST(Exp, IsAccurateToTwoUnits) {
  Random random(7);
  for (const KernelTable& table : all_tables()) {
    SCOPED_TRACE(table.name);
    double worst = 0;
    const auto check = [&](float x) {
      const double error = ulps(table_exp(table, x), std::exp(double(x)));
      ASSERT_LE(error, 2.0) << x;
      worst = std::max(worst, error);
    };
    for (float x = -87.3f; x < 0; x += 0.0037f) check(x);
    // Around the multiples of ln 2 / 2, where n changes.
    for (int n = 0; n < 251; ++n)
      for (const float nudge : {-1e-5f, 0.0f, 1e-5f})
        check(-float(n) * 0.34657359f + nudge * float(n));
    for (const float x : {-1e-7f, -1e-30f, -1e-45f, -87.33f, -86.643394f}) check(x);
    EXPECT_GT(worst, 0.0);
  }
}

TEST(Exp, HasExactEnds) {
  for (const KernelTable& table : all_tables()) {
    SCOPED_TRACE(table.name);
    EXPECT_EQ(table_exp(table, 0.0f), 1.0f);
    EXPECT_EQ(table_exp(table, -0.0f), 1.0f);
    if (std::string_view(table.name) == "scalar") continue;  // std::exp goes on into the denormals
    for (const float x : {-88.0f, -100.0f, -1e4f, -3e38f})
      EXPECT_EQ(table_exp(table, x), 0.0f) << x;
  }
}

// --- quantize ---

ActBlock quantize(const KernelTable& table, const std::vector<float>& x, ActForm form) {
  ActBlock out;
  std::memset(&out, 99, sizeof(out));
  table.quantize(x.data(), int64_t(x.size()), form, out);
  return out;
}

TEST(Quantize, SameBitsOnEveryIsaAndItsProperties) {
  Random random(8);
  const std::vector<KernelTable> tables = all_tables();
  for (const ActForm form : {ActForm::kPer32, ActForm::kPer256})
    for (const size_t k : {1, 31, 32, 33, 172, 256})
      for (const float sigma : {1.0f, 1e-20f, 1e20f, 0.0f}) {
        SCOPED_TRACE("k=" + std::to_string(k) + " sigma=" + std::to_string(sigma));
        std::vector<float> x = random.normals(k, sigma);
        if (k > 40) x[35] = 0.5f * sigma, x[36] = -0.5f * sigma, x[37] = 1.5f * sigma;
        const ActBlock y = quantize(tables[0], x, form);
        const size_t span = form == ActForm::kPer32 ? 32 : 256;
        for (size_t begin = 0; begin < 256; begin += span) {
          float largest = 0;
          for (size_t i = begin; i < begin + span; ++i) {
            const float v = i < k ? x[i] : 0.0f;
            const double d = y.d[i / 32];
            largest = std::max(largest, std::fabs(v));
            ASSERT_LE(std::abs(int(y.q[i])), 127);
            ASSERT_LE(std::fabs(double(v) - d * y.q[i]), d * 0.50001) << i;
          }
          for (size_t g = begin / 32; g < (begin + span) / 32; ++g)
            ASSERT_EQ(y.d[g], largest / 127.0f);
        }
        for (size_t g = 0; g < 16; ++g) {
          int sum = 0;
          for (size_t i = 16 * g; i < 16 * g + 16; ++i) sum += y.q[i];
          ASSERT_EQ(y.neg_sum16[g], -sum);
          ASSERT_EQ(y.neg_pairs16[g], -sum);
        }
        for (size_t g = 0; g < 8; ++g) {
          const int sum = -(y.neg_sum16[2 * g] + y.neg_sum16[2 * g + 1]);
          ASSERT_EQ(y.neg_sum32[g], -sum);
          ASSERT_EQ(y.neg_pairs32[g], -sum);
          ASSERT_EQ(y.d_sum32[g], y.d[g] * float(sum));
        }
        for (const KernelTable& table : tables) {
          const ActBlock other = quantize(table, x, form);
          ASSERT_EQ(std::memcmp(&other, &y, sizeof(y)), 0) << table.name;
        }
      }
}

TEST(Quantize, TiesGoToEven) {
  std::vector<float> x(32, 0.0f);
  x[0] = 127;  // d = 1
  x[1] = 0.5f;
  x[2] = 1.5f;
  x[3] = -0.5f;
  x[4] = -2.5f;
  x[5] = 126.5f;
  for (const KernelTable& table : all_tables()) {
    const ActBlock y = quantize(table, x, ActForm::kPer32);
    EXPECT_EQ(std::vector<int8_t>(y.q, y.q + 6), (std::vector<int8_t>{127, 0, 2, 0, -2, 126}))
        << table.name;
  }
}

// A group so small that 127 / max overflows counts as zero; an infinity or NaN shows in d and
// leaves the neighbours alone.
TEST(Quantize, StrangeNumbers) {
  const std::vector<KernelTable> tables = all_tables();
  std::vector<float> x(128, 0.0f);
  x[0] = 1e-40f, x[1] = -1e-45f, x[2] = 1e-38f;
  x[32] = INFINITY, x[33] = -1, x[34] = 5;
  x[64] = NAN, x[65] = 1;
  x[96] = 127, x[97] = -3;
  for (const KernelTable& table : tables) {
    SCOPED_TRACE(table.name);
    const ActBlock y = quantize(table, x, ActForm::kPer32);
    for (size_t i = 0; i < 96; ++i) EXPECT_EQ(int(y.q[i]), 0) << i;
    EXPECT_LT(y.d[0], 1e-38f);
    EXPECT_EQ(y.d_sum32[0], 0.0f);
    EXPECT_EQ(y.d[1], INFINITY);
    EXPECT_TRUE(std::isnan(y.d_sum32[1]));
    EXPECT_TRUE(std::isnan(y.d[2]));
    EXPECT_EQ(y.d[3], 1.0f);
    EXPECT_EQ(y.d_sum32[3], 124.0f);
  }
}

}  // namespace
}  // namespace hearth::backend::cpu::test
