#include "base/npy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace hearth {
namespace {

TEST(Npy, WritesVersion1WithAlignedData) {
  const std::string path =
      ::testing::TempDir() + "hearth_npy_test_" + std::to_string(::getpid()) + ".npy";
  const std::vector<float> values = {1.0f, -2.5f, 3.25f, 0.0f, 1e30f, -0.0f};
  const Result<void> written = write_npy(path, values, 2, 3);
  ASSERT_TRUE(written.has_value()) << written.error().message;
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::remove(path.c_str());

  ASSERT_GT(bytes.size(), 10u);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const size_t header_size = size_t(uint8_t(bytes[8])) + 256 * size_t(uint8_t(bytes[9]));
  const size_t data_at = 10 + header_size;
  EXPECT_EQ(data_at % 64, 0u);
  ASSERT_EQ(bytes.size(), data_at + values.size() * sizeof(float));
  const std::string header = bytes.substr(10, header_size);
  EXPECT_EQ(header.back(), '\n');
  EXPECT_NE(header.find("'descr': '<f4'"), std::string::npos);
  EXPECT_NE(header.find("'fortran_order': False"), std::string::npos);
  EXPECT_NE(header.find("'shape': (2, 3)"), std::string::npos);
  EXPECT_EQ(std::memcmp(bytes.data() + data_at, values.data(), values.size() * sizeof(float)), 0);
}

TEST(Npy, AMissingFolderIsAnError) {
  const std::vector<float> values = {1.0f};
  EXPECT_FALSE(write_npy(::testing::TempDir() + "no/such/folder/x.npy", values, 1, 1).has_value());
}

}  // namespace
}  // namespace hearth
