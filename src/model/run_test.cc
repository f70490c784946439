// Tiny models of every architecture: what they compute, and that it does not depend on how they are
// fed.
#include <gtest/gtest.h>

#include "model/reference_test.h"

namespace hearth::model::test {
namespace {

std::vector<const ArchSpec*> text_archs() {
  std::vector<const ArchSpec*> archs;
  for (const ArchSpec* arch : all_archs())
    if (!is_encoder(*arch)) archs.push_back(arch);
  return archs;
}

TEST(Run, EveryArchitectureComputesItsFormulas) {
  int n_covered = 0;
  for (const ArchSpec* arch : text_archs())
    for (const auto& [name, options] : variants(*arch)) {
      const auto open = test::open(options);
      ASSERT_TRUE(open.has_value()) << name << ": " << open.error().message;
      const Model& model = *open->model;
      if (!is_covered(model.params())) continue;
      ++n_covered;
      const std::vector<int32_t> ids = some_ids(24, options.n_vocab);
      const Row expected = reference_logits(model, make_rope(model.params().rope, {}), ids);
      double power = 0;
      for (const double z : expected) power += z * z;
      EXPECT_GT(power / double(expected.size()), 0.5) << name;  // not a comparison of zeros
      for (const std::string& isa : all_isas()) {
        Runner runner(model, {.isa = isa});
        EXPECT_LE(nmse(runner.logits(ids, ids.size()), expected), 1e-10) << name << ", " << isa;
      }
    }
  EXPECT_GE(n_covered, 20);
}

TEST(Run, PrefillAndDecodeGiveTheSameBits) {
  for (const ArchSpec* arch : text_archs())
    for (const auto& [name, options] : variants(*arch)) {
      const auto open = test::open(options);
      ASSERT_TRUE(open.has_value()) << name << ": " << open.error().message;
      const std::vector<int32_t> ids = some_ids(40, options.n_vocab);
      for (const std::string& isa : all_isas()) {
        Runner whole(*open->model, {.isa = isa});
        Runner single(*open->model, {.isa = isa});
        Runner threes(*open->model, {.isa = isa, .n_threads = 2});
        const std::vector<float> logits = whole.logits(ids, ids.size());
        EXPECT_TRUE(same_bits(single.logits(ids, 1), logits)) << name << ", " << isa;
        EXPECT_TRUE(same_bits(threes.logits(ids, 3), logits)) << name << ", " << isa;
      }
    }
}

TEST(Run, EveryTypeOfWeight) {
  const ArchSpec* arch = find_arch("llama");
  for (const quant::TypeInfo& type : quant::all_types()) {
    if (type.is_integer) continue;
    const auto open = test::open(TinyOptions{.arch = arch,
                                             .n_layers = 1,
                                             .n_embd = 256,
                                             .n_heads = 4,
                                             .head_dim = 64,
                                             .n_ff = 256,
                                             .n_vocab = 40,
                                             .type = &type});
    ASSERT_TRUE(open.has_value()) << type.name << ": " << open.error().message;
    EXPECT_EQ(open->model->head().type, &type);
    const std::vector<int32_t> ids = some_ids(6, 40);
    const Row expected =
        reference_logits(*open->model, make_rope(open->model->params().rope, {}), ids);
    for (const std::string& isa : all_isas()) {
      // Float types are exact; block types round their activations to int8, BF16 may round them to
      // its own precision.
      const bool rounds = !type.is_float || (type.name == "BF16" && isa == "avx512_bf16");
      const double most = rounds ? 2e-3 : 1e-10;
      Runner runner(*open->model, {.isa = isa});
      const std::vector<float> logits = runner.logits(ids, ids.size());
      EXPECT_LE(nmse(logits, expected), most) << type.name << ", " << isa;
      EXPECT_TRUE(same_bits(runner.logits(ids, 1), logits)) << type.name << ", " << isa;
    }
  }
}

// The promise of the product, for every type: one column at a time, few, and many, on one thread
// and two. (Every architecture is above; batches of several sequences are in engine_test.cc.)
TEST(Run, EveryTypeGivesTheSameBitsHoweverFed) {
  const ArchSpec* arch = find_arch("qwen3");
  for (const quant::TypeInfo& type : quant::all_types()) {
    if (type.is_integer) continue;
    const auto open = test::open(TinyOptions{.arch = arch,
                                             .n_layers = 1,
                                             .n_embd = 256,
                                             .n_heads = 4,
                                             .head_dim = 64,
                                             .n_ff = 512,
                                             .n_vocab = 40,
                                             .type = &type});
    ASSERT_TRUE(open.has_value()) << type.name << ": " << open.error().message;
    const std::vector<int32_t> ids = some_ids(70, 40);
    for (const std::string& isa : all_isas()) {
      if (isa == "scalar") continue;  // one loop for every number of columns
      Runner whole(*open->model, {.isa = isa, .n_batch = 70});
      const std::vector<float> logits = whole.logits(ids, ids.size());
      for (const size_t at_once : {1, 3, 6, 13, 17, 33, 64})
        for (const int n_threads : {1, 2}) {
          if (n_threads == 2 && at_once < 13) continue;  // slow on a machine with other work
          Runner parts(*open->model, {.isa = isa, .n_threads = n_threads});
          EXPECT_TRUE(same_bits(parts.logits(ids, at_once), logits))
              << type.name << ", " << isa << ", " << at_once << " at once, " << n_threads
              << " threads";
        }
    }
  }
}

TEST(Run, ARangeOfLayersAtATime) {
  for (const ArchSpec* arch : text_archs())
    for (auto [name, options] : variants(*arch)) {
      // The first layer's values, or the embeddings, flow into all others.
      if (arch->name == "rwkv7" || arch->before_layers != nullptr) continue;
      options.n_layers = 4;
      const auto open = test::open(options);
      ASSERT_TRUE(open.has_value()) << name << ": " << open.error().message;
      const std::vector<int32_t> ids = some_ids(9, options.n_vocab);
      const std::string isa = all_isas().back();
      Runner whole(*open->model, {.isa = isa});
      const std::vector<float> logits = whole.logits(ids, ids.size());
      for (const int cut : {1, 2, 3}) {
        Runner parts(*open->model, {.isa = isa});
        // Two steps, so that the second reads what the first left in the cache of each part.
        std::vector<float> joined;
        for (const auto& [at, n] : {std::pair<size_t, size_t>{0, 5}, {5, 4}}) {
          const auto piece = std::span(ids).subspan(at, n);
          const std::vector<float> hidden = parts.step(piece, int(at), {0, cut});
          ASSERT_EQ(hidden.size(), n * size_t(options.n_embd));
          const std::vector<float> rest = parts.step(piece, int(at), {cut, -1}, hidden.data());
          joined.insert(joined.end(), rest.begin(), rest.end());
        }
        EXPECT_TRUE(same_bits(joined, logits)) << name << ", cut at " << cut;
      }
      Runner three(*open->model, {.isa = isa});
      const std::vector<float> first = three.step(ids, 0, {0, 1});
      const std::vector<float> middle = three.step(ids, 0, {1, 3}, first.data());
      EXPECT_TRUE(same_bits(three.step(ids, 0, {3, -1}, middle.data()), logits)) << name;
    }
}

// Small head sizes, one KV head, odd widths: sizes that no released model has, but a file may.
TEST(Run, OddSizes) {
  for (const ArchSpec* arch : text_archs()) {
    const TinyOptions options{.arch = arch,
                              .n_layers = 3,
                              .n_embd = 36,
                              .n_heads = 3,
                              .n_kv_heads = 1,
                              .head_dim = 10,
                              .n_rot = 6,
                              .n_ff = 50,
                              .n_vocab = 37,
                              .biases = true};
    const auto open = test::open(options);
    // Some have sizes of their own, which these do not fit.
    if (!open && !arch->tiny_keys.empty()) continue;
    ASSERT_TRUE(open.has_value()) << arch->name << ": " << open.error().message;
    if (!is_covered(open->model->params())) continue;
    const std::vector<int32_t> ids = some_ids(15, options.n_vocab);
    const Row expected =
        reference_logits(*open->model, make_rope(open->model->params().rope, {}), ids);
    for (const std::string& isa : all_isas()) {
      Runner runner(*open->model, {.isa = isa, .n_threads = 2});
      const std::vector<float> logits = runner.logits(ids, ids.size());
      EXPECT_LE(nmse(logits, expected), 1e-10) << arch->name << ", " << isa;
      EXPECT_TRUE(same_bits(runner.logits(ids, 1), logits)) << arch->name << ", " << isa;
    }
  }
}

// Beyond one chunk of the cache, with a window that has left the first chunk behind.
TEST(Run, LongerThanAChunk) {
  for (const ArchSpec* arch : text_archs()) {
    const TinyOptions options{.arch = arch,
                              .n_layers = 2,
                              .n_embd = 32,
                              .n_heads = 2,
                              .n_kv_heads = 1,
                              .head_dim = 16,
                              .n_ff = 32,
                              .n_vocab = 32,
                              .window = 20};
    const auto open = test::open(options);
    if (!open && !arch->tiny_keys.empty()) continue;
    ASSERT_TRUE(open.has_value()) << arch->name << ": " << open.error().message;
    if (!is_covered(open->model->params())) continue;
    const std::vector<int32_t> ids = some_ids(300, options.n_vocab);
    const Row expected =
        reference_logits(*open->model, make_rope(open->model->params().rope, {}), ids);
    for (const std::string& isa : all_isas()) {
      Runner runner(*open->model, {.isa = isa, .n_batch = 300});
      const std::vector<float> logits = runner.logits(ids, ids.size());
      EXPECT_LE(nmse(logits, expected), 1e-10) << arch->name << ", " << isa;
      EXPECT_TRUE(same_bits(runner.logits(ids, 7), logits)) << arch->name << ", " << isa;
    }
  }
}

// The second-level scale of NVFP4 files is a tensor beside the matrix. Powers of two are exact, so
// that a scale of 2 and a matrix of twice the numbers give the same bits.
TEST(Run, ScaleTensorsMultiply) {
  for (const std::string tensor :
       {"blk.0.attn_q", "blk.1.ffn_down", "output", "blk.0.ffn_down_exps"}) {
    const bool of_experts = tensor.ends_with("_exps");
    const TinyOptions options{.arch = find_arch("llama"), .n_experts = of_experts ? 4 : 0};
    TinyModel scaled = make_tiny_model(options).value();
    TinyModel doubled = scaled;
    std::vector<float> scales = {4.0f};
    if (of_experts) scales = {2.0f, 0.5f, 4.0f, 1.0f};
    TinyTensor scale{tensor + ".scale", quant::find_type("F32"), {scales.size()}, {}};
    scale.data.resize(scales.size() * sizeof(float));
    std::memcpy(scale.data.data(), scales.data(), scale.data.size());
    TinyTensor* matrix = doubled.find(tensor + ".weight");
    ASSERT_NE(matrix, nullptr);
    std::vector<float> numbers(matrix->data.size() / sizeof(float));
    std::memcpy(numbers.data(), matrix->data.data(), matrix->data.size());
    const size_t each = numbers.size() / scales.size();
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] *= scales[i / each];
    std::memcpy(matrix->data.data(), numbers.data(), matrix->data.size());
    scaled.tensors.push_back(scale);

    const auto a = test::open(scaled);
    const auto b = test::open(doubled);
    const auto plain = test::open(options);
    ASSERT_TRUE(a.has_value() && b.has_value() && plain.has_value());
    EXPECT_TRUE(a->model->warnings().empty());
    const std::vector<int32_t> ids = some_ids(8, options.n_vocab);
    for (const std::string& isa : all_isas()) {
      const std::vector<float> with_scale = Runner(*a->model, {.isa = isa}).logits(ids, 8);
      EXPECT_TRUE(same_bits(with_scale, Runner(*b->model, {.isa = isa}).logits(ids, 8))) << tensor;
      EXPECT_FALSE(same_bits(with_scale, Runner(*plain->model, {.isa = isa}).logits(ids, 8)))
          << tensor;
    }
  }
}

}  // namespace
}  // namespace hearth::model::test
