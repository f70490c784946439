#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "app/dispatch.h"
#include "app/show_text.h"
#include "format/gguf_writer.h"

namespace hearth::app {

extern const Command kShow;

namespace {

namespace fs = std::filesystem;
using format::GgufWriter;

struct Outcome {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// A stream in memory whose text can be taken when it is closed.
class MemoryStream {
 public:
  MemoryStream() : file_(open_memstream(&data_, &size_)) {}
  MemoryStream(const MemoryStream&) = delete;
  MemoryStream& operator=(const MemoryStream&) = delete;
  ~MemoryStream() {
    if (file_ != nullptr) std::fclose(file_);
    std::free(data_);  // NOLINT: allocated by open_memstream
  }
  [[nodiscard]] std::FILE* file() const { return file_; }
  std::string take() {
    std::fclose(file_);
    file_ = nullptr;
    return {data_, size_};
  }

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
  std::FILE* file_;
};

class ShowTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = (fs::temp_directory_path() /
             fmt::format("hearth-show-{}-{}.gguf", info->name(), ::getpid()))
                .string();
  }
  void TearDown() override { fs::remove(path_); }

  // A small mixture-of-experts model with a hostile name.
  static GgufWriter sample() {
    GgufWriter w;
    w.set("general.architecture", "llama");
    w.set("general.name", "evil\x1b[2J\xff name");
    w.set("general.license", "apache-2.0");
    w.set("general.file_type", uint32_t{15});
    w.set("llama.block_count", uint32_t{2});
    w.set("llama.context_length", uint32_t{4096});
    w.set("llama.expert_count", uint32_t{8});
    w.set("llama.expert_used_count", uint32_t{2});
    const int32_t same[] = {4, 4};
    const int32_t different[] = {4, 2};
    w.set_array("llama.attention.head_count", std::span<const int32_t>(same));
    w.set_array("llama.attention.head_count_kv", std::span<const int32_t>(different));
    w.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    std::vector<std::string> tokens(100, "x");
    tokens[1] = "<s>";
    tokens[2] = "\n";
    w.set("tokenizer.ggml.model", "gpt2");
    w.set("tokenizer.ggml.pre", "qwen2");
    w.set_array("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
    w.set("tokenizer.ggml.bos_token_id", uint32_t{1});
    w.set("tokenizer.ggml.eos_token_id", uint32_t{2});
    w.set("tokenizer.ggml.add_bos_token", true);
    w.set("tokenizer.chat_template", "line 1\nline 2\nline 3\nline 4\nline 5\nline 6");
    return w;
  }

  static const std::vector<std::byte>& zeros() {
    static const std::vector<std::byte> bytes(1 << 16);
    return bytes;
  }

  void write(GgufWriter w) {
    const auto* f32 = quant::find_type("F32");
    const auto* q4 = quant::find_type("Q4_0");
    w.add_tensor({"a.weight", q4, {64, 8}}, std::span(zeros()).first(64 * 8 / 32 * 18));
    w.add_tensor({"b.weight", f32, {64}}, std::span(zeros()).first(64 * 4));
    const auto written = w.write(path_, {});
    ASSERT_TRUE(written) << written.error().message;
  }

  Outcome show(std::vector<std::string> options) {
    static constexpr const Command* kCommands[] = {&kShow};
    options.insert(options.begin(), {"show", path_});
    MemoryStream out;
    MemoryStream err;
    AppContext context = {.in = stdin,
                          .out = out.file(),
                          .err = err.file(),
                          .env = [](std::string_view) { return std::nullopt; },
                          .commands = kCommands};
    const int code = run_hearth(options, context);
    return {code, out.take(), err.take()};
  }

  std::string path_;
};

void expect_contains(const std::string& text, std::string_view part) {
  EXPECT_NE(text.find(part), std::string::npos) << "want: " << part << "\nin:\n" << text;
}

// The text after `label` on its line.
std::string row(const std::string& text, const std::string& label) {
  const size_t at = text.find("\n  " + label + " ");
  if (at == std::string::npos) return "(no row)";
  const size_t begin = text.find_first_not_of(' ', at + 3 + label.size());
  return text.substr(begin, text.find('\n', begin) - begin);
}

TEST_F(ShowTest, TheSummaryTellsTheFacts) {
  write(sample());
  const Outcome o = show({});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(row(o.out, "architecture"), "llama");
  EXPECT_EQ(row(o.out, "name"), "evil\\x1b[2J\\xff name");
  EXPECT_EQ(row(o.out, "parameters"), "576");
  EXPECT_EQ(row(o.out, "quantization"), "Q4_K_M");
  EXPECT_EQ(row(o.out, "context length"), "4096");
  EXPECT_EQ(row(o.out, "heads"), "4");
  EXPECT_EQ(row(o.out, "KV heads"), "[4, 2]");
  EXPECT_EQ(row(o.out, "experts per token"), "2");
  EXPECT_EQ(row(o.out, "vocabulary"), "100 tokens");
  EXPECT_EQ(row(o.out, "bos"), "1  <s>");
  EXPECT_EQ(row(o.out, "eos"), "2  \\n");
  EXPECT_EQ(row(o.out, "license"), "apache-2.0");
  // 288 bytes Q4_0 and 256 bytes F32 for 576 numbers.
  expect_contains(o.out, "(7.56 bits per weight)");
  expect_contains(o.out, "52.9 %");
  expect_contains(o.out, "line 5\n    ...\n");
  EXPECT_EQ(o.out.find("line 6"), std::string::npos);
  EXPECT_EQ(o.out.find('\x1b'), std::string::npos);
}

TEST_F(ShowTest, WhereGenerationEnds) {
  GgufWriter w = sample();
  std::vector<std::string> tokens(100, "x");
  tokens[1] = "<s>", tokens[2] = "</s>", tokens[3] = "<|im_end|>", tokens[4] = "<~over~>";
  std::vector<int32_t> types(100, 1);
  for (const size_t i : {1, 2, 3, 4}) types[i] = 3;
  w.set_array("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
  w.set_array("tokenizer.ggml.token_type", std::span<const int32_t>(types));
  w.set("tokenizer.chat_template",
        "{% for m in messages %}{{ m.content + '<~over~>' }}{% endfor %}");
  write(std::move(w));
  EXPECT_EQ(row(show({}).out, "generation ends at"), "2 </s>, 3 <|im_end|>, 4 <~over~>");
  const auto json = nlohmann::json::parse(show({"--json"}).out, nullptr, false);
  const auto& ends = json["tokenizer"]["end_of_generation"];
  ASSERT_EQ(ends.size(), 3u);
  EXPECT_EQ(ends[2]["id"], 4);
  EXPECT_EQ(ends[2]["text"], "<~over~>");
}

TEST_F(ShowTest, ThePoolingOfEmbeddingModels) {
  write(sample());
  EXPECT_EQ(row(show({}).out, "pooling"), "(no row)");
  EXPECT_TRUE(nlohmann::json::parse(show({"--json"}).out)["pooling"].is_null());
  for (const auto& [number, name] : {std::pair{1u, "mean"}, {2u, "cls"}, {4u, "rank"}}) {
    GgufWriter w = sample();
    w.set("llama.pooling_type", uint32_t{number});
    write(std::move(w));
    EXPECT_EQ(row(show({}).out, "pooling"), name);
    EXPECT_EQ(nlohmann::json::parse(show({"--json"}).out)["pooling"], name);
  }
}

TEST_F(ShowTest, TheTemplateIsPrintedExactly) {
  write(sample());
  EXPECT_EQ(show({"--template"}).out, "line 1\nline 2\nline 3\nline 4\nline 5\nline 6");
  GgufWriter without = sample();
  without.remove("tokenizer.chat_template");
  write(std::move(without));
  const Outcome o = show({"--template"});
  EXPECT_NE(o.exit_code, 0);
  expect_contains(o.err, "no chat template");
  EXPECT_EQ(o.out, "");
}

TEST_F(ShowTest, TensorsAndMetadataAreListed) {
  write(sample());
  const Outcome tensors = show({"--tensors"});
  expect_contains(tensors.out, "a.weight  Q4_0  64 x 8");
  expect_contains(tensors.out, " 288 ");
  const Outcome metadata = show({"--metadata"});
  expect_contains(metadata.out, "string[100]");
  expect_contains(metadata.out, "[x, <s>, \\n, x, x, x, x, x, ...] (100 of type string)");
  expect_contains(metadata.out, "1e-05");
}

TEST_F(ShowTest, JsonHoldsEverything) {
  write(sample());
  const auto brief = nlohmann::json::parse(show({"--json"}).out, nullptr, false);
  ASSERT_FALSE(brief.is_discarded());
  EXPECT_EQ(brief["architecture"], "llama");
  EXPECT_EQ(brief["name"], "evil\x1b[2J\uFFFD name");
  EXPECT_EQ(brief["n_parameters"], 576);
  EXPECT_EQ(brief["tensor_bytes"], 544);
  EXPECT_EQ(brief["file_bytes"], fs::file_size(path_));
  EXPECT_EQ(brief["sizes"]["n_kv_heads"], (std::vector<int>{4, 2}));
  EXPECT_EQ(brief["weights"][0]["type"], "Q4_0");
  EXPECT_EQ(brief["tokenizer"]["special_tokens"]["bos"]["text"], "<s>");
  EXPECT_EQ(brief["tokenizer"]["add_bos"], true);
  EXPECT_EQ(brief["chat_templates"]["default"].get<std::string>().size(), 41u);
  EXPECT_EQ(brief["metadata"]["llama.attention.layer_norm_rms_epsilon"].dump(), "1e-05");
  EXPECT_EQ(brief["metadata"]["tokenizer.ggml.tokens"]["count"], 100);
  EXPECT_EQ(brief["tensors"][0]["shape"], (std::vector<int>{64, 8}));
  const auto whole = nlohmann::json::parse(show({"--json", "--metadata"}).out, nullptr, false);
  EXPECT_EQ(whole["metadata"]["tokenizer.ggml.tokens"].size(), 100u);
}

TEST_F(ShowTest, AMemoryPlanNeedsAModel) {
  write(sample());
  const Outcome o = show({"--memory"});
  EXPECT_NE(o.exit_code, 0);
  EXPECT_EQ(o.out, "");
  EXPECT_FALSE(o.err.empty());
}

TEST(ShowText, AMemoryPlanAddsUpAndSaysWhatDoesNotFit) {
  engine::MemoryPlan plan;
  plan.arena.note("weights", 600'000'000);
  plan.arena.note("KV cache", 50'000'000);
  plan.context = {.n_ctx = 2048, .reason = "as asked"};
  plan.machine = {.total_bytes = 8'000'000'000, .available_bytes = 100'000'000};
  const std::string text = memory_text(plan);
  EXPECT_EQ(row(text, "KV cache"), "50.0 MB");
  EXPECT_EQ(row(text, "in all"), "650 MB");
  expect_contains(text, "Context: 2048 tokens (as asked).\n");
  expect_contains(text, "8.00 GB of memory, 100 MB of it free.\n");
  EXPECT_EQ(text.find("does not fit"), std::string::npos);
  plan.problem = Error{ErrorCode::kOutOfMemory, "too large", "use a smaller one"};
  expect_contains(memory_text(plan), "does not fit: too large.\n  use a smaller one\n");
}

// The plan for a real model, and how it answers to its options.
TEST(ShowText, AMemoryPlanFollowsItsOptions) {
  const fs::path path = fs::path(HEARTH_SHARED_DIR) / "data/models/stories260K.gguf";
  if (!fs::exists(path)) GTEST_SKIP() << "shared/data/models is not there";
  const auto file = format::ModelFile::open(path.string());
  ASSERT_TRUE(file);
  const auto kv_bytes = [&](engine::EngineOptions options) {
    options.threads.generate = 1;
    const auto plan = engine::Engine::plan_memory(*file, options);
    EXPECT_TRUE(plan) << plan.error().message;
    for (const Arena::Row& row : plan->rows())
      if (row.what == "KV cache") return row.size_bytes;
    return uint64_t{0};
  };
  const uint64_t small = kv_bytes({.n_ctx = 256});
  EXPECT_EQ(kv_bytes({.n_ctx = 512}), 2 * small);
  EXPECT_EQ(kv_bytes({.n_ctx = 256, .kv_type = "f32"}), 2 * small);
  const auto plan = engine::Engine::plan_memory(*file, {.n_ctx = 1'000'000'000'000});
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_TRUE(plan->problem);
  expect_contains(plan->problem->message, "1000000000000 tokens needs");
  EXPECT_FALSE(engine::Engine::plan_memory(*file, {.kv_type = "q9"}));
  EXPECT_FALSE(engine::Engine::plan_memory(*file, {.threads = {.generate = -1}}));
}

TEST_F(ShowTest, AFileWithoutModelIsShownToo) {
  const auto written = GgufWriter().write(path_, {});
  ASSERT_TRUE(written);
  const Outcome o = show({});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  expect_contains(o.out, "GGUF version 3, 0 tensors, 0 keys");
  EXPECT_EQ(show({"--json"}).exit_code, 0);
}

TEST_F(ShowTest, AnAbsentFileIsAnError) {
  const Outcome o = show({});
  EXPECT_NE(o.exit_code, 0);
  EXPECT_EQ(o.out, "");
  expect_contains(o.err, "there is no file");
}

TEST(ShowText, NumbersHaveThreeDigits) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1000), "1.00 K");
  EXPECT_EQ(count_text(1'100'048'384), "1.10 B");
  EXPECT_EQ(count_text(9'999'999'999), "10.0 B");
  EXPECT_EQ(count_text(671'026'419'200), "671 B");
  EXPECT_EQ(count_text(999'900'000'000), "1.00 T");
  EXPECT_EQ(size_text(668'788'096), "669 MB");
  EXPECT_EQ(size_text(384), "384 bytes");
}

// What any model of the shared folder prints stays plain text.
TEST(ShowText, RealModelsPrintWithoutControlBytes) {
  const fs::path folder = fs::path(HEARTH_SHARED_DIR) / "goldens/arch";
  if (!fs::exists(folder)) GTEST_SKIP() << "shared/goldens is not there";
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string path = (entry.path() / "model.gguf").string();
    const auto file = format::ModelFile::open(path);
    ASSERT_TRUE(file) << file.error().message;
    const std::string text =
        summary_text(*file, summarize(*file), path) + tensors_text(*file) + metadata_text(*file);
    for (const char c : text)
      ASSERT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= ' ') << path;
    expect_contains(text, "parameters");
  }
}

}  // namespace
}  // namespace hearth::app
