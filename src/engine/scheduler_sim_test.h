// Simulation: Scheduler with a null backend. The memory is real (BlockPool, BlockTables,
// PrefixTree: numbers only), the tokens are made up, and time is what a step would take. Every step
// is checked against what scheduler.h promises.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "engine/block_tables.h"
#include "engine/prefix_tree.h"
#include "engine/scheduler.h"

namespace hearth::engine {

struct Ask {
  RequestSpec spec;
  std::vector<int32_t> prompt;     // made up from the spec if empty
  std::vector<int64_t> n_answers;  // true lengths, for each sequence; n_new_max if empty
};

class Simulation : public KvSource {
 public:
  struct Known {
    Ask ask;
    std::vector<std::vector<int32_t>> tokens;  // by sequence: prompt and answer
    std::vector<bool> over;
    std::map<int, int> slots;  // by sequence
    double asked = 0;
    double started = -1;  // when it first computed anything
    double first_token = -1;
    uint64_t asked_in = 0;  // step
    int64_t n_served_before = 0;
    bool cancelled = false;
    int n_preempted = 0;
  };
  static constexpr int kSlots = 128;

  explicit Simulation(const SchedulerOptions& options, uint64_t seed = 1)
      : options_(options),
        scheduler(options),
        random(seed),
        pool({.n_blocks = options.n_blocks}),
        tables(pool, kSlots, options.block_positions),
        tree(pool, options.block_positions) {
    for (int i = 0; i < kSlots; ++i) free_slots_.push_back(i);
  }

  std::expected<RequestId, Refusal> ask(Ask ask) {
    const auto id = scheduler.submit(ask.spec, now);
    if (!id) return id;
    if (ask.prompt.empty())
      for (int64_t i = 0; i < ask.spec.n_prompt; ++i)
        ask.prompt.push_back(int32_t(*id * 100000 + i));
    if (ask.n_answers.empty())
      ask.n_answers.assign(size_t(ask.spec.n_sequences), ask.spec.n_new_max);
    Known known{.ask = ask, .tokens = {}, .over = {}, .slots = {}};
    known.tokens.assign(size_t(ask.spec.n_sequences), ask.prompt);
    known.over.resize(size_t(ask.spec.n_sequences));
    known.asked = now;
    known.asked_in = n_steps;
    known.n_served_before = n_served;
    open[*id] = known;
    return id;
  }

  // Plans a step, checks it, runs it. `meanwhile` is called while it runs.
  void step(const std::function<void(const Step&)>& meanwhile = {}) {
    const Step step = scheduler.next_step(now, *this);
    ++n_steps;
    for (const EndedRequest& ended : step.ended) end(ended);
    for (const RequestId id : step.preempted) ++open.at(id).n_preempted;
    check(step);
    if (testing::Test::HasFatalFailure()) return;
    std::vector<SequenceOutcome> outcomes;
    for (const StepItem& item : step.items) run(item, outcomes);
    if (meanwhile) meanwhile(step);
    const double seconds = step_seconds(step);
    now += seconds;
    scheduler.finished(step, outcomes, seconds);
    ASSERT_LE(pool.n_used(), pool.n_blocks());
  }
  [[nodiscard]] double step_seconds(const Step& step) const {
    return 0.001 + 0.002 * double(step.n_read) + (step.n_generating > 0 ? 0.05 : 0);
  }
  void run_until_idle(int n_most = 1000000) {
    while (!scheduler.idle() && n_most-- > 0 && !testing::Test::HasFatalFailure()) step();
    expect_empty();
  }
  // Nothing is left but what the prefix cache keeps.
  void expect_empty() {
    EXPECT_TRUE(scheduler.idle());
    EXPECT_TRUE(open.empty());
    EXPECT_EQ(free_slots_.size(), size_t(kSlots));
    EXPECT_EQ(pool.n_used(), pool.n_idle());
    EXPECT_TRUE(tree.make_room(pool.n_blocks()));
    for (size_t p = 0; p < kPriorities; ++p)
      EXPECT_TRUE(scheduler.queue(Priority(p)).accounts().empty());
  }

