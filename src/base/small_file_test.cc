#include "base/small_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace hearth {
namespace {
namespace fs = std::filesystem;

class SmallFileTest : public testing::Test {
 protected:
  SmallFileTest() {
    std::string name = (fs::temp_directory_path() / "hearth-small-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~SmallFileTest() override { fs::remove_all(folder_); }

  static unsigned mode_of(const fs::path& path) {
    struct stat info{};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 0777u;
  }

  fs::path folder_;
};

TEST_F(SmallFileTest, ReplacesAndReadsBack) {
  const fs::path path = folder_ / "a" / "b" / "file";
  ASSERT_TRUE(replace_small_file(path.string(), "first"));
  ASSERT_TRUE(replace_small_file(path.string(), "second"));
  EXPECT_EQ(read_small_file(path.string(), 100).value(), "second");
  EXPECT_EQ(mode_of(path), 0600u);
  EXPECT_EQ(mode_of(path.parent_path()), 0700u);
  // Nothing is left beside it.
  EXPECT_EQ(std::distance(fs::directory_iterator(path.parent_path()), {}), 1);
}

TEST_F(SmallFileTest, ReadsTheEndOfALargeFile) {
  const std::string path = (folder_ / "file").string();
  ASSERT_TRUE(replace_small_file(path, "0123456789"));
  EXPECT_EQ(read_small_file(path, 4).value(), "6789");
}

TEST_F(SmallFileTest, KeepsASymbolicLink) {
  const fs::path real = folder_ / "real";
  const fs::path link = folder_ / "link";
  std::ofstream(real) << "old";
  fs::create_symlink(real, link);
  ASSERT_TRUE(replace_small_file(link.string(), "new"));
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(read_small_file(real.string(), 100).value(), "new");
}

TEST_F(SmallFileTest, SaysWhatIsWrong) {
  EXPECT_EQ(read_small_file((folder_ / "none").string(), 10).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_small_file(folder_.string(), 10).error().code, ErrorCode::kInvalidArgument);
  const fs::path fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(read_small_file(fifo.string(), 10).error().code, ErrorCode::kInvalidArgument);
  // A file where a folder should be.
  std::ofstream(folder_ / "plain") << "x";
  EXPECT_EQ(replace_small_file((folder_ / "plain" / "file").string(), "y").error().code,
            ErrorCode::kIo);
}

}  // namespace
}  // namespace hearth
