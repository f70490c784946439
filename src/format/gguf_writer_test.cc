#include "format/gguf_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>

#include "format/gguf_seeds.h"
#include "format/model_file.h"

namespace hearth::format {
namespace {

namespace fs = std::filesystem;

class GgufWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        fs::temp_directory_path() / fmt::format("hearth-writer-{}-{}", info->name(), ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }
  [[nodiscard]] size_t n_files() const {
    return size_t(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

void expect_same(const Metadata& a, const Metadata& b) {
  ASSERT_EQ(a.entries().size(), b.entries().size());
  for (size_t i = 0; i < a.entries().size(); ++i) {
    const Entry& x = a.entries()[i];
    const Entry& y = b.entries()[i];
    EXPECT_EQ(x.key, y.key);
    EXPECT_EQ(x.value.type, y.value.type) << x.key;
    EXPECT_EQ(x.value.element, y.value.element) << x.key;
    EXPECT_EQ(x.value.count, y.value.count) << x.key;
    EXPECT_TRUE(std::ranges::equal(x.value.bytes, y.value.bytes)) << x.key;
  }
}

void expect_same(const TensorInfo& a, const TensorInfo& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.type, b.type) << a.name;
  EXPECT_EQ(a.n_dims, b.n_dims) << a.name;
  EXPECT_EQ(a.shape, b.shape) << a.name;
  EXPECT_TRUE(std::ranges::equal(a.data, b.data)) << a.name;
}

GgufWriter sample_model() {
  GgufWriter writer;
  set_hyperparameters(writer);
  set_every_value_type(writer);
  for (int i = 0; i < 7; ++i)
    add_f32(writer, fmt::format("blk.{}.weight", i), {uint64_t(3 + i), 2});
  return writer;
}

TEST_F(GgufWriterTest, EveryValueTypeComesBack) {
  GgufWriter writer;
  set_every_value_type(writer);
  const auto bytes = writer.to_bytes({});
  ASSERT_TRUE(bytes);
  const auto file = ModelFile::parse(*bytes);
  ASSERT_TRUE(file) << file.error().message;
  const Metadata& m = file->metadata();
  EXPECT_EQ(m.entries().size(),
            25u);  // 11 numbers and the string, each alone and as array; the empty array
  EXPECT_EQ(*m.get_uint("scalar.u8"), 255u);
  EXPECT_EQ(*m.get_int("scalar.i8"), 127);
  EXPECT_EQ(*m.get_uint("scalar.u16"), 65535u);
  EXPECT_EQ(*m.get_int("scalar.i16"), 32767);
  EXPECT_EQ(*m.get_uint("scalar.u32"), 4294967295u);
  EXPECT_EQ(*m.get_int("scalar.i32"), 2147483647);
  EXPECT_EQ(*m.get_uint("scalar.u64"), ~uint64_t{0});
  EXPECT_EQ(*m.get_int("scalar.i64"), int64_t{1} << 62);
  EXPECT_EQ(*m.get_float("scalar.f32"), 3.25f);
  EXPECT_TRUE(*m.get_bool("scalar.bool"));
  EXPECT_EQ(*m.get_string("scalar.string"), "caf\u00e9 \u2581");
  EXPECT_EQ((*m.get_array<double>("array.f64"))[1], 1e300);
  EXPECT_EQ((*m.get_array<int64_t>("array.i8"))[0], -128);
  EXPECT_EQ((*m.get_array<std::string_view>("array.string"))[2], "\xff\xfe");
  EXPECT_EQ(m.find("array.empty")->count, 0u);
}

TEST_F(GgufWriterTest, ASecondSetReplacesAndRemoveRemoves) {
  GgufWriter writer;
  writer.set("a", uint32_t{1});
  writer.set("b", uint32_t{2});
  writer.set("a", "text");
  writer.remove("b");
  const auto bytes = writer.to_bytes({});
  const auto file = ModelFile::parse(*bytes);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->metadata().entries().size(), 1u);
  EXPECT_EQ(*file->metadata().get_string("a"), "text");
}

TEST_F(GgufWriterTest, WhatWasReadIsWrittenAgainByteForByte) {
  for (const Seed& seed : make_seeds()) {
    const auto file = ModelFile::parse(seed.bytes);
    ASSERT_TRUE(file) << file.error().message;
    GgufWriter writer;
    writer.copy_all(file->metadata());
    for (const TensorInfo& t : file->tensors())
      writer.add_tensor(
          {std::string(t.name), t.type, {t.shape.begin(), t.shape.begin() + t.n_dims}}, t.data);
    const auto again = writer.to_bytes({.alignment = uint32_t(file->alignment())});
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, seed.bytes) << seed.name;
  }
}

TEST_F(GgufWriterTest, EveryAlignment) {
  const auto reference_bytes = sample_model().to_bytes({});
  const auto reference = ModelFile::parse(*reference_bytes);
  ASSERT_TRUE(reference);
  for (uint32_t alignment = 1; alignment <= 4096; alignment *= 2) {
    const std::string name = path("model.gguf");
    ASSERT_TRUE(sample_model().write(name, {.alignment = alignment}));
    const auto file = ModelFile::open(name, alignment < 64 ? MapMode::kMap : MapMode::kRead);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->alignment(), alignment);
    EXPECT_EQ(file->file_bytes(), fs::file_size(name));
    EXPECT_EQ(file->file_bytes() % alignment, 0u);
    ASSERT_EQ(file->tensors().size(), reference->tensors().size());
    for (size_t i = 0; i < file->tensors().size(); ++i) {
      expect_same(file->tensors()[i], reference->tensors()[i]);
      EXPECT_EQ(file->tensors()[i].file_offset % alignment, 0u);
    }
  }
}

