#include "format/metadata_checks.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "format/gguf_seeds.h"
#include "format/model_file.h"

namespace hearth::format {
namespace {

// A sound model, with the changes of `edit`: "" if it is accepted, else the error's message.
template <class F>
std::string message_after(F&& edit) {
  GgufWriter writer;
  set_hyperparameters(writer);
  set_vocabulary(writer, 8);
  edit(writer);
  const auto bytes = writer.to_bytes({});
  HEARTH_CHECK(bytes.has_value());
  const auto file = ModelFile::parse(*bytes);
  return file ? "" : file.error().message;
}

template <class F>
void expect_refused(F&& edit, std::string_view part) {
  const std::string message = message_after(edit);
  EXPECT_NE(message.find(part), std::string::npos) << "got: '" << message << "'\nwant: " << part;
  EXPECT_TRUE(message.empty() || message.find("byte ") != std::string::npos) << message;
}

TEST(MetadataChecks, TheSoundModelIsAccepted) {
  EXPECT_EQ(message_after([](GgufWriter&) {}), "");
  EXPECT_EQ(message_after([](GgufWriter& w) { w.set("unknown.key", uint32_t{1}); }), "");
  EXPECT_EQ(message_after([](GgufWriter& w) { w.remove("general.architecture"); }), "");
}

TEST(MetadataChecks, TheArchitectureIsAName) {
  expect_refused([](GgufWriter& w) { w.set("general.architecture", uint32_t{5}); },
                 "general.architecture");
  expect_refused([](GgufWriter& w) { w.set("general.architecture", ""); }, "not a name");
  expect_refused([](GgufWriter& w) { w.set("general.architecture", "a b\n"); }, "'a b\\n'");
}

TEST(MetadataChecks, SizesAreThoseOfModels) {
  expect_refused([](GgufWriter& w) { w.set("llama.block_count", ~uint32_t{0}); },
                 "no model has more than 4096");
  expect_refused([](GgufWriter& w) { w.set("llama.block_count", int32_t{-1}); },
                 "'llama.block_count' is -1");
  expect_refused([](GgufWriter& w) { w.set("llama.block_count", "two"); }, "string");
  expect_refused([](GgufWriter& w) { w.set("llama.embedding_length", uint64_t{1} << 40); },
                 "embedding_length");
  const int32_t heads[] = {4, 1 << 20};
  expect_refused(
      [&](GgufWriter& w) {
        w.set_array("llama.attention.head_count_kv", std::span<const int32_t>(heads));
      },
      "head_count_kv");
  expect_refused(
      [](GgufWriter& w) {
        w.set("llama.expert_count", uint32_t{8});
        w.set("llama.expert_used_count", uint32_t{9});
      },
      "more than 'llama.expert_count' (8");
  expect_refused(
      [](GgufWriter& w) { w.set("llama.rope.freq_base", std::numeric_limits<float>::quiet_NaN()); },
      "NaN");
}

TEST(MetadataChecks, TheVocabularyFitsTogether) {
  const std::vector<uint8_t> bytes(8, 1);
  const std::vector<int32_t> few(7, 1);
  expect_refused(
      [&](GgufWriter& w) {
        w.set_array("tokenizer.ggml.token_type", std::span<const uint8_t>(bytes));
      },
      "an array of u8");
  expect_refused(
      [&](GgufWriter& w) {
        w.set_array("tokenizer.ggml.token_type", std::span<const int32_t>(few));
      },
      "7 elements for 8 tokens");
  expect_refused(
      [&](GgufWriter& w) { w.set_array("tokenizer.ggml.tokens", std::span<const int32_t>(few)); },
      "an array of string is expected");
  expect_refused([&](GgufWriter& w) { w.set("tokenizer.ggml.merges", "a b"); },
                 "tokenizer.ggml.merges");
  expect_refused([](GgufWriter& w) { w.set("tokenizer.ggml.bos_token_id", uint32_t{8}); },
                 "'tokenizer.ggml.bos_token_id' is 8");
  expect_refused([](GgufWriter& w) { w.set("tokenizer.ggml.eot_token_id", int32_t{-2}); }, "is -2");
  const int32_t ids[] = {1, 8};
  expect_refused(
      [&](GgufWriter& w) {
        w.set_array("tokenizer.ggml.eos_token_ids", std::span<const int32_t>(ids));
      },
      "element 1 of 'tokenizer.ggml.eos_token_ids'");
}

TEST(MetadataChecks, SpecialTokensMayBeAbsentInThreeWays) {
  GgufWriter writer;
  set_vocabulary(writer, 8);
  writer.set("tokenizer.ggml.eot_token_id", int32_t{-1});
  writer.set("tokenizer.ggml.mask_token_id", ~uint32_t{0});
  writer.set("tokenizer.ggml.padding_token_id",
             uint32_t{8});  // outside: seen in the wild, harmless
  const auto bytes = writer.to_bytes({});
  const auto file = ModelFile::parse(*bytes);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(*special_token_id(file->metadata(), "bos"), 0u);
  EXPECT_EQ(*special_token_id(file->metadata(), "eos"), 1u);
  for (const char* role : {"eot", "mask", "padding", "cls"})
    EXPECT_EQ(*special_token_id(file->metadata(), role), std::nullopt) << role;
}

TEST(MetadataChecks, IdsWithoutTokensAreComparedWithVocabSize) {
  GgufWriter writer;
  writer.set("general.architecture", "llama");
  writer.set("llama.vocab_size", uint32_t{100});
  writer.set("tokenizer.ggml.bos_token_id", uint32_t{100});
  EXPECT_FALSE(ModelFile::parse(*writer.to_bytes({})));
  writer.set("tokenizer.ggml.bos_token_id", uint32_t{99});
  EXPECT_TRUE(ModelFile::parse(*writer.to_bytes({})));
}

}  // namespace
}  // namespace hearth::format
