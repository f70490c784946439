// `hearth bench` on a tiny model, from words to table and JSON. Nothing here asserts a speed.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/bench_report.h"
#include "app/dispatch.h"
#include "app/exit_code.h"
#include "model/tiny_model.h"

namespace hearth::app {

extern const Command kBench;

namespace {

namespace fs = std::filesystem;
using bench::Json;

class BenchTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        fs::temp_directory_path() / fmt::format("hearth-bench-{}-{}", info->name(), ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }

  void write(const char* name, std::string_view bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
  }

  void make_model() const {
    const auto tiny = model::make_tiny_model({.arch = model::find_arch("llama")}).value();
    const std::vector<std::byte> bytes = tiny.to_bytes().value();
    write("tiny.gguf", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }

  // Runs `hearth bench ARGS`.
  int run(std::vector<std::string> args) {
    static const Command* const commands[] = {&kBench};
    AppContext context;
    context.in = std::tmpfile();
    context.out = std::tmpfile();
    context.err = std::tmpfile();
    context.env = [](std::string_view) { return std::nullopt; };
    context.commands = commands;
    args.insert(args.begin(), "bench");
    const int code = run_hearth(args, context);
    out_ = content(context.out);
    err_ = content(context.err);
    for (std::FILE* file : {context.in, context.out, context.err}) std::fclose(file);
    return code;
  }

  static std::string content(std::FILE* file) {
    std::rewind(file);
    std::string text;
    for (int c = std::getc(file); c != EOF; c = std::getc(file)) text += char(c);
    return text;
  }

  [[nodiscard]] Json results(const char* name) const {
    std::ifstream file(path(name));
    return Json::parse(file);
  }

  fs::path folder_;
  std::string out_;
  std::string err_;
};

TEST_F(BenchTest, RowsAsTableAndAsJson) {
  make_model();
  ASSERT_EQ(run({path("tiny.gguf"), "-p", "8", "-n", "4", "-d", "10", "-b", "1,2", "-r", "1", "-t",
                 "1", "--profile", "--json", path("a.json")}),
            0)
      << err_;
  for (const char* name : {"pp8 @ d10", "tg4 @ d10", "tg4 b2 @ d10"})
    EXPECT_TRUE(out_.contains(fmt::format(" {} |", name))) << name << out_;
  const Json json = results("a.json");
  EXPECT_EQ(json["machine"]["threads"], 1);
  EXPECT_GT(json["machine"]["bytes_per_second"].get<double>(), 0);
  ASSERT_EQ(json["rows"].size(), 3u);
  const Json& row = json["rows"][2];
  EXPECT_EQ(row["test"], "tg");
  EXPECT_EQ(row["n_prompt"], 0);
  EXPECT_EQ(row["n_gen"], 4);
  EXPECT_EQ(row["depth"], 10);
  EXPECT_EQ(row["batch"], 2);
  EXPECT_EQ(row["threads"], 1);
  EXPECT_EQ(row["type"], "F32");
  EXPECT_EQ(row["samples"].size(), 1u);
  EXPECT_NEAR(row["gigabytes_per_second"].get<double>() * 1e9,
              row["bytes_per_token"].get<double>() * row["tokens_per_second"].get<double>(), 1);
  EXPECT_GT(row["macs_per_second"].get<double>(), 0);
  EXPECT_GT(row["percent_of_bandwidth"].get<double>(), 0);
  EXPECT_GT(row["percent_of_peak"].get<double>(), 0);
  double percent = 0;
  for (const Json& operation : row["profile"]) {
    percent += operation["percent"].get<double>();
    EXPECT_EQ(operation["calls"].get<int>() % 4, 0) << operation;
    EXPECT_TRUE(out_.contains(operation["name"].get<std::string>())) << operation;
  }
  EXPECT_NEAR(percent, 100, 1e-6);
}

TEST_F(BenchTest, ComparesWithAnEarlierRun) {
  make_model();
  const std::vector<std::string> tests = {path("tiny.gguf"), "-p", "0", "-n", "4", "-r", "1"};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> words = tests;
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  ASSERT_EQ(with({"--json", path("a.json")}), 0) << err_;
  ASSERT_EQ(with({"--compare", path("a.json")}), 0) << err_;
  EXPECT_TRUE(out_.contains("old t/s")) << out_;
  // Refused before anything is measured.
  write("other.json", R"({"rows": [{"test": "tg"}]})");
  write("cut.json", R"({"rows": [)");
  write("list.json", "[1, 2]");
  for (const char* name : {"other.json", "cut.json", "list.json"}) {
    EXPECT_EQ(with({"--compare", path(name)}), exit_code_of(ErrorCode::kCorrupt)) << name;
    EXPECT_TRUE(err_.contains("holds no results of a benchmark")) << err_;
    EXPECT_TRUE(err_.contains("--json")) << err_;
    EXPECT_EQ(out_, "");
  }
  EXPECT_EQ(with({"--compare", path("missing.json")}), exit_code_of(ErrorCode::kNotFound));
}

TEST_F(BenchTest, WhatDoesNotFitIsRefused) {
  make_model();
  EXPECT_EQ(run({path("tiny.gguf"), "-d", "16777216", "-b", "512"}),
            exit_code_of(ErrorCode::kOutOfMemory));
  EXPECT_TRUE(err_.contains("512 sequences of 16777728 tokens")) << err_;
  EXPECT_TRUE(err_.contains("--depth or --batch")) << err_;
  EXPECT_EQ(run({path("tiny.gguf"), "-b", "513"}), 2);
  EXPECT_TRUE(err_.contains("--batch takes numbers up to 512")) << err_;
  EXPECT_EQ(run({path("tiny.gguf"), "-d", "100", "--ctx", "50"}), 2);
  EXPECT_TRUE(err_.contains("a context of 612")) << err_;
}

Json row(const char* test, int n_prompt, int n_gen, int depth, int batch, double rate) {
  return {{"test", test},
          {"type", "Q8_0"},
          {"n_prompt", n_prompt},
          {"n_gen", n_gen},
          {"depth", depth},
          {"batch", batch},
          {"tokens_per_second", rate},
          {"percent_of_bandwidth", rate / 2},
          {"percent_of_peak", rate / 4}};
}

TEST(BenchComparison, RowsOfTheSameTestMeet) {
  Json old_row = row("tg", 0, 64, 4096, 4, 40);
  old_row["percent_of_bandwidth"] = 40;
  Json other_type = row("pp", 512, 0, 0, 512, 100);
  other_type["type"] = "Q4_0";
  const Json old_results = {
      {"rows", Json::array({other_type, row("tg", 0, 64, 4096, 1, 1), old_row})}};
  const Json now = Json::array({row("pp", 512, 0, 0, 512, 100), row("tg", 0, 64, 4096, 4, 60)});
  const std::string text = bench::comparison(old_results, now);
  // 60 after 40 tokens a second; 30 after 40 per cent of the bandwidth; 15 after 10 of the peak.
  EXPECT_TRUE(
      text.contains("|     tg64 b4 @ d4096 |     40.00 |     60.00 |  1.500 |       0.750 |"
                    "  1.500 |\n"))
      << text;
  EXPECT_FALSE(text.contains("pp512")) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
}

TEST(BenchComparison, TheModelCountsWhereBothNameIt) {
  Json before = row("tg", 0, 64, 0, 1, 40);
  Json now = row("tg", 0, 64, 0, 1, 60);
  now["model"] = "a";
  EXPECT_TRUE(
      bench::comparison({{"rows", Json::array({before})}}, Json::array({now})).contains("1.500"));
  before["model"] = "b";
  EXPECT_TRUE(
      bench::comparison({{"rows", Json::array({before})}}, Json::array({now})).contains("no row"));
}

}  // namespace
}  // namespace hearth::app
