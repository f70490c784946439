#include "format/model_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "format/gguf_seeds.h"
#include "format/touch_everything.h"

namespace hearth::format {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class SplitModelTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        fs::temp_directory_path() / fmt::format("hearth-split-{}-{}", info->name(), ::getpid());
    fs::create_directories(folder_);
    GgufWriter writer;
    set_hyperparameters(writer);
    for (const char* name : {"a", "b", "c"}) add_f32(writer, name, {4});
    auto paths = writer.write((folder_ / "m.gguf").string(), {.shard_tensors_max = 1});
    ASSERT_TRUE(paths) << paths.error().message;
    paths_ = std::move(*paths);
    ASSERT_EQ(paths_.size(), 3u);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string message(const std::string& path) {
    const auto file = ModelFile::open(path);
    return file ? "accepted" : file.error().message;
  }

  fs::path folder_;
  std::vector<std::string> paths_;
};

TEST_F(SplitModelTest, AMissingShardIsNamed) {
  fs::remove(paths_[1]);
  for (const std::string& path : {paths_[0], paths_[2]}) {
    const auto file = ModelFile::open(path);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::kNotFound);
    EXPECT_NE(file.error().message.find("shard 2 of 3"), std::string::npos) << file.error().message;
    EXPECT_NE(file.error().message.find("m-00002-of-00003.gguf"), std::string::npos)
        << file.error().message;
  }
  fs::remove(paths_[0]);
  EXPECT_NE(message(paths_[2]).find("m-00001-of-00003.gguf"), std::string::npos)
      << message(paths_[2]);
}

TEST_F(SplitModelTest, ARenamedShardIsExplained) {
  fs::rename(paths_[0], folder_ / "model.gguf");
  const std::string text = message((folder_ / "model.gguf").string());
  EXPECT_NE(text.find("shard 1 of 3"), std::string::npos) << text;
  EXPECT_NE(text.find("its name does not say so"), std::string::npos) << text;
}

TEST_F(SplitModelTest, ExchangedShardsAreNoticed) {
  fs::rename(paths_[1], folder_ / "x");
  fs::rename(paths_[2], paths_[1]);
  fs::rename(folder_ / "x", paths_[2]);
  const std::string text = message(paths_[0]);
  EXPECT_NE(text.find("says it is shard 3 of 3, its name says 2 of 3"), std::string::npos) << text;
}

TEST_F(SplitModelTest, AShardOfAnotherModelIsNoticed) {
  const auto replace_second = [&](std::vector<std::pair<const char*, uint64_t>> tensors) {
    GgufWriter other;
    for (const auto& [name, size] : tensors) add_f32(other, name, {size});
    const auto paths = other.write((folder_ / "o.gguf").string(), {.shard_bytes_max = 16});
    HEARTH_CHECK(paths.has_value());
    fs::copy_file((*paths)[1], paths_[1], fs::copy_options::overwrite_existing);
    return message(paths_[0]);
  };
  // Of four shards.
  std::string text = replace_second({{"a", 4}, {"b", 4}, {"c", 4}, {"d", 4}});
  EXPECT_NE(text.find("says it is shard 2 of 4, its name says 2 of 3"), std::string::npos) << text;
  // Of three, but with two tensors where the first shard counts on one.
  text = replace_second({{"a", 4}, {"b", 2}, {"x", 2}, {"c", 4}});
  EXPECT_NE(text.find("4 tensors together, but the first says 3"), std::string::npos) << text;
  // Of three, with a tensor that the first shard has too.
  text = replace_second({{"x", 4}, {"a", 4}, {"c", 4}});
  EXPECT_NE(text.find("two tensors have the name 'a'"), std::string::npos) << text;
}

TEST_F(SplitModelTest, AShardInMemoryIsRefused) {
  const std::string bytes = text_of(paths_[0]);
  const auto file = ModelFile::parse(std::as_bytes(std::span(bytes)));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kUnsupported);
}

TEST_F(SplitModelTest, AnErrorInsideAShardNamesItsFile) {
  fs::resize_file(paths_[1], 40);
  EXPECT_NE(message(paths_[0]).find("m-00002-of-00003.gguf"), std::string::npos)
      << message(paths_[0]);
}

