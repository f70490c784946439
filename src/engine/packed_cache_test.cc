// The cache of packed weights: what makes a file of it unusable, who may write, what goes first.
#include "engine/packed_cache.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <chrono>
#include <functional>

#include "engine/tiny_engine_test.h"

namespace hearth::engine::test {
namespace {

namespace fs = std::filesystem;

class PackedCache : public testing::Test {
 protected:
  PackedCache()
      : folder_(fs::temp_directory_path() /
                ("hearth_packed_cache_test_" + std::to_string(::getpid()) + "/a/b")),
        bytes_(
            model::make_tiny_model({.arch = model::find_arch("llama")}).value().to_bytes().value()),
        file_(bytes_) {
    options_ = tiny_options();
    options_.weights.cache_folder = folder_.string();
    options_.weights.cache_model_bytes_min = 0;
    options_.weights.cache_limit_bytes = uint64_t{1} << 30;
  }
  ~PackedCache() override {
    std::error_code ignored;
    fs::remove_all(folder_.parent_path().parent_path(), ignored);
  }

  // Loads, waits for the writer; where the weights came from.
  WeightStore::From load_once(const EngineOptions& options) {
    const auto engine = Engine::load(file_.path(), options);
    EXPECT_TRUE(engine.has_value()) << engine.error().message;
    if (!engine) return WeightStore::From::kFile;
    reason_ = (*engine)->weights().reason();
    if (PackedWriter* writer = (*engine)->weights().writer(); writer != nullptr) {
      EXPECT_TRUE(writer->wait());
    }
    logits_ = feed(**engine, some_ids(20));
    return (*engine)->weights().from();
  }
  WeightStore::From load_once() { return load_once(options_); }

  [[nodiscard]] std::vector<fs::path> cached_files() const {
    std::vector<fs::path> files;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder_, none))
      if (entry.path().filename() != "lock") files.push_back(entry.path());
    return files;
  }
  [[nodiscard]] fs::path only_file() const {
    const std::vector<fs::path> files = cached_files();
    EXPECT_EQ(files.size(), 1u);
    return files.empty() ? fs::path() : files.front();
  }

  fs::path folder_;
  std::vector<std::byte> bytes_;
  TemporaryFile file_;
  EngineOptions options_;
  std::string reason_;
  std::vector<float> logits_;
};

constexpr auto kMemory = WeightStore::From::kMemory;
constexpr auto kCache = WeightStore::From::kCache;
constexpr auto kFile = WeightStore::From::kFile;

