// Every architecture that Hearth runs against the logits of the reference implementation, in every
// way of feeding, on every instruction set. The models of ../shared/goldens/arch, and some of our
// own in data/, so that the test says something without them too.
#include "engine/embedder.h"
#include "golden.h"
#include "golden_models.h"

namespace hearth::golden {
namespace {

// The reference's own noise is near 1e-12; where it looked GELU up in a table of halves, its
// ref.json says more.
constexpr double kNmseMax = 1e-8;

// Those that give logits, or those that give embeddings.
std::vector<GoldenModel> models_of_kind(const fs::path& folder, bool is_embedding) {
  std::vector<GoldenModel> models = models_in(folder);
  std::erase_if(models, [&](const GoldenModel& m) { return m.is_embedding != is_embedding; });
  return models;
}

// The answer for one text alone, not normalized.
std::vector<float> embed(engine::Engine& engine, const std::vector<int32_t>& ids,
                         model::Pooling pooling) {
  const auto answers = engine::Embedder(engine).embed(std::span(&ids, 1), pooling, false);
  EXPECT_TRUE(answers.has_value()) << answers.error().message;
  return answers ? answers->front().values : std::vector<float>();
}

class Golden : public testing::TestWithParam<GoldenModel> {
 protected:
  void SetUp() override {
    reference_ = read_json(GetParam().folder / "ref.json");
    ASSERT_TRUE(reference_.contains("prompts"));
    is_embedding_ = GetParam().is_embedding;
    for (const auto& [name, prompt] : reference_["prompts"].items()) {
      const fs::path file =
          GetParam().folder / ((is_embedding_ ? "embd." : "logits.") + name + ".npy");
      Prompt p{name, prompt["ids"].get<std::vector<int32_t>>(), read_npy(file), {}};
      ASSERT_GT(p.rows.rows, 0) << file;
      if (is_embedding_) {
        p.pooled = read_npy(GetParam().folder / ("embd." + name + ".pooled.npy"));
        ASSERT_EQ(p.pooled.rows, 1) << file;
      }
      n_ctx_ = prompt.value("n_ctx", 256);
      prompts_.push_back(std::move(p));
    }
    ASSERT_FALSE(prompts_.empty());
  }

  struct Prompt {
    std::string name;
    std::vector<int32_t> ids;
    Matrix rows;
    Matrix pooled;  // of embedding models
  };
  [[nodiscard]] fs::path file() const { return GetParam().folder / "model.gguf"; }
  [[nodiscard]] std::unique_ptr<engine::Engine> open(const std::string& isa, int n_threads,
                                                     int n_batch,
                                                     const std::string& kv_type = "f32") const {
    return open_engine(file(), {isa, n_threads, n_batch, kv_type, n_ctx_});
  }
  [[nodiscard]] std::vector<float> run(engine::Engine& engine, const Prompt& prompt) const {
    return is_embedding_ ? embed(engine, prompt.ids, model::Pooling::kNone)
                         : all_logits(engine, prompt.ids);
  }

