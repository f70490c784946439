// Rights, locks and room of a cache folder. What its one user does with it:
// engine/packed_cache_test.cc.
#include "base/cache_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace hearth {
namespace {

namespace fs = std::filesystem;

class CacheFolderTest : public testing::Test {
 protected:
  ~CacheFolderTest() override {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  void write(const std::string& name, size_t size, int hours_old) {
    std::ofstream(path_ / name) << std::string(size, 'x');
    fs::last_write_time(path_ / name,
                        fs::file_time_type::clock::now() - std::chrono::hours(hours_old));
  }
  [[nodiscard]] bool has(const std::string& name) const { return fs::exists(path_ / name); }
  fs::path path_ =
      fs::path(testing::TempDir()) / ("hearth_cache_folder_test_" + std::to_string(::getpid()));
};

TEST_F(CacheFolderTest, IsOfItsOwnerAlone) {
  EXPECT_EQ(CacheFolder::find(path_.string()).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(CacheFolder::open(path_.string()).has_value());
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  ASSERT_EQ(::chmod(path_.c_str(), 0770), 0);
  EXPECT_EQ(CacheFolder::open(path_.string()).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(CacheFolderTest, OneWriter) {
  CacheFolder first = CacheFolder::open(path_.string()).value();
  CacheFolder second = CacheFolder::open(path_.string()).value();
  ASSERT_TRUE(first.lock().has_value());
  EXPECT_TRUE(first.lock().has_value());
  EXPECT_FALSE(second.lock().has_value());
  {
    const CacheFolder gone = std::move(first);
  }
  EXPECT_TRUE(second.lock().has_value());
}

TEST_F(CacheFolderTest, MakesRoomAndNoMore) {
  CacheFolder folder = CacheFolder::open(path_.string()).value();
  ASSERT_TRUE(folder.lock().has_value());
  write("a", 100, 4);
  write("b", 100, 3);
  write("c", 100, 2);
  write("c.part-7-0", 100, 1);
  // What cannot fit costs nothing but the left-overs.
  EXPECT_FALSE(folder.make_room("new", 301, 300).has_value());
  EXPECT_TRUE(has("a") && has("b") && has("c"));
  EXPECT_FALSE(has("c.part-7-0"));
  folder.touch("a");
  ASSERT_TRUE(folder.make_room("new", 150, 300).has_value());
  EXPECT_FALSE(has("b") || has("c"));
  EXPECT_TRUE(has("a"));
  // Its own predecessor goes in any case, and counts as room.
  ASSERT_TRUE(folder.make_room("a", 300, 300).has_value());
  EXPECT_FALSE(has("a"));
  EXPECT_TRUE(has("lock"));
  EXPECT_LE(folder.default_limit(), 50'000'000'000u);
}

}  // namespace
}  // namespace hearth
