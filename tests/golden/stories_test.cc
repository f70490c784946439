// Two real, trained models: token ids, what they write (greedy), and how well they predict a text,
// in F32 and 13 types.
#include "engine/session.h"
#include "golden.h"
#include "make/perplexity.h"
#include "text/tokenizer.h"

namespace hearth::golden {
namespace {

constexpr const char* kModels[] = {"stories260K", "TinyStories-656K"};

fs::path story_file(const std::string& model, const std::string& type) {
  return kGoldens / "stories" / model / (model + "-" + type + ".gguf");
}

// Greedy continuation, as the reference ends it: at `n` tokens.
std::vector<int32_t> greedy(engine::Engine& engine, const std::vector<int32_t>& prompt, size_t n) {
  engine::Session session(engine, 0);
  EXPECT_TRUE(session.prompt(prompt).has_value());
  std::vector<int32_t> ids;
  while (ids.size() < n) {
    ids.push_back(int32_t(argmax(session.logits())));
    if (ids.size() < n && !session.append(ids.back())) return {};
  }
  session.clear();
  return ids;
}

std::string from_hex(const std::string& hex) {
  std::string text;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    text += char(std::stoi(hex.substr(i, 2), nullptr, 16));
  return text;
}

class Stories : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!fs::exists(kGoldens / "stories"))
      GTEST_SKIP() << "no " << kGoldens / "stories" << ": trained models are not tested";
    reference_ = read_json(kGoldens / "stories" / GetParam() / "ref.json");
    ASSERT_TRUE(reference_.contains("greedy_f32_exact"));
  }
  nlohmann::json reference_;
};

TEST_P(Stories, Tokenization) {
  engine::EngineOptions options;
  options.threads.generate = 1;
  const auto engine = engine::Engine::load(story_file(GetParam(), "F32").string(), options);
  ASSERT_TRUE(engine.has_value()) << engine.error().message;
  const text::Tokenizer& tokenizer = *(*engine)->tokenizer();
  for (const auto& c : reference_["tokenization"]) {
    const std::string text = from_hex(c["detok_hex"]);
    const auto ids = tokenizer.encode(text, {.add_special = true, .parse_special = false});
    ASSERT_TRUE(ids.has_value());
    EXPECT_EQ(*ids, c["ids_add_special"].get<std::vector<int32_t>>());
    const auto plain = tokenizer.encode(text, {.add_special = false, .parse_special = false});
    EXPECT_EQ(*plain, c["ids_plain"].get<std::vector<int32_t>>());
    EXPECT_EQ(tokenizer.decode(*ids), text);
  }
}

// Two threads give the bits of one (arch_test); they run once here, as they are slow on a machine
// with other work.
TEST_P(Stories, GreedyTextIsTheReferences) {
  std::vector<RunOptions> runs;
  for (const std::string& isa : all_isas())
    for (const char* kv_type : {"f32", "f16"}) runs.push_back({.isa = isa, .kv_type = kv_type});
  runs.push_back({.isa = all_isas().back(), .n_threads = 2});
  for (const RunOptions& run : runs) {
    const auto engine = open_engine(story_file(GetParam(), "F32"), run);
    ASSERT_NE(engine, nullptr);
    for (const auto& c : reference_["greedy_f32_exact"]) {
      const auto expected = c["ids"].get<std::vector<int32_t>>();
      EXPECT_EQ(greedy(*engine, c["prompt_ids"], expected.size()), expected)
          << run.isa << ", " << run.n_threads << " threads, KV " << run.kv_type;
    }
  }
}

