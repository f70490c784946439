// Scheduler under load: thousands of requests with random arrivals, lengths, aborts and deadlines.
// Simulation checks every step; here stand the promises about the whole.
#include "engine/scheduler_sim_test.h"

namespace hearth::engine {
namespace {

SchedulerOptions small_options() {
  SchedulerOptions options;
  options.n_sequences_max = 16;
  options.n_batch = 128;
  options.chunk = 64;
  options.block_positions = 16;
  options.n_blocks = 4000;
  options.n_ctx = 2000;
  return options;
}

// Prompts that begin alike, with one of a few system prompts, and end differently.
Ask random_ask(std::mt19937_64& random) {
  Ask ask;
  ask.spec.key = random() % 4;
  ask.spec.priority = Priority(random() % kPriorities);
  const auto system = int32_t(random() % 3);
  for (int32_t i = 0; i < 40 * system; ++i) ask.prompt.push_back(system * 1000 + i);
  const uint64_t longest = random() % 10 == 0 ? 600 : 60;
  for (auto n = int64_t(1 + random() % longest); n > 0; --n)
    ask.prompt.push_back(int32_t(random() % 100));
  ask.spec.n_prompt = int64_t(ask.prompt.size());
  ask.spec.n_new_max = int64_t(1 + random() % 80);
  if (random() % 5 == 0) ask.spec.n_sequences = int(2 + random() % 3);
  for (int i = 0; i < ask.spec.n_sequences; ++i)
    ask.n_answers.push_back(int64_t(1 + random() % 100));
  return ask;
}

struct Traffic {
  int n_requests = 3000;
  double mean_gap = 0.15;
  bool aborts = true;
};

// Asks at random times, and cancels some: while they wait, between steps, and while a step runs.
void drive(Simulation& sim, const Traffic& traffic) {
  std::exponential_distribution<double> gap(1 / traffic.mean_gap);
  double next = 0;
  int n_asked = 0;
  const auto abort_some = [&](const Step&) {
    if (!traffic.aborts || sim.open.empty() || sim.random() % 40 != 0) return;
    const auto victim = std::next(sim.open.begin(), int64_t(sim.random() % sim.open.size()));
    if (victim->second.cancelled) return;
    const bool over = std::ranges::count(victim->second.over, false) == 0;
    if (!over) victim->second.cancelled = sim.scheduler.cancel(victim->first);
  };
  while ((n_asked < traffic.n_requests || !sim.open.empty()) && !testing::Test::HasFatalFailure()) {
    while (next <= sim.now && n_asked < traffic.n_requests) {
      Ask ask = random_ask(sim.random);
      if (traffic.aborts && sim.random() % 10 == 0)
        ask.spec.deadline = sim.now + double(sim.random() % 1000) / 100;
      const auto id = sim.ask(std::move(ask));
      if (!id) {
        ASSERT_NE(id.error().why, Refusal::Why::kNeverFits);
      }
      ++n_asked;
      next += gap(sim.random);
    }
    if (sim.open.empty()) sim.now = std::max(sim.now, next);
    abort_some({});
    sim.step(abort_some);
    // The preempted wait, too.
    ASSERT_LE(sim.scheduler.n_waiting(), sim.options_.n_waiting_max + sim.options_.n_sequences_max);
  }
  sim.step();
  sim.expect_empty();
}

TEST(SchedulerSimulation, ThousandsOfRequestsWithAmpleMemory) {
  for (const uint64_t seed : {1, 2, 3}) {
    Simulation sim(small_options(), seed);
    drive(sim, {});
    EXPECT_EQ(sim.n_missed, 0) << "every generating sequence gets a token in every step";
    EXPECT_GT(sim.closed.size(), 2000u);
    EXPECT_GT(sim.n_cached, 20000);
    std::map<EndReason, int> ends;
    for (const auto& [id, reason] : sim.reasons) ++ends[reason];
    EXPECT_GT(ends[EndReason::kDone], 1000);
    EXPECT_GT(ends[EndReason::kCancelled], 100);
    EXPECT_GT(ends[EndReason::kExpired], 20);
  }
}

TEST(SchedulerSimulation, WithDrafts) {
  Simulation sim(small_options(), 4);
  sim.n_draft_most = 5;
  drive(sim, {});
  EXPECT_EQ(sim.n_missed, 0);
}

// Little memory: requests are preempted again and again, and each still ends, with all its tokens.
TEST(SchedulerSimulation, WithLittleMemory) {
  for (const uint64_t seed : {5, 6, 7}) {
    SchedulerOptions options = small_options();
    options.n_blocks = 80;
    options.n_ctx = 1000;
    Simulation sim(options, seed);
    sim.n_draft_most = seed == 7 ? 4 : 0;
    drive(sim, {.n_requests = 2000, .mean_gap = 0.1});
    int n_preempted = 0;
    for (const auto& [id, known] : sim.closed) n_preempted += known.n_preempted;
    EXPECT_GT(n_preempted, 50);
  }
}

// Where nothing is scarce but time, a step is full as long as anybody has something to read.
TEST(SchedulerSimulation, NoStepIsIdleWhileWorkWaits) {
  SchedulerOptions options = small_options();
  options.n_sequences_max = 64;
  options.n_batch = 128;
  options.stall_max = 0;
  Simulation sim(options, 8);
  for (int i = 0; i < 15; ++i) {
    Ask ask = random_ask(sim.random);
    ASSERT_TRUE(sim.ask(std::move(ask)));
  }
  while (!sim.scheduler.idle() && !HasFatalFailure()) {
    sim.step([&](const Step& step) {
      const bool full = step.n_read >= (step.n_generating > 0 ? options.chunk : options.n_batch);
      if (full) return;
      EXPECT_EQ(sim.scheduler.n_waiting(), 0);
      for (const auto& [id, known] : sim.open) EXPECT_GE(known.first_token, 0);
    });
  }
}

// Two keys with a backlog: tokens by weight, whatever the sizes of their requests and who asks
// more.
TEST(SchedulerSimulation, KeysShareByWeight) {
  for (const double weight : {1.0, 3.0}) {
    SchedulerOptions options = small_options();
    options.n_waiting_max = options.n_waiting_key_max = 5000;
    Simulation sim(options, 9);
    int64_t largest = 0;
    const auto fill = [&](uint64_t key, size_t n_most) {
      for (auto n = size_t(sim.scheduler.queue(Priority::kNormal).n_waiting(key)); n < n_most;
           ++n) {
        Ask ask = random_ask(sim.random);
        ask.prompt.clear();
        ask.n_answers.clear();
        ask.spec.priority = Priority::kNormal;
        ask.spec.n_sequences = 1;
        ask.spec.key = key;
        if (key == 1) {
          ask.spec.weight = weight;
          ask.spec.n_prompt = int64_t(400 + sim.random() % 500);
        }
        largest = std::max(largest, ask.spec.n_prompt + ask.spec.n_new_max);
        ASSERT_TRUE(sim.ask(std::move(ask)));
      }
    };
    double worst = 0;
    for (int i = 0; i < 6000 && !HasFatalFailure(); ++i) {
      fill(1, 5);
      fill(2, 200);
      sim.step();
      worst = std::max(worst, std::abs(double(sim.served[1]) / weight - double(sim.served[2])));
    }
    const double ratio = double(sim.served[1]) / double(sim.served[2]);
    EXPECT_NEAR(ratio / weight, 1, 0.01);
    // At no time further apart than one request.
    EXPECT_LT(worst, double(largest));
    EXPECT_GT(sim.served[2], 50000);
  }
}

// Of one priority nobody waits for more work than what was there before him, and what runs: bounded
// for each request, not on average.
TEST(SchedulerSimulation, NobodyWaitsForThoseWhoCameLater) {
  SchedulerOptions options = small_options();
  options.stall_max = 0;
  Simulation sim(options, 10);
  const auto ask_one = [&] {
    Ask ask = random_ask(sim.random);
    ask.spec.priority = Priority::kNormal;
    (void)sim.ask(std::move(ask));
  };
  std::map<RequestId, int64_t> backlog;  // of the same key, when it came
  constexpr int64_t kLargest = 4 * 800;
  constexpr int64_t kKeys = 4;
  for (int i = 0; i < 6000 && !HasFatalFailure(); ++i) {
    while (sim.scheduler.n_waiting() < 60) {
      ask_one();
      const auto& [id, known] = *sim.open.rbegin();
      for (const auto& [other, k] : sim.open)
        if (k.ask.spec.key == known.ask.spec.key)
          backlog[id] += k.ask.spec.n_prompt + k.ask.spec.n_new_max * k.ask.spec.n_sequences;
    }
    sim.step();
    for (const auto& [id, known] : sim.open) {
      if (known.started >= 0) continue;
      ASSERT_LE(sim.n_served - known.n_served_before,
                kKeys * (2 * backlog[id] + kLargest) + options.n_sequences_max * kLargest)
          << "request " << id << " is passed over";
    }
  }
  sim.run_until_idle();
}

// Batch work goes on only with what others leave, but it does go on.
TEST(SchedulerSimulation, BatchGetsTheRestAndNeverStarves) {
  SchedulerOptions options = small_options();
  options.patience_s = 20;
  options.n_sequences_max = 8;
  Simulation sim(options, 11);
  std::vector<RequestId> batch;
  const auto ask = [&](Priority priority, uint64_t key) {
    Ask a{.spec = {.key = key, .priority = priority, .n_prompt = 100, .n_new_max = 40},
          .prompt = {},
          .n_answers = {}};
    return *sim.ask(std::move(a));
  };
  for (int i = 0; i < 10; ++i) batch.push_back(ask(Priority::kBatch, 7));
  int64_t n_interactive = 0;
  for (int i = 0; i < 4000 && !HasFatalFailure(); ++i) {
    while (sim.scheduler.queue(Priority::kInteractive).n_waiting() < 10) {
      ask(Priority::kInteractive, 1);
      ++n_interactive;
    }
    sim.step();
  }
  EXPECT_GT(n_interactive, 300);
  const double share = double(sim.served[7]) / double(sim.n_served);
  EXPECT_LT(share, 0.15);
  for (const RequestId id : batch) EXPECT_EQ(sim.reasons.count(id), 1u) << "starved";
  while (sim.scheduler.n_waiting() + sim.scheduler.n_running() > 0 && !HasFatalFailure())
    sim.step();
}

// While prompts come and come, those who generate wait for a token less than three times as long as
// usual, although a step with a whole chunk takes six times as long.
TEST(SchedulerSimulation, StreamsKeepTheirPace) {
  SchedulerOptions options = small_options();
  options.n_sequences_max = 64;
  options.n_batch = 512;
  options.chunk = 128;
  Simulation sim(options, 14);
  std::vector<double> gaps;
  for (int i = 0; i < 3000 && !HasFatalFailure(); ++i) {
    if (i % 12 == 0) {
      RequestSpec spec{.key = sim.random() % 5};
      spec.n_prompt = int64_t(1 + sim.random() % 300);
      spec.n_new_max = int64_t(100 + sim.random() % 800);
      ASSERT_TRUE(sim.ask({.spec = spec, .prompt = {}, .n_answers = {}}));
    }
    const double before = sim.now;
    int64_t n_generating = 0;
    sim.step([&](const Step& step) { n_generating = step.n_generating; });
    gaps.insert(gaps.end(), size_t(n_generating), sim.now - before);
  }
  EXPECT_EQ(sim.n_missed, 0);
  ASSERT_GT(gaps.size(), 50000u);
  std::ranges::sort(gaps);
  EXPECT_LT(gaps[gaps.size() * 99 / 100], 3 * gaps[gaps.size() / 2]);
  EXPECT_GT(sim.n_read, 20000);
}

// An agent's conversation: every turn sends all that was said, and what is new. Beside it three
// others, so that the memory has to be shared.
TEST(SchedulerSimulation, AnAgentsTurnsReadOnlyWhatIsNew) {
  SchedulerOptions options;
  options.n_blocks = 4 * 70;
  options.n_ctx = 20000;
  Simulation sim(options, 15);
  std::vector<std::vector<int32_t>> said(4);
  int64_t n_new = 0;
  for (int turn = 0; turn < 20; ++turn) {
    std::vector<RequestId> ids;
    for (std::vector<int32_t>& prompt : said) {
      const auto n = int64_t(prompt.size());
      while (int64_t(prompt.size()) < n + 600 + int64_t(sim.random() % 100))
        prompt.push_back(int32_t(sim.random() % 30000));
      n_new += int64_t(prompt.size()) - n;
      RequestSpec spec{.key = uint64_t(&prompt - said.data())};
      spec.n_prompt = int64_t(prompt.size());
      spec.n_new_max = 150;
      ids.push_back(*sim.ask({.spec = spec, .prompt = prompt, .n_answers = {}}));
    }
    while (!sim.scheduler.idle() && !HasFatalFailure()) sim.step();
    for (size_t i = 0; i < said.size(); ++i) said[i] = sim.closed.at(ids[i]).tokens[0];
  }
  EXPECT_GT(said[0].size(), 15000u);
  EXPECT_LT(double(sim.n_read), 1.01 * double(n_new));
}

// The same calls, the same steps.
TEST(SchedulerSimulation, IsDeterministic) {
  std::vector<std::vector<int64_t>> traces;
  for (int run = 0; run < 2; ++run) {
    SchedulerOptions options = small_options();
    options.n_blocks = 150;
    Simulation sim(options, 12);
    std::vector<int64_t>& trace = traces.emplace_back();
    for (int i = 0; i < 300; ++i) (void)sim.ask(random_ask(sim.random));
    while (!sim.scheduler.idle() && !HasFatalFailure())
      sim.step([&](const Step& step) {
        for (const StepItem& item : step.items)
          trace.insert(trace.end(), {item.request, item.sequence, item.first, item.n});
      });
  }
  EXPECT_EQ(traces[0], traces[1]);
  EXPECT_GT(traces[0].size(), 1000u);
}

// What people are told while they wait is near what they get.
TEST(SchedulerSimulation, EstimatesAreNear) {
  SchedulerOptions options = small_options();
  Simulation sim(options, 13);
  const auto ask = [&] {
    Ask a = random_ask(sim.random);
    a.spec.priority = Priority::kNormal;
    a.spec.n_sequences = 1;
    a.spec.n_new_max = 40;
    a.n_answers = {int64_t(30 + sim.random() % 10)};
    return *sim.ask(std::move(a));
  };
  for (int i = 0; i < 60; ++i) ask();
  while (!sim.scheduler.idle() && !HasFatalFailure()) sim.step();
  std::map<RequestId, Estimate> told;
  const double then = sim.now;
  for (int i = 0; i < 100; ++i) {
    const RequestId id = ask();
    told[id] = *sim.scheduler.estimate(id);
  }
  std::set<int64_t> places;
  for (const auto& [id, estimate] : told) places.insert(sim.scheduler.estimate(id)->place);
  EXPECT_EQ(places.size(), 100u);
  EXPECT_EQ(*places.rbegin(), 99);
  while (!sim.scheduler.idle() && !HasFatalFailure()) sim.step();
  int n_far = 0;
  double sum_told = 0;
  double sum = 0;
  for (const auto& [id, estimate] : told) {
    const double took = sim.closed.at(id).first_token - then;
    EXPECT_LE(estimate.start_s, estimate.first_token_s);
    sum_told += estimate.first_token_s;
    sum += took;
    n_far += int(took > 3 * estimate.first_token_s || estimate.first_token_s > 3 * took);
  }
  EXPECT_NEAR(sum_told / sum, 1, 0.25) << "told " << sum_told / 100 << " s, was " << sum / 100;
  EXPECT_LE(n_far, 10);
}

}  // namespace
}  // namespace hearth::engine