  // --- KvSource ---
  int64_t n_blocks_available() override { return tree.n_available(); }
  int64_t n_blocks_in_use(RequestId id, int64_t n) override {
    return tree.n_blocks_in_use(0, std::span(open.at(id).tokens[0]).first(size_t(n)));
  }
  int64_t start(RequestId id, int sequence, int64_t n) override {
    Known& known = open.at(id);
    EXPECT_TRUE(known.slots.empty());
    EXPECT_FALSE(known.cancelled) << "nothing begins after it was cancelled";
    const auto match = tree.find(0, std::span(known.tokens[size_t(sequence)]).first(size_t(n)));
    tables.attach(take_slot(known, sequence), match.blocks, match.n_tokens);
    n_cached += match.n_tokens;
    return match.n_tokens;
  }
  void stop(RequestId id) override {
    Known& known = open.at(id);
    EXPECT_FALSE(known.slots.empty() && std::ranges::count(known.over, true) == 0);
    while (!known.slots.empty()) give_back(known, known.slots.begin()->first);
  }

  SchedulerOptions options_;
  Scheduler scheduler;
  std::mt19937_64 random;
  BlockPool pool;
  BlockTables tables;
  PrefixTree tree;
  double now = 0;
  uint64_t n_steps = 0;
  std::map<RequestId, Known> open;
  std::map<RequestId, Known> closed;
  std::map<RequestId, EndReason> reasons;
  std::map<uint64_t, int64_t> served;      // by key: new tokens, prompt and answer
  std::map<RequestId, int64_t> n_read_of;  // positions paid for, or cached
  int64_t n_served = 0;
  int64_t n_read = 0;
  int64_t n_cached = 0;
  int64_t n_missed = 0;  // tokens that a generating sequence did not get in a step
  int64_t n_draft_most = 0;

 private:
  int take_slot(Known& known, int sequence) {
    EXPECT_FALSE(free_slots_.empty());
    const int slot = free_slots_.back();
    free_slots_.pop_back();
    known.slots[sequence] = slot;
    return slot;
  }
  void give_back(Known& known, int sequence) {
    const int slot = known.slots.at(sequence);
    const auto n = size_t(tables.n_positions(slot));
    tree.insert(0, std::span(known.tokens[size_t(sequence)]).first(n), tables.blocks(slot), slot);
    tables.trim(slot, 0);
    known.slots.erase(sequence);
    free_slots_.push_back(slot);
  }
  void end(const EndedRequest& ended) {
    ASSERT_TRUE(open.contains(ended.id)) << "ended twice";
    Known& known = open.at(ended.id);
    if (ended.reason == EndReason::kDone) {
      for (size_t s = 0; s < known.tokens.size(); ++s)
        ASSERT_EQ(int64_t(known.tokens[s].size() - known.ask.prompt.size()),
                  std::min(known.ask.n_answers[s], known.ask.spec.n_new_max));
    }
    if (ended.reason == EndReason::kExpired) {
      ASSERT_LE(known.ask.spec.deadline, now);
    }
    ASSERT_EQ(known.cancelled, ended.reason == EndReason::kCancelled);
    ASSERT_TRUE(known.slots.empty());
    closed[ended.id] = std::move(known);
    reasons[ended.id] = ended.reason;
    open.erase(ended.id);
  }

  void check(const Step& step) {
    std::set<std::pair<RequestId, int>> seen;
    int64_t n_tokens = 0;
    int64_t n_prompt = 0;
    int64_t n_drafts = 0;
    for (const StepItem& item : step.items) {
      ASSERT_TRUE(seen.insert({item.request, item.sequence}).second) << "two items of a sequence";
      ASSERT_TRUE(open.contains(item.request));
      ASSERT_EQ(std::ranges::count(step.preempted, item.request), 0);
      const Known& known = open.at(item.request);
      ASSERT_FALSE(known.cancelled) << "computes for somebody who has gone";
      ASSERT_FALSE(known.over[size_t(item.sequence)]);
      ASSERT_TRUE(known.slots.contains(item.sequence));
      const int slot = known.slots.at(item.sequence);
      ASSERT_EQ(tables.n_positions(slot), item.first);
      ASSERT_GT(item.n, 0);
      ASSERT_LE(item.first + item.n - item.n_draft,
                int64_t(known.tokens[size_t(item.sequence)].size()));
      ASSERT_LE(tables.n_blocks_wanted(slot, item.first + item.n), item.n_blocks);
      n_tokens += item.n;
      const bool generates = item.wants_logits && !item.ends_shared;
      n_prompt += generates ? 0 : item.n;
      n_drafts += item.n_draft;
    }
    ASSERT_EQ(n_prompt, step.n_read);
    ASSERT_LE(n_tokens, options_.n_batch);
    if (step.n_generating > 0) {
      ASSERT_LE(step.n_read + n_drafts, options_.chunk) << "others are stalled";
    }
    ASSERT_LE(step.n_blocks(), tree.n_available()) << "more memory than there is";
    int64_t n_slots = 0;
    for (const auto& [id, known] : open) n_slots += int64_t(known.slots.size());
    ASSERT_LE(n_slots, options_.n_sequences_max);
    // Somebody gets on as long as anybody is there.
    ASSERT_EQ(step.items.empty(), open.empty());
    for (const auto& [id, known] : open)
      for (const auto& [sequence, slot] : known.slots)
        if (tables.n_positions(slot) + 1 == int64_t(known.tokens[size_t(sequence)].size()) &&
            known.tokens[size_t(sequence)].size() > known.ask.prompt.size())
          n_missed += int64_t(!seen.contains({id, sequence}));
  }

