#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace hearth {
namespace {

Result<int> parse_positive(int x) {
  if (x <= 0) return fail(ErrorCode::kInvalidArgument, "not positive", "give a larger one");
  return x;
}

Result<int> twice(int x) {
  HEARTH_ASSIGN(const int value, parse_positive(x));
  return 2 * value;
}

Result<std::string> sum_text(int a, int b) {
  HEARTH_TRY(parse_positive(a));
  HEARTH_TRY(parse_positive(b));
  return std::to_string(a + b);
}

Result<std::unique_ptr<int>> boxed(int x) {
  HEARTH_ASSIGN(auto value, parse_positive(x));
  return std::make_unique<int>(value);
}

Result<int> unboxed(int x) {
  HEARTH_ASSIGN(const std::unique_ptr<int> box, boxed(x));
  return *box;
}

TEST(Result, PassesTheValueOn) {
  EXPECT_EQ(twice(4), 8);
  EXPECT_EQ(sum_text(1, 2), "3");
  EXPECT_EQ(unboxed(5), 5);
}

TEST(Result, PassesTheErrorOnWholeAcrossTypes) {
  const Result<std::string> outcome = sum_text(1, -1);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(outcome.error().message, "not positive");
  EXPECT_EQ(outcome.error().hint, "give a larger one");
  EXPECT_FALSE(twice(0).has_value());
  EXPECT_FALSE(unboxed(0).has_value());
}

TEST(CheckDeathTest, AFalseConditionEndsTheProcessAndSaysWhere) {
  EXPECT_DEATH(HEARTH_CHECK(1 + 1 == 3), "internal error at .*result_test.cc:[0-9]+: 1 \\+ 1 == 3");
  HEARTH_CHECK(1 + 1 == 2);
}

}  // namespace
}  // namespace hearth
