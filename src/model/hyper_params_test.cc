// From metadata to numbers: what the keys mean, what is assumed where they are absent, and what is
// refused.
#include "model/hyper_params.h"

#include <gtest/gtest.h>

#include <cmath>

#include "format/gguf_reader.h"
#include "model/tiny_model.h"

namespace hearth::model {
namespace {

class Keys {
 public:
  explicit Keys(std::string_view arch, TinyOptions options = {}) {
    options.arch = find_arch(arch);
    tiny_ = make_tiny_model(options).value();
  }
  template <class T>
  Keys& set(std::string_view key, T value) {
    tiny_.set(key, value);
    return *this;
  }
  template <class T>
  Keys& set_array(std::string_view key, std::initializer_list<T> values) {
    tiny_.metadata.set_array(tiny_.prefix + std::string(key),
                             std::span<const T>(values.begin(), values.size()));
    return *this;
  }
  Keys& remove(std::string_view key) {
    tiny_.metadata.remove(tiny_.prefix + std::string(key));
    return *this;
  }
  format::GgufWriter& metadata() { return tiny_.metadata; }
  [[nodiscard]] Result<HyperParams> read() const {
    const std::vector<std::byte> bytes = tiny_.metadata.to_bytes({}).value();
    const format::GgufHead head = format::read_gguf_head(bytes).value();
    return read_hyper_params(head.metadata);
  }