  nlohmann::json reference_;
  std::vector<Prompt> prompts_;
  int64_t n_ctx_ = 256;
  bool is_embedding_ = false;
};

TEST_P(Golden, ExactWithF32Cache) {
  const double most = reference_.value("nmse_max", kNmseMax);
  for (const std::string& isa : all_isas()) {
    const auto engine = open(isa, 1, 512);
    ASSERT_NE(engine, nullptr);
    for (const Prompt& p : prompts_) {
      const std::vector<float> all = run(*engine, p);
      const std::span<const float> rows = saved_rows(all, p.ids.size(), p.rows);
      EXPECT_LE(nmse(rows, p.rows.values), most) << isa << " " << p.name;
      if (!rows.empty() && !is_embedding_) expect_same_top(rows, p.rows);
      if (!is_embedding_) continue;
      const model::HyperParams& params = engine->model().params();
      ASSERT_TRUE(params.pooling.has_value());
      EXPECT_LE(nmse(embed(*engine, p.ids, *params.pooling), p.pooled.values), most)
          << isa << " " << p.name << " pooled";
    }
  }
}

TEST_P(Golden, NearWithF16Cache) {
  const double noise = reference_["reference"].value("nmse_kv_f16", 1e-6);
  for (const std::string& isa : all_isas()) {
    const auto engine = open(isa, 1, 512, "f16");
    ASSERT_NE(engine, nullptr);
    for (const Prompt& p : prompts_) {
      const std::vector<float> all = run(*engine, p);
      // Encoders have no cache worth the name, and no noise of it.
      EXPECT_LE(nmse(saved_rows(all, p.ids.size(), p.rows), p.rows.values),
                std::max(10 * noise, kNmseMax))
          << isa << " " << p.name;
    }
  }
}

class GoldenText : public Golden {};
class GoldenEmbedding : public Golden {};

TEST_P(GoldenText, SameBitsHoweverFed) {
  for (const std::string& isa : all_isas()) {
    std::vector<std::vector<float>> whole;
    const auto first = open(isa, 1, 512);
    ASSERT_NE(first, nullptr);
    for (const Prompt& p : prompts_) {
      whole.push_back(all_logits(*first, p.ids));
      EXPECT_TRUE(same_bits(all_logits(*first, p.ids, 1), whole.back()))
          << isa << " " << p.name << " token by token";
    }
    for (const int n_threads : {1, 2}) {
      const auto engine = open(isa, n_threads, 16);
      ASSERT_NE(engine, nullptr);
      for (size_t i = 0; i < prompts_.size(); ++i) {
        const Prompt& p = prompts_[i];
        EXPECT_TRUE(same_bits(all_logits(*engine, p.ids), whole[i]))
            << isa << " " << p.name << " threads " << n_threads << " in steps of 16";
        // Two threads take turns slowly on a machine with other work: the short prompts are enough.
        if (n_threads == 1 || p.ids.size() > 33) continue;
        EXPECT_TRUE(same_bits(all_logits(*engine, p.ids, 1), whole[i]))
            << isa << " " << p.name << " threads 2, token by token";
      }
    }
  }
}

TEST_P(GoldenEmbedding, SameBitsInAnyCompany) {
  std::vector<std::vector<int32_t>> texts;
  for (const Prompt& p : prompts_) texts.push_back(p.ids);
  for (const std::string& isa : all_isas()) {
    const auto alone = open(isa, 1, 512);
    ASSERT_NE(alone, nullptr);
    for (const int n_threads : {1, 2}) {
      const auto engine = open_engine(
          file(), {.isa = isa, .n_threads = n_threads, .n_ctx = n_ctx_, .n_sequences = 3});
      ASSERT_NE(engine, nullptr);
      const model::Pooling pooling = model::default_pooling(engine->model().params());
      const auto together = engine::Embedder(*engine).embed(texts, pooling, false);
      ASSERT_TRUE(together.has_value()) << together.error().message;
      ASSERT_EQ(together->size(), texts.size());
      for (size_t i = 0; i < texts.size(); ++i)
        EXPECT_TRUE(same_bits((*together)[i].values, embed(*alone, texts[i], pooling)))
            << isa << " " << prompts_[i].name << " threads " << n_threads;
    }
  }
}

std::string name_of(const testing::TestParamInfo<GoldenModel>& info) {
  std::string name = info.param.name;
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(uint8_t(c)); }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Shared, Golden, testing::ValuesIn(models_in(kGoldens / "arch")), name_of);
INSTANTIATE_TEST_SUITE_P(Own, Golden, testing::ValuesIn(models_in(kOwn)), name_of);
INSTANTIATE_TEST_SUITE_P(Shared, GoldenText,
                         testing::ValuesIn(models_of_kind(kGoldens / "arch", false)), name_of);
INSTANTIATE_TEST_SUITE_P(Own, GoldenText, testing::ValuesIn(models_of_kind(kOwn, false)), name_of);
INSTANTIATE_TEST_SUITE_P(Shared, GoldenEmbedding,
                         testing::ValuesIn(models_of_kind(kGoldens / "arch", true)), name_of);
INSTANTIATE_TEST_SUITE_P(Own, GoldenEmbedding, testing::ValuesIn(models_of_kind(kOwn, true)),
                         name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Golden);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GoldenText);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GoldenEmbedding);

TEST(GoldenSet, IsThere) {
  if (!fs::exists(kGoldens))
    GTEST_SKIP() << "no " << kGoldens << ": only our own models are tested";
  // Every architecture of the list has at least one golden model, there or among our own.
  std::vector<std::string> missing;
  for (const model::ArchSpec* arch : model::all_archs()) {
    bool found = false;
    for (const fs::path& set : {kGoldens / "arch", kOwn})
      for (const GoldenModel& golden : models_in(set))
        found |= read_json(golden.folder / "ref.json").value("arch", "") == arch->name;
    if (!found) missing.emplace_back(arch->name);
  }
  EXPECT_TRUE(missing.empty()) << missing.front();
}

}  // namespace
}  // namespace hearth::golden
