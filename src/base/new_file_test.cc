#include "base/new_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace hearth {
namespace {

namespace fs = std::filesystem;

class NewFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("hearth-new-file-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }
  [[nodiscard]] size_t n_files() const {
    return size_t(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  static std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
  }

  fs::path folder_;
};

TEST_F(NewFileTest, TheNameAppearsOnlyWithCommit) {
  auto file = NewFile::create(path("model"), 6);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->append(bytes("abc")));
  EXPECT_FALSE(fs::exists(path("model")));
  ASSERT_TRUE(file->append(bytes("def")));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(content(path("model")), "abcdef");
  EXPECT_EQ(n_files(), 1u);
}

TEST_F(NewFileTest, WithoutCommitTheOldFileStaysAndNothingElse) {
  std::ofstream(path("model")) << "old";
  {
    auto file = NewFile::create(path("model"), 0);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->append(bytes("new")));
    EXPECT_EQ(n_files(), 2u);
  }
  EXPECT_EQ(content(path("model")), "old");
  EXPECT_EQ(n_files(), 1u);
}

TEST_F(NewFileTest, ReservedButUnusedSpaceIsGivenBack) {
  auto file = NewFile::create(path("model"), 100000);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->append(bytes("short")));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(content(path("model")), "short");
}

TEST_F(NewFileTest, SaysWhyItCannotBegin) {
  EXPECT_EQ(NewFile::create(folder_.string(), 0).error().code, ErrorCode::kInvalidArgument);
  const Error absent = NewFile::create(path("no/such/model"), 0).error();
  EXPECT_EQ(absent.code, ErrorCode::kNotFound);
  EXPECT_NE(absent.message.find("there is no folder"), std::string::npos) << absent.message;
}

// A limit on the size of files stands in for a full disk: both make write() fail in the middle.
// As root, a rename would put a file in the place of the device.
TEST_F(NewFileTest, PipesAndDevicesAreWrittenToAsTheyAre) {
  const std::string pipe = path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  auto file = NewFile::create(pipe, 6);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->append(bytes("abcdef")));
  ASSERT_TRUE(file->commit());
  char read[16] = {};
  EXPECT_EQ(::read(reader, read, sizeof(read)), 6);
  ::close(reader);
  EXPECT_EQ(std::string(read), "abcdef");
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_EQ(n_files(), 1u);

  if (!fs::is_character_file("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  auto full = NewFile::create("/dev/full", 6);
  ASSERT_TRUE(full) << full.error().message;
  const auto written = full->append(bytes("abcdef"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kIo);
  EXPECT_NE(written.error().message.find("full"), std::string::npos);
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(NewFileTest, RunningOutOfSpaceLeavesNothing) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  {
    auto reserved = NewFile::create(path("model"), 1 << 20);
    auto unreserved = NewFile::create(path("other"), 0);
    EXPECT_TRUE(!reserved || !reserved->append(bytes(std::string(1 << 20, 'x'))));
    if (unreserved) {
      EXPECT_FALSE(unreserved->append(bytes(std::string(1 << 20, 'x'))));
    }
  }
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(n_files(), 0u);
}

}  // namespace
}  // namespace hearth