  void run(const StepItem& item, std::vector<SequenceOutcome>& outcomes) {
    Known& known = open.at(item.request);
    const int slot = known.slots.at(item.sequence);
    const int64_t n_most = tables.n_blocks_wanted(slot, item.first + item.n);
    ASSERT_TRUE(tree.make_room(n_most));
    ASSERT_TRUE(tables.reserve(slot, item.first + item.n).has_value());
    if (known.started < 0) known.started = now;
    count(item, known);
    if (item.ends_shared) {
      tree.insert(0,
                  std::span(known.tokens[size_t(item.sequence)]).first(size_t(item.first + item.n)),
                  tables.blocks(slot), slot);
      for (int s = 0; s < int(known.tokens.size()); ++s)
        if (s != item.sequence && !known.over[size_t(s)])
          tables.attach(take_slot(known, s), tables.blocks(slot), item.first + item.n);
    }
    if (!item.wants_logits) return;
    if (!item.ends_shared) {
      generate(known, item, item.sequence, outcomes);
      return;
    }
    for (int s = 0; s < int(known.tokens.size()); ++s)
      if (!known.over[size_t(s)]) generate(known, item, s, outcomes);
  }
  // Every token counts once, however often it is computed.
  void count(const StepItem& item, const Known& known) {
    if (item.wants_logits && !item.ends_shared) return;
    n_read += item.n;
    const int64_t end = std::min(item.first + item.n, known.ask.spec.n_prompt);
    auto [paid, is_new] = n_read_of.try_emplace(item.request, item.first);
    const int64_t n = std::max<int64_t>(0, end - paid->second);
    paid->second = std::max(paid->second, end);
    served[known.ask.spec.key] += n;
    n_served += n;
  }
  void generate(Known& known, const StepItem& item, int sequence,
                std::vector<SequenceOutcome>& outcomes) {
    const auto s = size_t(sequence);
    const int64_t n_done = int64_t(known.tokens[s].size() - known.ask.prompt.size());
    const int64_t n_most = std::min(known.ask.n_answers[s], known.ask.spec.n_new_max);
    SequenceOutcome outcome{.request = item.request, .sequence = sequence};
    if (item.n_draft > 0)
      outcome.n_new = std::min(n_most - n_done, 1 + int64_t(random() % uint64_t(1 + item.n_draft)));
    for (int64_t i = 0; i < outcome.n_new; ++i)
      known.tokens[s].push_back(int32_t(item.request * 1000 + sequence * 100 + (n_done + i) % 100));
    tables.trim(known.slots.at(sequence), int64_t(known.tokens[s].size()) - 1);
    outcome.ended = n_done + outcome.n_new >= known.ask.n_answers[s];
    if (n_draft_most > 0) outcome.n_draft = int64_t(random() % uint64_t(n_draft_most + 1));
    served[known.ask.spec.key] += outcome.n_new;
    n_served += outcome.n_new;
    if (known.first_token < 0) known.first_token = now + 0.001;
    if (n_done + outcome.n_new >= n_most) {
      known.over[s] = true;
      give_back(known, sequence);
    }
    outcomes.push_back(outcome);
  }

  std::vector<int> free_slots_;
};

}  // namespace hearth::engine
