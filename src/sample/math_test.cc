// The arithmetic and random numbers that make sampling reproducible: against published vectors and
// the C library.
#include "sample/math.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sample/rng.h"

namespace hearth::sample {
namespace {

TEST(SampleRng, SplitMixMatchesPublishedSequence) {
  uint64_t x = 1234567;
  for (const uint64_t expected : {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                  4593380528125082431u, 16408922859458223821u})
    EXPECT_EQ(Rng::splitmix64(x), expected);
}

TEST(SampleRng, XoshiroMatchesReferenceFromStateOneToFour) {
  Rng rng({1, 2, 3, 4});
  for (const uint64_t expected : {11520u, 0u, 1509978240u}) EXPECT_EQ(rng.next(), expected);
  EXPECT_EQ(rng.next(), 1215971899390074240u);
}

TEST(SampleRng, UniformIsInRangeWithTheRightMoments) {
  Rng rng(7);
  double sum = 0;
  double squares = 0;
  constexpr int kN = 200000;
  for (int i = 0; i < kN; ++i) {
    const double u = rng.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    squares += u * u;
  }
  EXPECT_NEAR(sum / kN, 0.5, 0.003);            // sigma 0.00065
  EXPECT_NEAR(squares / kN, 1.0 / 3.0, 0.003);  // sigma 0.00067
}

TEST(SampleRng, SeedsDifferAndRepeat) {
  Rng a(1);
  Rng b(1);
  Rng c(2);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
}

TEST(SampleMath, ExpAgreesWithTheLibrary) {
  Rng rng(3);
  for (int i = 0; i < 100000; ++i) {
    const double x = (rng.uniform() - 0.5) * 1400;
    const double expected = std::exp(x);
    ASSERT_LE(std::fabs(exact_exp(x) - expected), 4e-16 * expected) << x;
  }
  EXPECT_EQ(exact_exp(0), 1.0);
  EXPECT_EQ(exact_exp(-1e9), 0.0);
  EXPECT_EQ(exact_exp(-HUGE_VAL), 0.0);
  EXPECT_TRUE(std::isinf(exact_exp(1000)));
  EXPECT_GT(exact_exp(-740), 0.0);  // denormal
  EXPECT_NEAR(exact_exp(-740) / std::exp(-740.0), 1.0, 0.01);
}

TEST(SampleMath, LogAndPowAgreeWithTheLibrary) {
  Rng rng(4);
  for (int i = 0; i < 100000; ++i) {
    const double x = exact_exp((rng.uniform() - 0.5) * 1000);
    const double expected = std::log(x);
    ASSERT_LE(std::fabs(exact_log(x) - expected), 4e-16 * std::fmax(1, std::fabs(expected))) << x;
    const double base = rng.uniform() * 3 + 0.1;
    const double exponent = rng.uniform() * 20;
    ASSERT_NEAR(exact_pow(base, exponent) / std::pow(base, exponent), 1.0, 1e-14);
  }
  EXPECT_TRUE(std::isinf(exact_log(0)) && exact_log(0) < 0);
  EXPECT_TRUE(std::isnan(exact_log(-1)));
  EXPECT_EQ(exact_pow(0, 2), 0.0);
  EXPECT_EQ(exact_pow(5, 0), 1.0);
}

}  // namespace
}  // namespace hearth::sample