TEST(ModelFile, AbsentFilesAndFoldersAreErrors) {
  EXPECT_EQ(ModelFile::open("no/such/file.gguf").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ModelFile::open(fs::temp_directory_path().string()).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(ModelFile, ViewsSurviveAMove) {
  const auto seeds = make_seeds();
  auto file = ModelFile::parse(seeds[2].bytes);
  ASSERT_TRUE(file);
  const uint64_t sum = touch_everything(*file);
  const ModelFile moved = std::move(*file);
  EXPECT_EQ(touch_everything(moved), sum);
}

// The kernel's count of the most memory that this process has had since the last reset_peak().
long peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  return 0;
}

void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

// A file of nothing but the smallest possible tensors: the list must stay within the promised 64
// MB.
TEST(ModelFile, AFileOfTinyEntriesTakesLittleMemory) {
  std::string bytes = "GGUF";
  const auto number = [&](auto value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  number(uint32_t{3});
  number(kTensorsMax);
  number(uint64_t{0});
  for (uint64_t i = 0; i < kTensorsMax; ++i) {
    number(uint64_t{3});
    number(uint16_t(i));
    number(uint8_t(i >> 16));
    number(uint32_t{0});
    number(uint32_t{0});
    number(i * 32);
  }
  bytes.resize((bytes.size() + 31) / 32 * 32 + kTensorsMax * 32);
  reset_peak();
  const long before = peak_kib();
  const auto file = ModelFile::parse(std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_LT(peak_kib() - before, 64 * 1024);
  EXPECT_EQ(file->tensors().size(), kTensorsMax);
  const uint64_t too_many = kTensorsMax + 1;
  bytes.replace(8, 8, reinterpret_cast<const char*>(&too_many), 8);
  EXPECT_FALSE(ModelFile::parse(std::as_bytes(std::span(bytes))));
}

// --- Real and hostile files, where the shared folder is there ---

const fs::path kShared = HEARTH_SHARED_DIR;

// index.json holds flat objects, one field a line: enough structure to be read without a JSON
// library.
struct Expectation {
  std::string file;
  bool accept;
};
std::vector<Expectation> read_index(const fs::path& path) {
  std::vector<Expectation> out;
  const std::string text = text_of(path);
  const auto field = [&](std::string_view name, size_t& at) -> std::string {
    at = text.find(fmt::format("\"{}\"", name), at);
    if (at == std::string::npos) return {};
    const size_t begin = text.find('"', text.find(':', at)) + 1;
    at = text.find('"', begin);
    return text.substr(begin, at - begin);
  };
  size_t at = 0;
  while (true) {
    const std::string file = field("file", at);
    if (at == std::string::npos) return out;
    out.push_back({file, field("expect", at) == "accept"});
  }
}

TEST(MalformedFiles, AreRefusedAndTheOthersAccepted) {
  const fs::path folder = kShared / "data/malformed";
  if (!fs::exists(folder / "index.json")) GTEST_SKIP() << "shared/data/malformed is not there";
  int n = 0;
  for (const Expectation& expected : read_index(folder / "index.json")) {
    if (!expected.file.starts_with("gguf/")) continue;
    ++n;
    reset_peak();
    const long before = peak_kib();
    const auto file = ModelFile::open((folder / expected.file).string());
    EXPECT_EQ(file.has_value(), expected.accept)
        << expected.file << ": " << (file ? "accepted" : file.error().message);
    if (file) touch_everything(*file);
    if (!file) {
      EXPECT_FALSE(file.error().hint.empty()) << expected.file;
    }
    EXPECT_LT(peak_kib() - before, 64 * 1024) << expected.file;
  }
  EXPECT_GE(n, 34);
}

TEST(RealFiles, AllOpen) {
  const fs::path folders[] = {kShared / "goldens", kShared / "data/models",
                              kShared / "data/tokenizers"};
  if (!fs::exists(folders[0])) GTEST_SKIP() << "shared/goldens is not there";
  int n = 0;
  for (const fs::path& folder : folders) {
    if (!fs::exists(folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".gguf") continue;
      const auto file = ModelFile::open(entry.path().string());
      ASSERT_TRUE(file) << file.error().message;
      EXPECT_FALSE(file->architecture().empty()) << entry.path();
      EXPECT_GT(touch_everything(*file), 0u);
      ++n;
    }
  }
  EXPECT_GT(n, 100);
}

}  // namespace
}  // namespace hearth::format
