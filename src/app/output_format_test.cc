// Answers held to a format: reading formats, and a real (tiny, random) model that obeys them.
#include "app/output_format.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/chat_backend.h"
#include "model/spec.h"
#include "model/tiny_model.h"

namespace hearth::app {
namespace {

namespace fs = std::filesystem;

class OutputFormatTest : public testing::Test {
 protected:
  OutputFormatTest()
      : folder_(fs::temp_directory_path() / fmt::format("hearth-format-{}", ::getpid())) {
    fs::create_directories(folder_);
  }
  ~OutputFormatTest() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view text) {
    const std::string path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  fs::path folder_;
};

TEST_F(OutputFormatTest, SaysWhatIsWrong) {
  const auto message = [](const std::string& argument) {
    const auto format = read_output_format(argument);
    return format ? std::string() : format.error().message;
  };
  EXPECT_EQ(message("json"), "");
  EXPECT_NE(message("yaml").find("'yaml' is no format"), std::string::npos);
  EXPECT_NE(message((folder_ / "none.json").string()), "");
  EXPECT_NE(message(folder_.string()), "");
  EXPECT_NE(message(write("a.json", "{\"type\": 3}")).find("a.json: type at #/type"),
            std::string::npos);
  EXPECT_NE(message(write("b.gbnf", "root ::= \"a")).find("b.gbnf: line 1"), std::string::npos);
  EXPECT_NE(message(write("empty.gbnf", "")), "");
  EXPECT_EQ(message(write("c.gbnf", "root ::= \"a\"")), "");
  const auto noted = read_output_format(write("d.json", R"({"format": "colour"})"));
  ASSERT_TRUE(noted.has_value());
  EXPECT_EQ((*noted)->notes.size(), 1u);
}

TEST_F(OutputFormatTest, AModelObeysWithEverySeed) {
  model::TinyOptions options;
  options.arch = model::find_arch("llama");
  options.n_vocab = 400;
  options.with_vocabulary = true;
  auto tiny = model::make_tiny_model(options);
  ASSERT_TRUE(tiny.has_value());
  const auto bytes = tiny->to_bytes();
  ASSERT_TRUE(bytes.has_value());
  const std::string path =
      write("tiny.gguf", {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  const auto backend = make_chat_backend();
  ChatLoadOptions load_options;
  load_options.threads = 1;
  const auto loaded = backend->load(path, load_options, [](uint64_t, uint64_t) { return true; });
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  const auto format = read_output_format(write("s.json", R"({"properties": {
      "name": {"type": "string", "maxLength": 8}, "kind": {"enum": ["a", "b"]},
      "n": {"type": "integer", "maximum": 1000}, "ok": {"type": "boolean"}},
      "required": ["name", "kind", "n", "ok"]})"));
  ASSERT_TRUE(format.has_value()) << format.error().message;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    ChatRequest request;
    request.raw_text = "hello";
    request.format = *format;
    request.sampling.seed = seed;
    request.sampling.temperature = seed % 3 == 0 ? 0.0f : 1.5f;
    std::string answer;
    ChatCallbacks callbacks;
    callbacks.on_text = [&](std::string_view text) {
      answer += text;
      return true;
    };
    const auto stats = backend->generate(request, callbacks);
    ASSERT_TRUE(stats.has_value()) << stats.error().message;
    EXPECT_EQ(stats->stop, StopReason::kEnd) << answer;
    const auto value = nlohmann::json::parse(answer, nullptr, false);
    ASSERT_TRUE(value.is_object()) << seed << ": " << answer;
    EXPECT_EQ(value.size(), 4u);
    EXPECT_TRUE(value["ok"].is_boolean() && value["n"].is_number_integer()) << answer;
  }
}

}  // namespace
}  // namespace hearth::app