 private:
  TinyModel tiny_;
};

std::vector<int> windows(const HyperParams& p) {
  std::vector<int> all;
  for (const LayerParams& layer : p.layers) all.push_back(layer.window);
  return all;
}

using Ints = std::vector<int>;

TEST(HyperParams, GemmaSlidesEverySecondLayer) {
  const TinyOptions five{.n_layers = 5, .window = 7};
  EXPECT_EQ(windows(Keys("gemma2", five).read().value()), (Ints{7, 0, 7, 0, 7}));
  // The file's own period, then its own list.
  EXPECT_EQ(
      windows(
          Keys("gemma2", five).set("attention.sliding_window_pattern", uint32_t{3}).read().value()),
      (Ints{7, 7, 0, 7, 7}));
  EXPECT_EQ(windows(Keys("gemma2", five)
                        .set_array<bool>("attention.sliding_window_pattern",
                                         {false, true, true, false, true})
                        .read()
                        .value()),
            (Ints{0, 7, 7, 0, 7}));
  EXPECT_EQ(windows(Keys("gemma2", five).remove("attention.sliding_window").read().value()),
            (Ints{0, 0, 0, 0, 0}));
  const auto short_list = Keys("gemma2", five)
                              .set_array<bool>("attention.sliding_window_pattern", {true, false})
                              .read();
  ASSERT_FALSE(short_list.has_value());
  EXPECT_NE(short_list.error().message.find("gemma2.attention.sliding_window_pattern"),
            std::string::npos);
}

TEST(HyperParams, OthersIgnoreTheFilesWindow) {
  for (const char* arch : {"llama", "phi3", "qwen2", "qwen3"})
    EXPECT_EQ(windows(Keys(arch).set("attention.sliding_window", uint32_t{4}).read().value()),
              (Ints{0, 0}))
        << arch;
}

TEST(HyperParams, GemmaScales) {
  const HyperParams p = Keys("gemma2").read().value();
  EXPECT_EQ(p.embed_scale, 8);  // sqrt(64)
  EXPECT_EQ(p.attn_softcap, 50);
  EXPECT_EQ(p.final_softcap, 30);
  EXPECT_FLOAT_EQ(p.layers[0].attn_scale, 0.25f);  // 1 / sqrt(16)
  const HyperParams set = Keys("gemma2")
                              .set("attn_logit_softcapping", 20.0f)
                              .set("final_logit_softcapping", 0.0f)
                              .read()
                              .value();
  EXPECT_EQ(set.attn_softcap, 20);
  EXPECT_EQ(set.final_softcap, 0);
  EXPECT_EQ(Keys("llama").read().value().embed_scale, 1);
  EXPECT_EQ(Keys("llama").read().value().final_softcap, 0);
}

// Only the 27B model, told by its 46 layers, scales by width / heads instead of the head's width.
TEST(HyperParams, Gemma27B) {
  const TinyOptions sizes{.n_embd = 144, .n_heads = 4, .head_dim = 16};
  for (const int n_layers : {45, 46, 47}) {
    TinyOptions options = sizes;
    options.n_layers = n_layers;
    const HyperParams p = Keys("gemma2", options).read().value();
    for (const LayerParams& layer : p.layers)
      EXPECT_FLOAT_EQ(layer.attn_scale, n_layers == 46 ? 1.0f / 6 : 1.0f / 4);
  }
}

TEST(HyperParams, WhatAbsentKeysMean) {
  const HyperParams p = Keys("llama")
                            .remove("attention.head_count_kv")
                            .remove("attention.key_length")
                            .remove("attention.value_length")
                            .remove("rope.dimension_count")
                            .remove("rope.freq_base")
                            .read()
                            .value();
  EXPECT_EQ(p.layers[0].n_kv_heads, 4);
  EXPECT_EQ(p.layers[0].head_dim_k, 16);
  EXPECT_EQ(p.layers[0].head_dim_v, 16);
  EXPECT_EQ(p.rope.n_rot, 16);
  EXPECT_EQ(p.rope.freq_base, 10000);
  EXPECT_EQ(p.rope.factor, 1);
  EXPECT_EQ(p.rope.n_ctx_original, 512);
  EXPECT_EQ(p.n_experts, 0);
  EXPECT_EQ(p.expert_weight_scale, 1);
}

TEST(HyperParams, VocabularySize) {
  Keys keys("llama");
  EXPECT_EQ(keys.read().value().n_vocab, 96);
  keys.remove("vocab_size");
  EXPECT_FALSE(keys.read().has_value());
  const std::vector<std::string> tokens(70, "x");
  keys.metadata().set_array("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
  EXPECT_EQ(keys.read().value().n_vocab, 70);
}

TEST(HyperParams, SizesPerLayer) {
  const HyperParams p = Keys("llama")
                            .set_array<uint32_t>("attention.head_count", {4, 8})
                            .set_array<uint32_t>("attention.head_count_kv", {1, 4})
                            .set_array<uint32_t>("feed_forward_length", {48, 80})
                            .read()
                            .value();
  EXPECT_EQ(p.size(Dim::kQ, 0), 64);
  EXPECT_EQ(p.size(Dim::kQ, 1), 128);
  EXPECT_EQ(p.size(Dim::kK, 1), 64);
  EXPECT_EQ(p.size(Dim::kQkv, 0), 64 + 2 * 16);
  EXPECT_EQ(p.size(Dim::kFf, 1), 80);
  EXPECT_EQ(p.size(Dim::kFfTwice, 0), 96);
}

TEST(HyperParams, RopeScaling) {
  const HyperParams yarn = Keys("qwen2")
                               .set("rope.scaling.type", std::string_view("yarn"))
                               .set("rope.scaling.factor", 4.0f)
                               .set("rope.scaling.original_context_length", uint32_t{128})
                               .read()
                               .value();
  EXPECT_EQ(yarn.rope.scaling, RopeScaling::kYarn);
  EXPECT_EQ(yarn.rope.factor, 4);
  EXPECT_EQ(yarn.rope.n_ctx_original, 128);
  // Files of 2023 say it in one key.
  const HyperParams old = Keys("llama").set("rope.scale_linear", 2.0f).read().value();
  EXPECT_EQ(old.rope.scaling, RopeScaling::kLinear);
  EXPECT_EQ(old.rope.factor, 2);
  const auto unknown = Keys("llama").set("rope.scaling.type", std::string_view("spiral")).read();
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(unknown.error().message.find("spiral"), std::string::npos);
}

TEST(HyperParams, UnknownArchitectureNamesTheNearest) {
  Keys keys("qwen2");
  for (const auto& [name, nearest] :
       {std::pair{"qwen2v", "qwen2"}, {"gemma22", "gemma2"}, {"lama", "llama"}}) {
    keys.metadata().set("general.architecture", std::string_view(name));
    const auto p = keys.read();
    ASSERT_FALSE(p.has_value());
    EXPECT_EQ(p.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(p.error().message.find(name), std::string::npos) << p.error().message;
    EXPECT_NE(p.error().hint.find(std::string("nearest by name are ") + nearest), std::string::npos)
        << p.error().hint;
    EXPECT_NE(p.error().hint.find(std::to_string(all_archs().size())), std::string::npos);
  }
  keys.metadata().set("general.architecture", std::string(100000, 'x'));
  EXPECT_LT(keys.read().error().message.size(), 300u);
  keys.metadata().remove("general.architecture");
  EXPECT_FALSE(keys.read().has_value());
}

// Each value alone makes a file that must be refused, by name of the key, with a next step.
TEST(HyperParams, ImpossibleValues) {
  const auto refused = [](Keys& keys, std::string_view key) {
    const auto p = keys.read();
    ASSERT_FALSE(p.has_value()) << key;
    EXPECT_EQ(p.error().code, ErrorCode::kCorrupt) << p.error().message;
    EXPECT_NE(p.error().message.find(key), std::string::npos) << p.error().message;
  };
  for (const char* key :
       {"embedding_length", "context_length", "block_count", "feed_forward_length",
        "attention.head_count", "attention.head_count_kv", "attention.key_length",
        "attention.value_length", "rope.dimension_count", "vocab_size"}) {
    refused(Keys("llama").set(key, uint32_t{0}), key);
    refused(Keys("llama").set(key, ~uint64_t{0}), key);
    refused(Keys("llama").set(key, int32_t{-1}), key);
    refused(Keys("llama").set(key, std::string_view("many")), key);
  }
  for (const char* key :
       {"embedding_length", "context_length", "block_count", "feed_forward_length",
        "attention.head_count", "attention.layer_norm_rms_epsilon"}) {
    const auto p = Keys("llama").remove(key).read();
    ASSERT_FALSE(p.has_value()) << key;
    EXPECT_NE(p.error().message.find(key), std::string::npos) << p.error().message;
  }
  refused(Keys("llama").set("rope.dimension_count", uint32_t{18}),
          "rope.dimension_count");  // wider than a head
  refused(Keys("llama").set("rope.dimension_count", uint32_t{7}), "rope.dimension_count");
  refused(Keys("llama").set("rope.scaling.factor", NAN), "rope.scaling.factor");
  refused(Keys("llama").set("rope.scaling.factor", -1.0f), "factor");
  refused(Keys("llama").set("rope.freq_base", 0.0f), "rope");
  refused(Keys("llama").set("attention.layer_norm_rms_epsilon", NAN),
          "attention.layer_norm_rms_epsilon");
  refused(Keys("llama").set("attention.layer_norm_rms_epsilon", -1.0f),
          "attention.layer_norm_rms_epsilon");
  refused(Keys("llama").set("attention.head_count_kv", uint32_t{3}), "3 key heads");
  refused(Keys("llama").set_array<uint32_t>("attention.head_count", {4}), "attention.head_count");
  refused(Keys("llama").set("expert_count", uint32_t{4}).set("expert_used_count", uint32_t{5}),
          "expert_used_count");
  refused(Keys("llama").set("expert_count", uint32_t{70000}), "expert_count");
}

}  // namespace
}  // namespace hearth::model
