// Every architecture that Hearth runs against the logits of the reference implementation, in every
// way of feeding, on every instruction set. The models of ../shared/goldens/arch, and some of our
// own in data/, so that the test says something without them too.
#include "golden.h"
#include "model/spec.h"

namespace hearth::golden {
namespace {

// The reference's own noise is near 1e-12; where it looked GELU up in a table of halves, its
// ref.json says more.
constexpr double kNmseMax = 1e-8;

struct GoldenModel {
  fs::path folder;
  std::string name;
};

std::vector<GoldenModel> models_in(const fs::path& folder) {
  std::vector<GoldenModel> models;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto file = format::ModelFile::open((entry.path() / "model.gguf").string());
    if (!file || model::find_arch(file->architecture()) == nullptr) continue;
    models.push_back({entry.path(), entry.path().filename().string()});
  }
  std::sort(models.begin(), models.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return models;
}

// The last layer's states behind the output norm, for embedding models: [n, d].
std::vector<float> normed_hidden(engine::Engine& engine, const std::vector<int32_t>& ids) {
  engine.trim(0, 0);
  const model::HyperParams& params = engine.model().params();
  if (!engine.kv().reserve(0, int64_t(ids.size()))) return {};
  std::vector<int32_t> positions;
  for (size_t i = 0; i < ids.size(); ++i) positions.push_back(int32_t(i));
  const std::vector<int32_t> sequence_of(ids.size(), 0);
  tensor::StepInputs in;
  in.n_tokens = int(ids.size());
  in.tokens = ids.data();
  in.positions = positions.data();
  in.sequence_of = sequence_of.data();
  in.sequences = engine.kv().sequences();
  in.layers = engine.kv().layers();
  in.states = engine.kv().states();
  const std::span<const float> hidden = engine.decoder().step(in);
  const float* weight = engine.model().vector(model::Role::kOutputNorm);
  const auto d = size_t(params.n_embd);
  std::vector<float> out(hidden.begin(), hidden.end());
  for (size_t row = 0; row < ids.size(); ++row) {
    double squares = 0;
    for (size_t i = 0; i < d; ++i) squares += double(out[row * d + i]) * double(out[row * d + i]);
    const double scale = 1 / std::sqrt(squares / double(d) + double(params.norm_eps));
    for (size_t i = 0; i < d; ++i)
      out[row * d + i] = float(double(out[row * d + i]) * scale * double(weight[i]));
  }
  return out;
}

class Golden : public testing::TestWithParam<GoldenModel> {
 protected:
  void SetUp() override {
    reference_ = read_json(GetParam().folder / "ref.json");
    ASSERT_TRUE(reference_.contains("prompts"));
    is_embedding_ = reference_.value("kind", "logits") == "embedding";
    for (const auto& [name, prompt] : reference_["prompts"].items()) {
      const fs::path file =
          GetParam().folder / ((is_embedding_ ? "embd." : "logits.") + name + ".npy");
      Prompt p{name, prompt["ids"].get<std::vector<int32_t>>(), read_npy(file)};
      ASSERT_GT(p.rows.rows, 0) << file;
      n_ctx_ = prompt.value("n_ctx", 256);
      prompts_.push_back(std::move(p));
    }
    ASSERT_FALSE(prompts_.empty());
  }

  struct Prompt {
    std::string name;
    std::vector<int32_t> ids;
    Matrix rows;
  };
  [[nodiscard]] fs::path file() const { return GetParam().folder / "model.gguf"; }
  [[nodiscard]] std::unique_ptr<engine::Engine> open(const std::string& isa, int n_threads,
                                                     int n_batch,
                                                     const std::string& kv_type = "f32") const {
    return open_engine(file(), {isa, n_threads, n_batch, kv_type, n_ctx_});
  }
  [[nodiscard]] std::vector<float> run(engine::Engine& engine, const Prompt& prompt) const {
    return is_embedding_ ? normed_hidden(engine, prompt.ids) : all_logits(engine, prompt.ids);
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
      EXPECT_LE(nmse(saved_rows(all, p.ids.size(), p.rows), p.rows.values), 10 * noise)
          << isa << " " << p.name;
    }
  }
}

TEST_P(Golden, SameBitsHoweverFed) {
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

std::string name_of(const testing::TestParamInfo<GoldenModel>& info) {
  std::string name = info.param.name;
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(uint8_t(c)); }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Shared, Golden, testing::ValuesIn(models_in(kGoldens / "arch")), name_of);
INSTANTIATE_TEST_SUITE_P(Own, Golden, testing::ValuesIn(models_in(kOwn)), name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Golden);

TEST(GoldenSet, IsThere) {
  if (!fs::exists(kGoldens))
    GTEST_SKIP() << "no " << kGoldens << ": only our own models are tested";
  // Every architecture of the list has at least one golden model.
  std::vector<std::string> missing;
  for (const model::ArchSpec* arch : model::all_archs()) {
    bool found = false;
    for (const GoldenModel& golden : models_in(kGoldens / "arch"))
      found |= read_json(golden.folder / "ref.json").value("arch", "") == arch->name;
    if (!found) missing.emplace_back(arch->name);
  }
  EXPECT_TRUE(missing.empty()) << missing.front();
}

}  // namespace
}  // namespace hearth::golden
