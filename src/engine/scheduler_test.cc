// Single decisions of Scheduler, each in the smallest case that shows it.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/scheduler_sim_test.h"
#include "engine/step_rates.h"

namespace hearth::engine {
namespace {

SchedulerOptions options() {
  SchedulerOptions options;
  options.n_sequences_max = 4;
  options.n_batch = 100;
  options.chunk = 40;
  options.stall_max = 0;
  options.block_positions = 10;
  options.n_blocks = 100;
  options.n_ctx = 500;
  return options;
}

RequestId ask(Simulation& sim, const RequestSpec& spec) {
  return *sim.ask({.spec = spec, .prompt = {}, .n_answers = {}});
}

// The next step's items, as {request, sequence, first, n}.
using Row = std::array<int64_t, 4>;
std::vector<Row> next(Simulation& sim) {
  std::vector<Row> rows;
  sim.step([&](const Step& step) {
    for (const StepItem& item : step.items)
      rows.push_back({item.request, item.sequence, item.first, item.n});
  });
  return rows;
}

TEST(Scheduler, ShortPromptsShareAStepAndLongOnesAreCut) {
  Simulation sim(options());
  const RequestId a = ask(sim, {.n_prompt = 30, .n_new_max = 3});
  const RequestId b = ask(sim, {.key = 1, .n_prompt = 5, .n_new_max = 3});
  EXPECT_EQ(next(sim), (std::vector<Row>{{a, 0, 0, 30}, {b, 0, 0, 5}}));
  const RequestId c = ask(sim, {.key = 2, .n_prompt = 90, .n_new_max = 3});
  EXPECT_EQ(next(sim), (std::vector<Row>{{a, 0, 30, 1}, {b, 0, 5, 1}, {c, 0, 0, 40}}));
  EXPECT_EQ(next(sim), (std::vector<Row>{{a, 0, 31, 1}, {b, 0, 6, 1}, {c, 0, 40, 40}}));
  EXPECT_EQ(next(sim), (std::vector<Row>{{c, 0, 80, 10}})) << "a and b have their three tokens";
  sim.run_until_idle();
}

TEST(Scheduler, AnswersToOnePromptShareIt) {
  Simulation sim(options());
  const RequestId id = ask(sim, {.n_prompt = 15, .n_new_max = 3, .n_sequences = 3});
  sim.step([&](const Step& step) {
    ASSERT_EQ(step.items.size(), 1u);
    EXPECT_TRUE(step.items[0].ends_shared && step.items[0].wants_logits);
  });
  EXPECT_EQ(sim.pool.n_used(), 2);
  sim.step([&](const Step& step) {
    ASSERT_EQ(step.items.size(), 3u);
    EXPECT_EQ(step.n_blocks(), 2) << "two copy the last block";
    EXPECT_EQ(step.n_generating, 3);
  });
  EXPECT_EQ(sim.pool.n_used(), 4);
  sim.run_until_idle();
  EXPECT_EQ(sim.reasons.at(id), EndReason::kDone);
}

TEST(Scheduler, WhatIsCachedIsNotReadAgain) {
  Simulation sim(options());
  std::vector<int32_t> prompt(50, 7);
  Ask ask{.spec = {.n_prompt = 50, .n_new_max = 5}, .prompt = prompt, .n_answers = {}};
  const RequestId a = *sim.ask(ask);
  EXPECT_EQ(next(sim), (std::vector<Row>{{a, 0, 0, 50}}));
  const RequestId b = *sim.ask(ask);
  EXPECT_EQ(next(sim), (std::vector<Row>{{a, 0, 50, 1}, {b, 0, 49, 1}})) << "the last is read";
  sim.run_until_idle();
}

TEST(Scheduler, RefusesWhatNeverFitsWithWhatWould) {
  Scheduler scheduler(options());
  const auto fits = [&](const RequestSpec& spec) {
    const auto id = scheduler.submit(spec, 0);
    if (id) return int64_t{-1};
    EXPECT_EQ(id.error().why, Refusal::Why::kNeverFits);
    return id.error().n_new_fits;
  };
  EXPECT_EQ(fits({.n_prompt = 400, .n_new_max = 102}), 101);
  EXPECT_EQ(fits({.n_prompt = 400, .n_new_max = 101}), -1);
  EXPECT_EQ(fits({.n_prompt = 502, .n_new_max = 1}), 0);
  EXPECT_EQ(fits({.n_prompt = 10, .n_new_max = 1, .n_sequences = 5}), 0);
  // 99 blocks: 40 of the prompt, and 14 for each of four.
  EXPECT_EQ(fits({.n_prompt = 400, .n_new_max = 200, .n_sequences = 4}), 101);
  SchedulerOptions small = options();
  small.n_blocks = 60;  // 59: 40 and 4
  scheduler = Scheduler(small);
  EXPECT_EQ(fits({.n_prompt = 400, .n_new_max = 42, .n_sequences = 4}), 41);
  EXPECT_EQ(fits({.n_prompt = 400, .n_new_max = 41, .n_sequences = 4}), -1);
}

TEST(Scheduler, AFullQueueSaysThePlaceAndTheWait) {
  SchedulerOptions o = options();
  o.n_waiting_max = 6;
  o.n_waiting_key_max = 4;
  o.n_sequences_max = 1;
  Simulation sim(o);
  const RequestSpec spec{.key = 1, .n_prompt = 50, .n_new_max = 20};
  ask(sim, spec);
  sim.step();
  for (int i = 0; i < 4; ++i) ask(sim, spec);
  const auto of_key = sim.scheduler.submit(spec, sim.now);
  ASSERT_FALSE(of_key);
  EXPECT_EQ(of_key.error().why, Refusal::Why::kKeyQueueFull);
  EXPECT_EQ(of_key.error().estimate.place, 4);
  ask(sim, {.key = 2, .n_prompt = 50, .n_new_max = 20});
  ask(sim, {.key = 2, .priority = Priority::kBatch, .n_prompt = 50, .n_new_max = 20});
  const auto refused = sim.scheduler.submit(
      {.key = 3, .priority = Priority::kInteractive, .n_prompt = 50, .n_new_max = 20}, sim.now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().why, Refusal::Why::kQueueFull);
  EXPECT_EQ(refused.error().estimate.place, 0) << "the most urgent";
  EXPECT_GT(refused.error().retry_s, 0);
  EXPECT_GT(of_key.error().estimate.start_s, 3 * refused.error().retry_s);
  sim.run_until_idle();
}

TEST(Scheduler, CancelShowsInTheNextStep) {
  Simulation sim(options());
  const RequestId a = ask(sim, {.n_prompt = 90, .n_new_max = 50});
  const RequestId b = ask(sim, {.n_prompt = 90, .n_new_max = 50});
  sim.step();
  EXPECT_GT(sim.pool.n_used(), sim.pool.n_idle());
  for (const RequestId id : {a, b}) {
    sim.open.at(id).cancelled = true;
    EXPECT_TRUE(sim.scheduler.cancel(id));
    EXPECT_FALSE(sim.scheduler.cancel(id)) << "it is gone";
    EXPECT_EQ(sim.scheduler.estimate(id), std::nullopt);
  }
  sim.step([](const Step& step) {
    EXPECT_TRUE(step.items.empty());
    EXPECT_EQ(step.ended.size(), 2u);
  });
  sim.expect_empty();
}

TEST(Scheduler, AMoreUrgentRequestTakesTheLeastUrgentsPlace) {
  SchedulerOptions o = options();
  o.n_sequences_max = 2;
  Simulation sim(o);
  const RequestId first = ask(sim, {.priority = Priority::kBatch, .n_prompt = 20, .n_new_max = 50});
  const RequestId second =
      ask(sim, {.priority = Priority::kBatch, .n_prompt = 20, .n_new_max = 50});
  for (int i = 0; i < 5; ++i) sim.step();
  const RequestId urgent =
      ask(sim, {.priority = Priority::kInteractive, .n_prompt = 20, .n_new_max = 5});
  sim.step([&](const Step& step) {
    EXPECT_EQ(step.preempted, (std::vector<RequestId>{second}));
    ASSERT_EQ(step.items.size(), 2u);
    EXPECT_EQ(step.items[0].request, first);
    EXPECT_EQ(step.items[1].request, urgent);
  });
  sim.run_until_idle();
  EXPECT_EQ(sim.closed.at(second).n_preempted, 1);
  EXPECT_EQ(sim.closed.at(first).n_preempted, 0);
}

TEST(Scheduler, APromptThatIsReadTwiceIsChargedOnce) {
  SchedulerOptions o = options();
  o.n_sequences_max = 1;
  o.n_blocks = 42;  // the prefix cache has to give way
  Simulation sim(o);
  const RequestId id = ask(sim, {.priority = Priority::kBatch, .n_prompt = 400, .n_new_max = 2});
  sim.step();
  sim.step();
  ask(sim, {.priority = Priority::kInteractive, .n_prompt = 350, .n_new_max = 1});
  double served = 0;
  while (!sim.scheduler.idle())
    sim.step([&](const Step&) {
      for (const auto& [key, account] : sim.scheduler.queue(Priority::kBatch).accounts())
        served = std::max(served, account.served);
    });
  EXPECT_EQ(sim.closed.at(id).n_preempted, 1);
  EXPECT_GT(sim.n_read, 350 + 400);
  EXPECT_EQ(served, 401) << "the last token is not seen here";
}

TEST(Scheduler, WhereMemoryRunsOutTheLatestGoesAndComesBack) {
  SchedulerOptions o = options();
  o.n_blocks = 20;
  Simulation sim(o);
  std::vector<RequestId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(ask(sim, {.n_prompt = 20, .n_new_max = 80}));
  double served = 0;
  while (!sim.scheduler.idle())
    sim.step([&](const Step&) {
      for (const auto& [key, account] : sim.scheduler.queue(Priority::kNormal).accounts())
        served = std::max(served, account.served);
    });
  EXPECT_GT(served, 250);
  EXPECT_LE(served, 3 * (20 + 80)) << "what is computed again is not charged again";
  EXPECT_EQ(sim.closed.at(ids[0]).n_preempted, 0) << "the first always gets on";
  EXPECT_GT(sim.closed.at(ids[2]).n_preempted, 0);
  // What was computed is still in the prefix cache, as far as there was room.
  EXPECT_LT(sim.n_read, 3 * 20 + 200);
}

TEST(Scheduler, MemoryThatAPromptStillNeedsIsNotGivenToAnother) {
  SchedulerOptions o = options();
  o.n_blocks = 60;
  Simulation sim(o);
  const RequestId a = ask(sim, {.key = 1, .n_prompt = 400, .n_new_max = 1});
  const RequestId b = ask(sim, {.key = 2, .n_prompt = 390, .n_new_max = 1});
  const RequestId c = ask(sim, {.key = 1, .n_prompt = 300, .n_new_max = 1});
  sim.run_until_idle();
  for (const RequestId id : {a, b, c}) EXPECT_EQ(sim.closed.at(id).n_preempted, 0);
  EXPECT_EQ(sim.n_read, 1090);
}

TEST(Scheduler, AShortPromptSlipsPastALongOneOfTheSameKey) {
  Simulation sim(options());
  ask(sim, {.n_prompt = 10, .n_new_max = 100});  // generates
  sim.step();
  const RequestId long_one = ask(sim, {.n_prompt = 400, .n_new_max = 2});
  const RequestId short_one = ask(sim, {.n_prompt = 20, .n_new_max = 2});
  sim.run_until_idle();
  const auto& a = sim.closed.at(long_one);
  const auto& b = sim.closed.at(short_one);
  EXPECT_LT(b.first_token - b.asked, (a.first_token - a.asked) / 3);
  EXPECT_LT(a.first_token - a.asked, 12 * (0.001 + 0.05 + 0.002 * 40)) << "one step later at most";
}

TEST(Scheduler, DeadlinesEndRequestsWhereverTheyAre) {
  Simulation sim(options());
  const RequestId a = ask(sim, {.n_prompt = 10, .n_new_max = 100, .deadline = 1});
  SCOPED_TRACE("waits, or runs");
  const RequestId b = ask(sim, {.n_prompt = 400, .n_new_max = 100, .deadline = 0.5});
  sim.run_until_idle();
  EXPECT_EQ(sim.reasons.at(a), EndReason::kExpired);
  EXPECT_EQ(sim.reasons.at(b), EndReason::kExpired);
  EXPECT_LT(sim.now, 1.3);
}

// Beside generating sequences chunks are made so short that a step takes twice as long as without.
TEST(Scheduler, ChunksFollowTheMeasuredTimes) {
  SchedulerOptions o = options();
  o.n_batch = 512;
  o.chunk = 256;
  o.stall_max = 3;
  o.n_ctx = 900;
  Simulation sim(o);
  EXPECT_EQ(sim.scheduler.chunk(), 256);
  ask(sim, {.n_prompt = 10, .n_new_max = 100});
  for (int i = 0; i < 10; ++i) sim.step();
  EXPECT_NEAR(double(sim.scheduler.chunk()), 2 * 0.05 / 0.002, 5);
  ask(sim, {.n_prompt = 500, .n_new_max = 1});
  sim.step([&](const Step& step) { EXPECT_LE(sim.step_seconds(step), 3.1 * 0.051); });
  sim.run_until_idle();
}

TEST(StepRates, LearnsBothTimesFromMixedSteps) {
  StepRates rates(1, 1);
  EXPECT_FALSE(rates.measured());
  rates.add(100, 0, 0.5);
  rates.add(0, 3, 0.2);
  rates.add(0, 0, 5);
  rates.add(10, 1, -1);
  EXPECT_TRUE(rates.measured());
  EXPECT_DOUBLE_EQ(rates.read_s(), 0.005);
  EXPECT_DOUBLE_EQ(rates.generate_s(), 0.2);
  for (int i = 0; i < 100; ++i) {
    rates.add(50, 2, 0.1 + 50 * 0.003);
    rates.add(0, 2, 0.1);
  }
  EXPECT_NEAR(rates.read_s(), 0.003, 1e-4);
  EXPECT_NEAR(rates.generate_s(), 0.1, 1e-3);
}

}  // namespace
}  // namespace hearth::engine