// The same models from their original source, against an implementation in float64.
TEST_P(Stories, AgreesWithFloat64) {
  const std::string name = GetParam();
  const fs::path folder = kData / "models" / name;
  const nlohmann::json expected = read_json(folder / "expected.json");
  ASSERT_TRUE(expected.contains("cases"));
  const fs::path own = folder / (name + ".gguf");
  for (const std::string& isa : all_isas()) {
    const auto engine =
        open_engine(fs::exists(own) ? own : folder / (name + "-F32.gguf"), {.isa = isa});
    ASSERT_NE(engine, nullptr);
    for (const auto& c : expected["cases"]) {
      const auto ids = c["greedy"].get<std::vector<int32_t>>();
      EXPECT_EQ(greedy(*engine, c["prompt_ids"], ids.size()), ids) << isa << ": " << c["prompt"];
      engine::Session session(*engine, 0);
      ASSERT_TRUE(session.prompt(c["prompt_ids"].get<std::vector<int32_t>>()).has_value());
      for (const auto& top : c["last_logits_top10"])
        EXPECT_NEAR(session.logits()[top[0].get<size_t>()], top[1].get<double>(), 2e-4) << isa;
    }
  }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// The text that the reference was measured on: it took the curly quotes out (stories260K lacks
// them) and wrote a line end for the end mark.
std::string reference_text() {
  std::string text = read_file(kData / "text/tinystories_sample.txt");
  text = replaced(replaced(text, "\xe2\x80\x9c", ""), "\xe2\x80\x9d", "");
  return replaced(text, "<|endoftext|>", "\n");
}

double perplexity(const fs::path& file, const std::string& kv_type) {
  engine::EngineOptions options;
  options.n_ctx = 128;
  options.n_outputs = make::kPerplexityRows;
  options.threads.generate = 1;
  options.kv_type = kv_type;
  const auto engine = engine::Engine::load(file.string(), options);
  if (!engine) return NAN;
  const text::Tokenizer& tokenizer = *(*engine)->tokenizer();
  const auto ids =
      tokenizer.encode(reference_text(), {.add_special = true, .parse_special = false});
  if (!ids) return NAN;
  const auto score = make::measure_perplexity(
      **engine, *ids, {.window = 128, .first_token = tokenizer.adds_bos() ? tokenizer.bos() : -1});
  return score ? score->perplexity() : NAN;
}

TEST_P(Stories, PerplexityOfEveryType) {
  std::vector<std::pair<std::string, double>> types = {{"F32", reference_["ppl_f32"][0]}};
  for (const auto& [type, row] : reference_["types"].items())
    types.emplace_back(type, row["ppl"][0]);
  for (const auto& [type, expected] : types) {
    const double got = perplexity(story_file(GetParam(), type), "f16");
    // The reference's figures carry the noise of its own int8 activations: on so small a model a
    // few parts in a thousand.
    EXPECT_NEAR(got / expected, 1, type == "F32" ? 1e-4 : 0.004) << type;
  }
}

// Heads of 8 and 16 numbers gain little from rotation: the worst that can happen to a quantized
// cache.
TEST_P(Stories, PerplexityOfEveryCache) {
  const fs::path file = story_file(GetParam(), "F32");
  const double exact = perplexity(file, "f32");
  EXPECT_NEAR(perplexity(file, "bf16") / exact, 1, 0.004);
  EXPECT_NEAR(perplexity(file, "q8_0") / exact, 1, 0.004);
  const double four_bits = perplexity(file, "q4_0") / exact;
  EXPECT_GT(four_bits, 1);
  EXPECT_LT(four_bits, GetParam() == std::string("stories260K") ? 2 : 1.05);
}

INSTANTIATE_TEST_SUITE_P(Trained, Stories, testing::ValuesIn(kModels), [](const auto& i) {
  return std::string(i.index == 0 ? "stories260K" : "TinyStories656K");
});

TEST(Perplexity, RefusesTooLittleText) {
  const fs::path file = story_file("stories260K", "F32");
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  const auto engine = open_engine(file, {});
  ASSERT_NE(engine, nullptr);
  const std::vector<int32_t> ids(100, 5);
  const auto score = make::measure_perplexity(*engine, ids, {.window = 101});
  ASSERT_FALSE(score.has_value());
  EXPECT_NE(score.error().message.find("100 tokens"), std::string::npos);
  EXPECT_FALSE(make::measure_perplexity(*engine, ids, {.window = 1}).has_value());
  // The mean over both windows is the mean of both means, and the first window alone is the text's
  // first window.
  const auto both = make::measure_perplexity(*engine, ids, {.window = 50});
  const auto first = make::measure_perplexity(*engine, ids, {.window = 50, .windows_max = 1});
  ASSERT_TRUE(both.has_value() && first.has_value());
  EXPECT_EQ(both->n_windows, 2);
  EXPECT_EQ(both->n_tokens, 2 * first->n_tokens);
  EXPECT_NEAR(both->sum, 2 * first->sum, 1e-9);
}

}  // namespace
}  // namespace hearth::golden