TEST_F(PackedCache, TheSecondStartMapsWhatTheFirstWrote) {
  EXPECT_EQ(load_once(), kMemory);
  EXPECT_NE(reason_.find("being written"), std::string::npos) << reason_;
  const std::vector<float> logits = logits_;
  EXPECT_EQ(load_once(), kCache);
  EXPECT_TRUE(same_bits(logits_, logits));
  EXPECT_EQ(load_once(), kCache);
  EXPECT_EQ(cached_files().size(), 1u);
  struct stat info{};
  ASSERT_EQ(::stat(folder_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat(only_file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(PackedCache, SwitchedOff) {
  EngineOptions options = options_;
  options.weights.cache_folder = "";
  EXPECT_EQ(load_once(options), kMemory);
  options = options_;
  options.weights.cache_write = false;
  EXPECT_EQ(load_once(options), kMemory);
  EXPECT_NE(reason_.find("not cached"), std::string::npos) << reason_;
  options = options_;
  options.weights.cache_model_bytes_min = bytes_.size() + 1;
  EXPECT_EQ(load_once(options), kMemory);
  EXPECT_FALSE(fs::exists(folder_));
  EXPECT_EQ(load_once(), kMemory);
  options = options_;
  options.weights.repack = false;
  EXPECT_EQ(load_once(options), kFile);
  options.weights = {};
  EXPECT_EQ(load_once(options), kMemory);
}

// Whatever happened to the file: the weights are packed again, and the file is replaced.
TEST_F(PackedCache, ADamagedFileIsNotUsed) {
  load_once();
  const std::vector<float> logits = logits_;
  const fs::path path = only_file();
  const uint64_t size = fs::file_size(path);
  const auto poke = [&](uint64_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(std::streamoff(at));
    const char old = char(file.get());
    file.seekp(std::streamoff(at));
    file.put(char(old ^ 1));
  };
  const std::pair<const char*, std::function<void()>> harms[] = {
      {"magic", [&] { poke(0); }},
      {"version", [&] { poke(8); }},
      {"parts", [&] { poke(12); }},
      {"key", [&] { poke(24); }},
      {"checksum", [&] { poke(56); }},
      {"a part", [&] { poke(64 + 24 + 3); }},
      {"cut off", [&] { fs::resize_file(path, size - 1); }},
      {"cut off in the head", [&] { fs::resize_file(path, 100); }},
      {"empty", [&] { fs::resize_file(path, 0); }},
      {"too long", [&] { fs::resize_file(path, size + 1); }},
  };
  for (const auto& [what, harm] : harms) {
    harm();
    EXPECT_EQ(load_once(), kMemory) << what;
    EXPECT_TRUE(same_bits(logits_, logits)) << what;
    EXPECT_EQ(only_file(), path) << what;
    EXPECT_EQ(fs::file_size(path), size) << what;
    EXPECT_EQ(load_once(), kCache) << what;
    EXPECT_TRUE(same_bits(logits_, logits)) << what;
  }
}

TEST_F(PackedCache, AnEditedModelHasAnotherName) {
  const auto name_of = [&] {
    const auto file = format::ModelFile::open(file_.path());
    EXPECT_TRUE(file.has_value());
    Arena arena(Arena::Mode::kReal);
    const auto model = model::Model::load(*file, arena);
    EXPECT_TRUE(model.has_value());
    const tensor::Weight& head = model->head();
    const model::PackedPart parts[] = {{&head, 0, 64}};
    return packed_name(*file, parts);
  };
  const std::string name = name_of();
  EXPECT_EQ(name.size(), 32u);
  EXPECT_EQ(name_of(), name);
  const fs::file_time_type time = fs::last_write_time(file_.path());
  fs::last_write_time(file_.path(), time + std::chrono::nanoseconds(1000));
  EXPECT_NE(name_of(), name);
  fs::last_write_time(file_.path(), time);
  EXPECT_EQ(name_of(), name);
  // A byte of the weights (the first page, the last byte), with the time set back.
  const auto opened = format::ModelFile::open(file_.path()).value();
  const auto first =
      uint64_t(opened.tensors().front().data.data() - opened.shard(0)->bytes().data());
  for (const uint64_t at : {first, uint64_t(bytes_.size() - 1)}) {
    std::fstream file(file_.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(std::streamoff(at));
    file.put(char(~std::to_integer<int>(bytes_[at])));
    file.close();
    fs::last_write_time(file_.path(), time);
    EXPECT_NE(name_of(), name) << at;
    std::ofstream(file_.path(), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes_.data()), std::streamsize(bytes_.size()));
    fs::last_write_time(file_.path(), time);
    EXPECT_EQ(name_of(), name);
  }
  // A longer file.
  std::ofstream(file_.path(), std::ios::binary | std::ios::app) << "x";
  fs::last_write_time(file_.path(), time);
  EXPECT_NE(name_of(), name);
}

TEST_F(PackedCache, WhoComesSecondGoesWithout) {
  CacheFolder first = CacheFolder::open(folder_.string()).value();
  ASSERT_TRUE(first.lock().has_value());
  EXPECT_EQ(load_once(), kMemory);
  EXPECT_NE(reason_.find("another program"), std::string::npos) << reason_;
  EXPECT_TRUE(cached_files().empty());
  {
    const CacheFolder gone = std::move(first);  // gives the lock back
  }
  EXPECT_EQ(load_once(), kMemory);
  EXPECT_EQ(load_once(), kCache);
}

TEST_F(PackedCache, WhatAKilledWriterLeftIsRemoved) {
  CacheFolder::open(folder_.string()).value();
  const fs::path part = folder_ / "0123.part-1-0";
  std::ofstream(part) << "half of it";
  EXPECT_EQ(load_once(), kMemory);
  EXPECT_FALSE(fs::exists(part));
  EXPECT_EQ(load_once(), kCache);
}

TEST_F(PackedCache, AnEngineThatEndsStopsItsWriter) {
  {
    const auto engine = Engine::load(file_.path(), options_);
    ASSERT_TRUE(engine.has_value());
  }
  // Written or not: never half.
  for (const fs::path& path : cached_files())
    EXPECT_EQ(path.filename().string().find(".part-"), std::string::npos);
  load_once();
  EXPECT_EQ(load_once(), kCache);
}

TEST_F(PackedCache, TheLeastRecentlyUsedGoFirst) {
  load_once();
  const uint64_t size = fs::file_size(only_file());
  const auto now = fs::file_time_type::clock::now();
  const auto other = [&](const char* name, int hours_ago) {
    std::ofstream(folder_ / name) << std::string(size_t(size), 'x');
    fs::last_write_time(folder_ / name, now - std::chrono::hours(hours_ago));
  };
  fs::remove(only_file());
  other("old", 3);
  other("older", 5);
  other("new", 1);
  options_.weights.cache_limit_bytes = 2 * size + size / 2;
  load_once();
  EXPECT_TRUE(fs::exists(folder_ / "new"));
  EXPECT_FALSE(fs::exists(folder_ / "old"));
  EXPECT_FALSE(fs::exists(folder_ / "older"));
  EXPECT_EQ(cached_files().size(), 2u);
  // Use makes a file young: the other goes, although it is newer.
  for (const fs::path& path : cached_files())
    fs::last_write_time(path, now - std::chrono::hours(path.filename() == "new" ? 1 : 8));
  EXPECT_EQ(load_once(), kCache);
  EXPECT_GT(fs::last_write_time(folder_ /
                                [&] {
                                  for (const fs::path& path : cached_files())
                                    if (path.filename() != "new") return path.filename();
                                  return fs::path("new");
                                }()),
            now - std::chrono::hours(1));
}

TEST_F(PackedCache, NoRoomIsNoError) {
  options_.weights.cache_limit_bytes = 1000;
  EXPECT_EQ(load_once(), kMemory);
  EXPECT_NE(reason_.find("not cached"), std::string::npos) << reason_;
  EXPECT_TRUE(cached_files().empty());
  // No folder can be made below a file.
  options_.weights.cache_folder = file_.path() + "/packed";
  EXPECT_EQ(load_once(), kMemory);
  EXPECT_NE(reason_.find("not cached"), std::string::npos) << reason_;
}

TEST_F(PackedCache, AFolderOfOthersIsNotTrusted) {
  load_once();
  ::chmod(folder_.c_str(), 0777);
  EXPECT_EQ(load_once(), kMemory);
  EXPECT_NE(reason_.find("others may write"), std::string::npos) << reason_;
  ::chmod(folder_.c_str(), 0700);
  EXPECT_EQ(load_once(), kCache);
}

// ---- The same bits and the same plan, wherever the weights are.

TEST_F(PackedCache, EveryArchitectureEveryPlace) {
  const std::vector<int32_t> ids = some_ids(30);
  for (const auto& [name, tiny] : all_models()) {
    const TemporaryFile file(model::make_tiny_model(tiny).value().to_bytes().value());
    EngineOptions in_place = options_;
    in_place.weights.repack = false;
    std::vector<float> first;
    const std::tuple<const char*, EngineOptions, WeightStore::From> cases[] = {
        {"packed", options_, kMemory},
        {"cached", options_, kCache},
        {"in place", in_place, kFile},
    };
    for (const auto& [what, options, from] : cases) {
      const auto opened = format::ModelFile::open(file.path());
      ASSERT_TRUE(opened.has_value());
      const auto plan = Engine::plan_memory(*opened, options);
      ASSERT_TRUE(plan.has_value()) << plan.error().message;
      const auto engine = Engine::load(file.path(), options);
      ASSERT_TRUE(engine.has_value()) << engine.error().message;
      EXPECT_EQ((*engine)->weights().from(), from) << name << ", " << what;
      const auto rows = [](const Arena& arena) {
        std::vector<std::pair<std::string, uint64_t>> list;
        for (const Arena::Row& row : arena.rows()) list.emplace_back(row.what, row.size_bytes);
        return list;
      };
      EXPECT_EQ(rows(plan->arena), rows((*engine)->memory())) << name << ", " << what;
      if (PackedWriter* writer = (*engine)->weights().writer(); writer != nullptr) {
        EXPECT_TRUE(writer->wait());
      }
      const std::vector<float> logits = feed(**engine, ids);
      if (first.empty()) first = logits;
      EXPECT_TRUE(same_bits(logits, first)) << name << ", " << what;
    }
  }
}

}  // namespace
}  // namespace hearth::engine::test
