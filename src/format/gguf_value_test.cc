#include "format/gguf_value.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "format/gguf_seeds.h"
#include "format/model_file.h"

namespace hearth::format {
namespace {

// A ModelFile together with the bytes it views.
struct Parsed {
  std::vector<std::byte> bytes;
  ModelFile file;
};

Parsed parse(const GgufWriter& writer) {
  auto bytes = writer.to_bytes({});
  HEARTH_CHECK(bytes.has_value());
  auto file = ModelFile::parse(*bytes);
  HEARTH_CHECK(file.has_value());
  return {std::move(*bytes), std::move(*file)};
}

bool says(const Error& error, std::string_view part) {
  return error.message.find(part) != std::string::npos;
}

TEST(Metadata, IntegersAreAcceptedInAnyWidthThatFits) {
  GgufWriter writer;
  writer.set("u8", uint8_t{7});
  writer.set("i16", int16_t{7});
  writer.set("u64", uint64_t{7});
  writer.set("i64", int64_t{-7});
  writer.set("huge", ~uint64_t{0});
  const Parsed p = parse(writer);
  const Metadata& m = p.file.metadata();
  EXPECT_EQ(*m.get_uint("u8"), 7u);
  EXPECT_EQ(*m.get_uint("i16"), 7u);
  EXPECT_EQ(*m.get_int("u64"), 7);
  EXPECT_EQ(*m.get_int("i64"), -7);
  EXPECT_EQ(*m.get_uint("huge"), ~uint64_t{0});
  EXPECT_TRUE(says(m.get_uint("i64").error(), "'i64' is -7"));
  EXPECT_TRUE(says(m.get_int("huge").error(), "18446744073709551615"));
}

TEST(Metadata, AnErrorNamesKeyAndBothTypes) {
  GgufWriter writer;
  writer.set("llama.block_count", "two");
  writer.set("count", uint32_t{2});
  writer.set("scale", 0.5f);
  const Parsed p = parse(writer);
  const Error text = p.file.metadata().get_uint("llama.block_count").error();
  EXPECT_EQ(text.code, ErrorCode::kCorrupt);
  EXPECT_TRUE(says(text, "llama.block_count") && says(text, "string") && says(text, "integer"))
      << text.message;
  const Error number = p.file.metadata().get_string("count").error();
  EXPECT_TRUE(says(number, "u32") && says(number, "a string is expected")) << number.message;
  EXPECT_FALSE(p.file.metadata().get_float("count"));
  EXPECT_FALSE(p.file.metadata().get_uint("scale"));
  EXPECT_FALSE(p.file.metadata().get_array<float>("scale"));
  const Error absent = p.file.metadata().get_uint("llama.no_such").error();
  EXPECT_EQ(absent.code, ErrorCode::kNotFound);
  EXPECT_TRUE(says(absent, "llama.no_such"));
}

TEST(Metadata, AFallbackIsForAbsentKeysOnly) {
  GgufWriter writer;
  writer.set("present", "text");
  const Parsed p = parse(writer);
  const Metadata& m = p.file.metadata();
  EXPECT_EQ(*m.get_uint_or("absent", 5), 5u);
  EXPECT_EQ(*m.get_int_or("absent", -5), -5);
  EXPECT_EQ(*m.get_float_or("absent", 0.25f), 0.25f);
  EXPECT_TRUE(*m.get_bool_or("absent", true));
  EXPECT_EQ(*m.get_string_or("absent", "x"), "x");
  EXPECT_FALSE(m.get_uint_or("present", 5));
  EXPECT_FALSE(m.get_float_or("present", 5));
}

TEST(Metadata, FloatsAndBools) {
  GgufWriter writer;
  writer.set("f32", 0.5f);
  writer.set("f64", 0.25);
  writer.set("true", true);
  writer.set("one", int32_t{1});
  writer.set("two", int32_t{2});
  const Parsed p = parse(writer);
  const Metadata& m = p.file.metadata();
  EXPECT_EQ(*m.get_float("f32"), 0.5f);
  EXPECT_EQ(*m.get_float("f64"), 0.25f);
  EXPECT_TRUE(*m.get_bool("true"));
  EXPECT_TRUE(*m.get_bool("one"));
  EXPECT_FALSE(m.get_bool("two"));
  EXPECT_FALSE(m.get_uint("true"));
}

TEST(Metadata, ArraysConvertElementByElement) {
  GgufWriter writer;
  const int32_t flags[] = {0, 1, 1};
  const uint16_t sizes[] = {1, 300};
  const std::string_view texts[] = {"", "b", "\xe2\x96\x81"};
  writer.set_array("flags", std::span<const int32_t>(flags));
  writer.set_array("sizes", std::span<const uint16_t>(sizes));
  writer.set_array("texts", std::span<const std::string_view>(texts));
  writer.set_array("none", std::span<const uint8_t>());
  const Parsed p = parse(writer);
  const Metadata& m = p.file.metadata();
  EXPECT_EQ(*m.get_array<bool>("flags"), (std::vector<bool>{false, true, true}));
  EXPECT_EQ(*m.get_array<int64_t>("sizes"), (std::vector<int64_t>{1, 300}));
  const Error misfit = m.get_array<uint8_t>("sizes").error();
  EXPECT_TRUE(says(misfit, "'sizes' is 300")) << misfit.message;
  EXPECT_EQ(*m.get_array<std::string_view>("texts"),
            (std::vector<std::string_view>{"", "b", "\u2581"}));
  EXPECT_FALSE(m.get_array<std::string_view>("sizes"));
  EXPECT_FALSE(m.get_array<int32_t>("texts"));
  EXPECT_TRUE(m.get_array<int32_t>("none")->empty());
  EXPECT_FALSE(m.get_array<std::string_view>("none"));
  EXPECT_EQ(m.find("texts")->strings().at(2), "\u2581");
  EXPECT_EQ(m.find("texts")->strings().at(3), std::nullopt);
}

TEST(Metadata, OneValueOrOnePerLayer) {
  GgufWriter writer;
  writer.set("heads", uint32_t{8});
  const int32_t each[] = {8, 4, 2};
  writer.set_array("heads_kv", std::span<const int32_t>(each));
  const Parsed p = parse(writer);
  const Metadata& m = p.file.metadata();
  EXPECT_EQ(*m.get_per_layer<uint64_t>("heads", 3), (std::vector<uint64_t>{8, 8, 8}));
  EXPECT_EQ(*m.get_per_layer<uint64_t>("heads_kv", 3), (std::vector<uint64_t>{8, 4, 2}));
  EXPECT_EQ(*m.get_per_layer<uint64_t>("heads_kv", 2), (std::vector<uint64_t>{8, 4}));
  const Error few = m.get_per_layer<uint64_t>("heads_kv", 4).error();
  EXPECT_TRUE(says(few, "has 3 elements; the model needs 4")) << few.message;
}

}  // namespace
}  // namespace hearth::format
