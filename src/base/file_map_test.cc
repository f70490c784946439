#include "base/file_map.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace hearth {
namespace {

class FileMapTest : public ::testing::TestWithParam<MapMode> {
 protected:
  FileMapTest()
      : path_(::testing::TempDir() + "hearth_file_map_test_" + std::to_string(::getpid())) {}
  ~FileMapTest() override { std::remove(path_.c_str()); }

  void write(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }

  std::string path_;
};

TEST_P(FileMapTest, HoldsTheBytesOfTheFile) {
  std::string bytes(100'003, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = char(i * 7);
  write(bytes);
  Result<FileMap> map = FileMap::open(path_, GetParam());
  ASSERT_TRUE(map.has_value()) << map.error().message;
  ASSERT_EQ(map->bytes().size(), bytes.size());
  EXPECT_EQ(std::memcmp(map->bytes().data(), bytes.data(), bytes.size()), 0);
  EXPECT_TRUE(GetParam() == MapMode::kMap || !map->is_mapped());

  // The bytes outlive moves of the object and the name of the file; hints beyond the end are
  // clipped.
  FileMap moved = std::move(*map);
  std::remove(path_.c_str());
  moved.will_need(0, UINT64_MAX);
  moved.will_need(UINT64_MAX, 1);
  moved.will_need(100'000, 5);
  ASSERT_EQ(moved.bytes().size(), bytes.size());
  EXPECT_EQ(std::memcmp(moved.bytes().data(), bytes.data(), bytes.size()), 0);
}

TEST_P(FileMapTest, AnEmptyFileHasNoBytes) {
  write("");
  Result<FileMap> map = FileMap::open(path_, GetParam());
  ASSERT_TRUE(map.has_value());
  EXPECT_TRUE(map->bytes().empty());
}

TEST_P(FileMapTest, SaysWhatIsWrong) {
  const Result<FileMap> missing = FileMap::open(path_ + "_missing", GetParam());
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("_missing"), std::string::npos);

  const Result<FileMap> folder = FileMap::open(::testing::TempDir(), GetParam());
  ASSERT_FALSE(folder.has_value());
  EXPECT_EQ(folder.error().code, ErrorCode::kInvalidArgument);

  if (std::filesystem::exists("/dev/null")) {
    const Result<FileMap> device = FileMap::open("/dev/null", GetParam());
    ASSERT_FALSE(device.has_value());
    EXPECT_EQ(device.error().code, ErrorCode::kInvalidArgument);
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, FileMapTest, ::testing::Values(MapMode::kMap, MapMode::kRead),
                         [](const auto& mode) {
                           return mode.param == MapMode::kMap ? "Map" : "Read";
                         });

}  // namespace
}  // namespace hearth
