#include "app/line_history.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace hearth::app {
namespace {
namespace fs = std::filesystem;

class LineHistoryTest : public testing::Test {
 protected:
  LineHistoryTest() {
    std::string name = (fs::temp_directory_path() / "hearth-history-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    path_ = (folder_ / "sub" / "history").string();
  }
  ~LineHistoryTest() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string file_text() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  fs::path folder_;
  std::string path_;
};

TEST_F(LineHistoryTest, ComesBackInTheNextRun) {
  const std::string entry = "two\nlines and a \\n that is none\\";
  {
    LineHistory history;
    ASSERT_TRUE(history.open(path_));
    ASSERT_TRUE(history.add("plain"));
    ASSERT_TRUE(history.add(entry));
    ASSERT_TRUE(history.add(entry));  // equal to the newest: once
    ASSERT_TRUE(history.add(""));
  }
  LineHistory history;
  ASSERT_TRUE(history.open(path_));
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history.at_age(0), entry);
  EXPECT_EQ(history.at_age(1), "plain");
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
}

TEST_F(LineHistoryTest, TwoProgramsShareOneFile) {
  LineHistory a;
  LineHistory b;
  ASSERT_TRUE(a.open(path_));
  ASSERT_TRUE(b.open(path_));
  ASSERT_TRUE(a.add("from a"));
  ASSERT_TRUE(b.add("from b"));
  EXPECT_EQ(file_text(), "from a\nfrom b\n");
  EXPECT_EQ(a.size(), 1u);
}

TEST_F(LineHistoryTest, IsBounded) {
  LineHistory history;
  ASSERT_TRUE(history.open(path_));
  fs::create_directories(fs::path(path_).parent_path());
  {
    std::ofstream file(path_);
    for (size_t i = 0; i < LineHistory::kEntriesMax + 500; ++i) file << "entry " << i << "\n";
  }
  ASSERT_TRUE(history.open(path_));
  EXPECT_EQ(history.size(), LineHistory::kEntriesMax);
  EXPECT_EQ(history.at_age(0), "entry 1499");
  ASSERT_TRUE(history.add("newest"));
  const std::string text = file_text();
  EXPECT_EQ(std::ranges::count(text, '\n'), std::ptrdiff_t(LineHistory::kEntriesMax));
  EXPECT_TRUE(text.ends_with("entry 1499\nnewest\n"));
  // A pasted document is remembered, not written.
  ASSERT_TRUE(history.add(std::string(LineHistory::kEntryBytesMax + 1, 'x')));
  EXPECT_EQ(file_text(), text);
  EXPECT_EQ(history.at_age(0).size(), LineHistory::kEntryBytesMax + 1);
}

TEST_F(LineHistoryTest, AHostileFileIsCleaned) {
  fs::create_directories(fs::path(path_).parent_path());
  std::ofstream(path_) << "ok\n\x1b]0;title\x07\n\xFF\xFE\n\n";
  LineHistory history;
  ASSERT_TRUE(history.open(path_));
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history.at_age(1), "]0;title");
  EXPECT_EQ(history.at_age(0), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_F(LineHistoryTest, AFileThatCannotBeWrittenIsAnErrorOnly) {
  std::ofstream(folder_ / "sub") << "a file where the folder should be";
  LineHistory history;
  (void)history.open(path_);
  EXPECT_EQ(history.add("kept").error().code, ErrorCode::kIo);
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history.at_age(0), "kept");
}

TEST_F(LineHistoryTest, CanBeSwitchedOff) {
  LineHistory history;
  ASSERT_TRUE(history.open(path_));
  history.disable();
  ASSERT_TRUE(history.add("secret"));
  EXPECT_EQ(history.size(), 0u);
  EXPECT_FALSE(fs::exists(path_));
  history.enable();
  ASSERT_TRUE(history.add("open"));
  EXPECT_EQ(file_text(), "open\n");
}

TEST_F(LineHistoryTest, FindsFromAnAgeOn) {
  LineHistory history;
  for (const char* entry : {"abc", "xbx", "zzz"}) ASSERT_TRUE(history.add(entry));
  EXPECT_EQ(history.find("b", 0), 1u);
  EXPECT_EQ(history.find("b", 2), 2u);
  EXPECT_EQ(history.find("q", 0), std::nullopt);
}

}  // namespace
}  // namespace hearth::app
