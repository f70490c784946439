// How many threads: candidates, the choice among rates, the file of choices, and one short
// measurement.
#include "engine/thread_choice.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "backend/cpu/isa.h"
#include "base/small_file.h"

namespace hearth::engine {
namespace {

TEST(ThreadChoice, CandidatesFallFromAllToAQuarterOfTheCores) {
  EXPECT_EQ(thread_candidates(1, 1), (std::vector<int>{1}));
  EXPECT_EQ(thread_candidates(2, 2), (std::vector<int>{2, 1}));
  EXPECT_EQ(thread_candidates(16, 8), (std::vector<int>{16, 8, 6, 4, 2}));
  EXPECT_EQ(thread_candidates(3, 8), (std::vector<int>{3, 2, 1}));  // a quota below the cores
}

TEST(ThreadChoice, TheFewestThatAreAsGoodAsTheBest) {
  EXPECT_EQ(best_count(std::vector<ThreadRate>{{16, 50}, {8, 51}, {6, 50.5}, {4, 40}}), 6);
  EXPECT_EQ(best_count(std::vector<ThreadRate>{{2, 30}, {1, 20}}), 2);
}

TEST(ThreadChoice, TheFileKeepsOneLineForEachMachine) {
  std::string text = add_choice("", "cpu a | 0-7", {.generate = 3, .prompt = 8, .reason = {}});
  text = add_choice(text, "cpu b | 0-1", {.generate = 2, .prompt = 1, .reason = {}});
  text = add_choice(text, "cpu a | 0-7", {.generate = 4, .prompt = 7, .reason = {}});
  const auto a = find_choice(text, "cpu a | 0-7", 8);
  ASSERT_TRUE(a.has_value());
  EXPECT_EQ(a->generate, 4);
  EXPECT_EQ(a->prompt, 7);
  ASSERT_TRUE(find_choice(text, "cpu b | 0-1", 2).has_value());
  EXPECT_EQ(find_choice(text, "cpu b | 0-1", 2)->prompt, 1);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_FALSE(find_choice(text, "cpu", 8));
  EXPECT_FALSE(find_choice(text, "cpu a | 0-7", 6)) << "more threads than CPUs";
  for (const char* bad : {"0 1 k", "1 k", "-1 1 k", "a b k", "1 1", "k", "99999 1 k", "\n\n"})
    EXPECT_FALSE(find_choice(bad, "k", 100000)) << bad;
  for (int i = 0; i < 200; ++i) text = add_choice(text, "machine " + std::to_string(i), *a);
  EXPECT_LT(text.size(), 2000u);
}

class ThreadChoices : public ::testing::Test {
 protected:
  ThreadChoices()
      : file_(::testing::TempDir() + "thread_choice_test_" + std::to_string(::getpid()) +
              "/threads") {
    std::filesystem::remove_all(std::filesystem::path(file_).parent_path());
  }
  ~ThreadChoices() override {
    std::filesystem::remove_all(std::filesystem::path(file_).parent_path());
  }
  static backend::cpu::KernelTable kernels() {
    return backend::cpu::select_kernels("", detect_cpu_features()).value();
  }
  std::string file_;
};

TEST_F(ThreadChoices, AsAsked) {
  const ThreadChoice one = choose_threads({.generate = 3, .file = file_}, kernels()).value();
  EXPECT_EQ(one.generate, 3);
  EXPECT_EQ(one.prompt, 3);
  EXPECT_EQ(choose_threads({.generate = 3, .prompt = 5}, kernels())->prompt, 5);
  EXPECT_EQ(choose_threads({.prompt = 5}, kernels())->prompt, 5);
  EXPECT_FALSE(choose_threads({.generate = -1}, kernels()));
  EXPECT_FALSE(choose_threads({.prompt = 5000}, kernels()));
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(ThreadChoices, WithoutAFileEachCoreGetsOne) {
  const ThreadChoice choice = choose_threads({}, kernels()).value();
  EXPECT_EQ(choice.generate, std::min(n_usable_cpus(), usable_cpu_set().n_cores));
  EXPECT_EQ(choice.prompt, choice.generate);
}

TEST_F(ThreadChoices, MeasuredOnceAndKept) {
  if (n_usable_cpus() == 1) GTEST_SKIP() << "nothing to choose";
  const ThreadChoice measured = choose_threads({.file = file_}, kernels()).value();
  EXPECT_EQ(measured.reason, "the best, as measured now");
  const ThreadChoice again = choose_threads({.file = file_}, kernels()).value();
  EXPECT_EQ(again.generate, measured.generate);
  EXPECT_EQ(again.prompt, measured.prompt);
  EXPECT_EQ(again.reason, "the best, as measured on this machine before");
  // A line that no measurement can have written, so that it must come from the file.
  const ThreadChoice odd{.generate = 1, .prompt = n_usable_cpus(), .reason = {}};
  ASSERT_TRUE(replace_small_file(file_, add_choice("", machine_key(kernels().name), odd)));
  const ThreadChoice kept = choose_threads({.file = file_}, kernels()).value();
  EXPECT_EQ(kept.generate, 1);
  EXPECT_EQ(kept.prompt, n_usable_cpus());
  EXPECT_EQ(kept.reason, "the best, as measured on this machine before");
}

// A file stands where the folder should be: nobody can write there, not even root.
TEST_F(ThreadChoices, NothingIsMeasuredWhereItCannotBeKept) {
  ASSERT_TRUE(replace_small_file(file_, "").has_value());
  const auto choice = choose_threads({.file = file_ + "/threads"}, kernels());
  ASSERT_TRUE(choice.has_value());
  EXPECT_EQ(choice->generate, std::clamp(usable_cpu_set().n_cores, 1, n_usable_cpus()));
  EXPECT_EQ(choice->reason.find("measured"), std::string::npos) << choice->reason;
}

TEST_F(ThreadChoices, AMeasurementHasARateForEachCount) {
  const std::vector<int> counts = {2, 1};
  const ThreadRates rates = measure_threads(kernels(), counts, 0.1);
  for (const auto* of : {&rates.generate, &rates.prompt}) {
    ASSERT_EQ(of->size(), 2u);
    EXPECT_EQ((*of)[0].n_threads, 2);
    EXPECT_EQ((*of)[1].n_threads, 1);
    for (const ThreadRate& r : *of) EXPECT_GT(r.steps_per_second, 0);
  }
}

}  // namespace
}  // namespace hearth::engine
