#include "sample/reasoning_budget.h"

#include <gtest/gtest.h>

namespace hearth::sample {
namespace {

std::vector<int32_t> forced(ReasoningBudget budget, const std::vector<bool>& thinking) {
  std::vector<int32_t> ids;
  for (const bool t : thinking) ids.push_back(budget.next(t));
  return ids;
}

TEST(ReasoningBudget, ForcesTheEndOnceItIsSpent) {
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(forced({2, {7, 8}}, {true, true, true, true, false, true}),
            (Ids{-1, -1, 7, 8, -1, -1}));
  EXPECT_EQ(forced({0, {7}}, {true, false}), (Ids{7, -1}));
  // What ends by itself is left alone, and only thinking counts.
  EXPECT_EQ(forced({2, {7}}, {false, false, false, true, true, false}),
            (Ids{-1, -1, -1, -1, -1, -1}));
  EXPECT_EQ(forced({-1, {7}}, {true, true, true}), (Ids{-1, -1, -1}));
  EXPECT_EQ(forced({1, {}}, {true, true, true}), (Ids{-1, -1, -1}));
}

}  // namespace
}  // namespace hearth::sample
