// Whole models of every tensor type against exact logits (weights decoded to F32, evaluated in
// F32): what integer kernels and int8 activations may cost, measured against what they cost
// upstream.
#include "golden.h"

namespace hearth::golden {
namespace {

struct QuantModel {
  fs::path folder;
  std::string set;
  std::string type;
  double upstream_nmse = 0;
};

std::vector<QuantModel> all_models() {
  std::vector<QuantModel> models;
  for (const std::string set : {"quant-dense", "quant-moe"}) {
    const fs::path folder = kGoldens / "quant" / set;
    const nlohmann::json reference = read_json(folder / "ref.json");
    if (!reference.contains("rows")) continue;
    for (const auto& row : reference["rows"]) {
      const std::string type = row["type"];
      if (fs::exists(folder / (type + ".gguf")))
        models.push_back({folder, set.substr(6), type, row["nmse_llamacpp_vs_exact"]});
    }
  }
  return models;
}

class QuantGolden : public testing::TestWithParam<QuantModel> {
 protected:
  void SetUp() override {
    const QuantModel& m = GetParam();
    const nlohmann::json reference = read_json(m.folder / "ref.json");
    for (const auto& [name, ids] : reference["prompts"].items()) {
      const std::string file = m.type == "F32" ? "F32." : m.type + ".exact.";
      prompts_.push_back({name, ids, read_npy(m.folder / (file + name + ".npy"))});
      ASSERT_GT(prompts_.back().rows.rows, 0) << name;
    }
  }
  struct Prompt {
    std::string name;
    std::vector<int32_t> ids;
    Matrix rows;
  };
  std::vector<Prompt> prompts_;
};

// Float types are computed with F32 activations: nothing is lost. Block types round activations to
// int8: one scale per 32 for types with short blocks, one per 256 for the K-quants and IQ4_XS, as
// upstream does. Its rounding of the scales differs a little, so which errors add up is chance.
constexpr double kFloatMax = 1e-8;
double share_of_upstream(const quant::TypeInfo& type) {
  return type.block_len == 256 ? 1.01 : 1.25;
}

TEST_P(QuantGolden, NearExact) {
  const QuantModel& m = GetParam();
  const quant::TypeInfo* type = quant::find_type(m.type);
  ASSERT_NE(type, nullptr);
  for (const std::string& isa : all_isas()) {
    // Some ISAs round activations to bfloat16 where the weights are, as upstream does.
    const bool exact = type->is_float && !(m.type == "BF16" && isa == "avx512_bf16");
    const double most = exact ? kFloatMax : m.upstream_nmse * share_of_upstream(*type);
    const auto engine = open_engine(m.folder / (m.type + ".gguf"), {.isa = isa});
    ASSERT_NE(engine, nullptr);
    double worst = 0;
    for (const Prompt& p : prompts_) {
      const std::vector<float> prefill = all_logits(*engine, p.ids);
      worst = std::max(worst, nmse(saved_rows(prefill, p.ids.size(), p.rows), p.rows.values));
      EXPECT_TRUE(same_bits(all_logits(*engine, p.ids, 1), prefill)) << isa << " " << p.name;
    }
    EXPECT_LE(worst, most) << isa;
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, QuantGolden, testing::ValuesIn(all_models()),
                         [](const auto& i) { return i.param.set + "_" + i.param.type; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(QuantGolden);

// Every type that a weight may have is among the models.
TEST(QuantGoldenSet, HasEveryWeightType) {
  if (!fs::exists(kGoldens / "quant")) GTEST_SKIP() << "no " << kGoldens / "quant";
  for (const quant::TypeInfo& type : quant::all_types()) {
    if (type.is_integer || type.is_activation || type.name == "F64") continue;
    const auto models = all_models();
    EXPECT_TRUE(std::any_of(models.begin(), models.end(), [&](const QuantModel& m) {
      return m.type == type.name;
    })) << type.name;
  }
}

}  // namespace
}  // namespace hearth::golden
