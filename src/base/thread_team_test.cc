// ThreadTeam: every thread runs every job once, barriers hold, sleepers wake up.
#include "base/thread_team.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>

namespace hearth {
namespace {

class ThreadTeams : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, ThreadTeams, ::testing::Values(1, 2, 3, 4, 8));

TEST_P(ThreadTeams, EveryThreadRunsEveryJobOnce) {
  ThreadTeam team({.n_threads = GetParam(), .pin = false});
  EXPECT_EQ(team.size(), GetParam());
  std::array<int, 8> calls{};  // each thread has its own element
  for (int job = 1; job <= 1000; ++job) {
    auto count = [&](int thread) { calls[size_t(thread)] += 1; };
    team.run(count);
    for (int t = 0; t < 8; ++t) ASSERT_EQ(calls[size_t(t)], t < GetParam() ? job : 0);
  }
}

TEST_P(ThreadTeams, TheCallerIsThreadZero) {
  ThreadTeam team({.n_threads = GetParam(), .pin = true});
  std::array<std::thread::id, 8> ids{};
  auto note = [&](int thread) { ids[size_t(thread)] = std::this_thread::get_id(); };
  team.run(note);
  EXPECT_EQ(ids[0], std::this_thread::get_id());
  for (int a = 0; a < GetParam(); ++a)
    for (int b = 0; b < a; ++b) EXPECT_NE(ids[size_t(a)], ids[size_t(b)]);
}

// Between two barriers every thread sees what all others wrote before the first. The values are
// plain, not atomic: the barrier alone must order them (the thread sanitizer checks that).
TEST_P(ThreadTeams, BarriersHold) {
  const int n = GetParam();
  ThreadTeam team({.n_threads = n, .pin = false});
  std::array<int, 8> value{};
  std::array<int, 8> errors{};
  constexpr int kPhases = 300;
  auto job = [&](int thread) {
    for (int phase = 1; phase <= kPhases; ++phase) {
      value[size_t(thread)] = phase;
      team.barrier();
      for (int t = 0; t < n; ++t) errors[size_t(thread)] += value[size_t(t)] != phase ? 1 : 0;
      team.barrier();
    }
  };
  for (int i = 0; i < 3; ++i) {
    value.fill(0);
    team.run(job);
  }
  for (const int e : errors) EXPECT_EQ(e, 0);
}

TEST_P(ThreadTeams, SleepersWakeUp) {
  ThreadTeam team({.n_threads = GetParam(), .pin = false});
  std::atomic<int> calls{0};
  auto count = [&](int) { calls.fetch_add(1); };
  for (int i = 1; i <= 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // far longer than they spin
    team.run(count);
    ASSERT_EQ(calls.load(), i * GetParam());
  }
  // Just about when they fall asleep: a wake-up must not be lost.
  for (int i = 0; i < 200; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(i));
    team.run(count);
  }
  EXPECT_EQ(calls.load(), 205 * GetParam());
}

// Jobs of changing sizes: exactly the first n threads run, also after the others have slept.
TEST_P(ThreadTeams, APartOfTheTeamWorks) {
  ThreadTeam team({.n_threads = GetParam(), .pin = false});
  std::array<int, 8> calls{};
  std::array<int, 8> expected{};
  std::array<int, 8> wrong{};
  for (int job = 0; job < 600; ++job) {
    const int n = 1 + job * 5 % GetParam();
    auto count = [&](int thread) {
      calls[size_t(thread)] += 1;
      wrong[size_t(thread)] += team.n_running() != n ? 1 : 0;
      team.barrier();
      wrong[size_t(thread)] += calls[0] != job + 1 ? 1 : 0;  // the barrier was of all n
    };
    for (int t = 0; t < n; ++t) expected[size_t(t)] += 1;
    // Long enough for some to fall asleep, at times.
    if (job % 100 == 99) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    team.run(count, n);
    ASSERT_EQ(calls, expected) << "job " << job << " of " << n;
  }
  for (const int w : wrong) EXPECT_EQ(w, 0);
}

// Every piece once in each phase, behind barriers and in new jobs, of all sizes.
TEST_P(ThreadTeams, PiecesAreTakenOnce) {
  ThreadTeam team({.n_threads = GetParam(), .pin = false});
  constexpr int kMost = 500;
  constexpr std::array<int64_t, 6> kSizes = {kMost, 0, 1, 7, kMost, 97};
  std::array<std::array<std::atomic<int>, kMost>, kSizes.size()> taken{};
  auto job = [&](int thread) {
    for (size_t phase = 0; phase < kSizes.size(); ++phase) {
      for (;;) {
        const ThreadTeam::Pieces p = team.take(thread, kSizes[phase]);
        if (p.begin == p.end) break;
        for (int64_t i = p.begin; i < p.end; ++i) taken[phase][size_t(i)].fetch_add(1);
      }
      team.barrier();
    }
  };
  for (int round = 1; round <= 3; ++round) {
    team.run(job, round == 2 ? 1 : 0);
    for (size_t phase = 0; phase < kSizes.size(); ++phase)
      for (int64_t i = 0; i < kMost; ++i)
        ASSERT_EQ(taken[phase][size_t(i)].load(), i < kSizes[phase] ? round : 0)
            << "phase " << phase << ", piece " << i;
  }
}

// One thread sleeps on what it took: the others do the rest of its share.
TEST(ThreadTeam, OthersDoWhatAThreadHasNotBegun) {
  ThreadTeam team({.n_threads = 3, .pin = false});
  std::array<int64_t, 3> done{};
  auto job = [&](int thread) {
    for (;;) {
      const ThreadTeam::Pieces p = team.take(thread, 300);
      if (p.begin == p.end) break;
      done[size_t(thread)] += p.end - p.begin;
      if (thread == 1) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  };
  team.run(job);
  EXPECT_EQ(done[0] + done[1] + done[2], 300);
  EXPECT_LT(done[1], 100);
}

TEST(ThreadTeam, EndsWhileAPartSleeps) {
  for (int i = 0; i < 5; ++i) {
    ThreadTeam team({.n_threads = 4, .pin = false});
    auto nothing = [](int) {};
    team.run(nothing, 2);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    team.run(nothing, 2);
  }
}

TEST(ThreadTeam, EndsWithoutHavingWorked) {
  for (int i = 0; i < 20; ++i) ThreadTeam({.n_threads = 1 + i % 8, .pin = false});
}

}  // namespace
}  // namespace hearth