TEST_F(GgufWriterTest, ASplitModelIsTheSameModel) {
  const auto whole_bytes = sample_model().to_bytes({});
  const auto whole = ModelFile::parse(*whole_bytes);
  ASSERT_TRUE(whole);
  const auto paths = sample_model().write(path("m.gguf"), {.shard_tensors_max = 3});
  ASSERT_TRUE(paths) << paths.error().message;
  ASSERT_EQ(*paths,
            (std::vector<std::string>{path("m-00001-of-00003.gguf"), path("m-00002-of-00003.gguf"),
                                      path("m-00003-of-00003.gguf")}));
  for (const std::string& any : *paths) {
    const auto file = ModelFile::open(any);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->n_shards(), 3);
    EXPECT_EQ(file->n_parameters(), whole->n_parameters());
    EXPECT_EQ(file->tensor_bytes(), whole->tensor_bytes());
    ASSERT_EQ(file->tensors().size(), 7u);
    for (size_t i = 0; i < 7; ++i) {
      expect_same(file->tensors()[i], whole->tensors()[i]);
      EXPECT_EQ(file->tensors()[i].shard, int(i / 3));
    }
    EXPECT_EQ(file->shard(2)->path(), (*paths)[2]);
    EXPECT_EQ(file->shard(3), nullptr);
    GgufWriter merged;
    merged.copy_all(file->metadata());
    const auto merged_bytes = merged.to_bytes({});
    const auto merged_file = ModelFile::parse(*merged_bytes);
    expect_same(merged_file->metadata(), whole->metadata());
  }
}

TEST_F(GgufWriterTest, ShardsKeepToTheirSize) {
  GgufWriter writer;
  for (int i = 0; i < 6; ++i)
    add_f32(writer, fmt::format("t{}", i), {i == 2 ? 100u : 10u});  // 40 bytes, one of 400
  const auto paths = writer.write(path("m.gguf"), {.shard_bytes_max = 100});
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->size(), 4u);  // t0 t1 | t2 | t3 t4 | t5
  const auto file = ModelFile::open(paths->front());
  ASSERT_TRUE(file) << file.error().message;
  std::vector<int> shards;
  for (const TensorInfo& t : file->tensors()) shards.push_back(t.shard);
  EXPECT_EQ(shards, (std::vector<int>{0, 0, 1, 2, 2, 3}));
}

TEST_F(GgufWriterTest, WrongTensorsAreRefusedAndNothingIsLeft) {
  const auto* f32 = quant::find_type("F32");
  const auto* q4 = quant::find_type("Q4_0");
  const std::vector<std::byte> data(64);
  const auto refused = [&](NewTensor tensor) {
    GgufWriter writer;
    writer.add_tensor(std::move(tensor), data);
    const auto written = writer.write(path("m.gguf"), {});
    return !written && written.error().code == ErrorCode::kInvalidArgument;
  };
  EXPECT_FALSE(refused({"t", f32, {16}}));
  fs::remove(path("m.gguf"));
  EXPECT_TRUE(refused({"", f32, {16}}));
  EXPECT_TRUE(refused({"t", nullptr, {16}}));
  EXPECT_TRUE(refused({"t", f32, {}}));
  EXPECT_TRUE(refused({"t", f32, {16, 0}}));
  EXPECT_TRUE(refused({"t", f32, {2, 2, 2, 2, 1}}));
  EXPECT_TRUE(refused({"t", f32, {15}}));  // too many bytes come
  EXPECT_TRUE(refused({"t", f32, {17}}));  // too few
  EXPECT_TRUE(refused({"t", q4, {33}}));
  EXPECT_TRUE(refused({"t", f32, {uint64_t{1} << 32, uint64_t{1} << 32}}));
  EXPECT_EQ(n_files(), 0u);
}

TEST_F(GgufWriterTest, NamesThatTheWriterOwnsOrThatClashAreRefused) {
  GgufWriter twice;
  add_f32(twice, "t", {4});
  add_f32(twice, "t", {4});
  EXPECT_FALSE(twice.to_bytes({}));
  GgufWriter owned;
  owned.set("general.alignment", uint32_t{64});
  EXPECT_FALSE(owned.to_bytes({}));
  EXPECT_FALSE(GgufWriter().to_bytes({.alignment = 24}));
  GgufWriter unnamed;
  unnamed.set("", uint32_t{1});
  EXPECT_FALSE(unnamed.to_bytes({}));
}

TEST_F(GgufWriterTest, AFailingSourceLeavesNoShardAndNoOldFileHarmed) {
  ASSERT_TRUE(sample_model().write(path("m-00001-of-00002.gguf"), {}));
  const auto before = fs::file_size(path("m-00001-of-00002.gguf"));
  GgufWriter writer;
  add_f32(writer, "good", {4});
  writer.add_tensor({"bad", quant::find_type("F32"), {4}},
                    [](const ByteSink& sink) -> Result<void> {
                      HEARTH_TRY(sink(std::vector<std::byte>(8)));
                      return fail(ErrorCode::kCancelled, "stopped");
                    });
  const auto written = writer.write(path("m.gguf"), {.shard_tensors_max = 1});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(n_files(), 1u);
  EXPECT_EQ(fs::file_size(path("m-00001-of-00002.gguf")), before);
}

}  // namespace
}  // namespace hearth::format
