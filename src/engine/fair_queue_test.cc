#include "engine/fair_queue.h"

#include <gtest/gtest.h>

namespace hearth::engine {
namespace {

double served(const FairQueue& queue, uint64_t key) { return queue.accounts().at(key).served; }

TEST(FairQueue, APauseSavesUpNoClaim) {
  FairQueue queue;
  queue.open(1, 1);
  queue.charge(1, 1000);
  queue.open(2, 2);
  EXPECT_EQ(served(queue, 2), 1000) << "begins where the least served stands";
  queue.charge(2, 500);
  EXPECT_EQ(served(queue, 2), 1250);
  queue.open(3, 1);
  EXPECT_EQ(served(queue, 3), 1000);
  queue.close(2);
  queue.open(2, 1);
  EXPECT_EQ(served(queue, 2), 1250) << "going and coming forgives nothing";
}

TEST(FairQueue, IdleKeysAreForgottenWhenTheyNoLongerMatter) {
  FairQueue queue;
  queue.open(1, 1);
  for (uint64_t key = 2; key < 100; ++key) {
    queue.open(key, 1);
    queue.charge(key, int64_t(key));
    queue.close(key);
  }
  EXPECT_EQ(queue.accounts().size(), 99u);
  queue.charge(1, 50);
  queue.open(200, 1);
  queue.close(200);
  EXPECT_EQ(queue.accounts().size(), 50u);  // 1, and those from 51 on
  queue.close(1);
  EXPECT_TRUE(queue.accounts().empty());
}

TEST(FairQueue, CountsThoseWhoWait) {
  FairQueue queue;
  queue.open(1, 1);
  queue.open(1, 1);
  queue.wait(1, 10);
  queue.wait(1, 7);
  queue.wait(1, 7);
  EXPECT_EQ(queue.n_waiting(), 2);
  EXPECT_EQ(queue.n_waiting(1), 2);
  EXPECT_EQ(*queue.accounts().at(1).waiting.begin(), 7);
  queue.leave(1, 7);
  queue.leave(1, 7);
  EXPECT_EQ(queue.n_waiting(), 1);
  EXPECT_EQ(queue.n_waiting(5), 0);
}

}  // namespace
}  // namespace hearth::engine
