// What the tests of this room share: engines on tiny models, which are written to a temporary file
// first.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/cpu/isa.h"
#include "engine/engine.h"
#include "model/tiny_model.h"

namespace hearth::engine::test {

// A file of its own, gone with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::span<const std::byte> bytes) {
    static int n = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("hearth_engine_test_" + std::to_string(::getpid()) + "_" + std::to_string(n++));
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  }
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

inline EngineOptions tiny_options() {
  EngineOptions options;
  options.n_ctx = 512;
  options.kv_type = "f32";
  options.need_tokenizer = false;
  options.threads.generate = 1;
  options.n_outputs = 512;
  return options;
}

inline Result<std::unique_ptr<Engine>> load(const model::TinyOptions& tiny,
                                            const EngineOptions& options = tiny_options()) {
  HEARTH_ASSIGN(const model::TinyModel model, model::make_tiny_model(tiny));
  HEARTH_ASSIGN(const std::vector<std::byte> bytes, model.to_bytes());
  const TemporaryFile file(bytes);  // the map keeps the bytes when the name is gone
  return Engine::load(file.path(), options);
}

// Every architecture that goes on with a text, plain, with experts where it has them, and with tied
// head and biases.
inline std::vector<std::pair<std::string, model::TinyOptions>> all_models() {
  std::vector<std::pair<std::string, model::TinyOptions>> all;
  for (const model::ArchSpec* arch : model::all_archs()) {
    if (!arch->causal) continue;
    const std::string name(arch->name);
    bool has_experts = false;
    for (const model::TensorSpec& t : arch->tensors)
      has_experts |= t.presence == model::Presence::kExpert;
    all.push_back({name, {.arch = arch}});
    all.push_back({name + " tied, biases", {.arch = arch, .biases = true, .optional = {}}});
    if (has_experts) all.push_back({name + " experts", {.arch = arch, .n_experts = 4}});
  }
  return all;
}

inline std::vector<int32_t> some_ids(size_t n, uint64_t seed = 7, int n_vocab = 96) {
  std::vector<int32_t> ids;
  for (const float x : model::tiny_normals("ids", seed, n))
    ids.push_back(int32_t(std::fabs(double(x)) * 1e6) % n_vocab);
  return ids;
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

inline std::vector<std::string> all_isas() {
  std::vector<std::string> names;
  for (const std::string_view isa : backend::cpu::usable_isas(detect_cpu_features()))
    names.emplace_back(isa);
  return names;
}

// Feeds ids to a sequence, `at_once` in a call; the logits of all.
inline std::vector<float> feed(Engine& engine, std::span<const int32_t> ids, int sequence = 0,
                               size_t at_once = SIZE_MAX) {
  std::vector<float> all;
  std::vector<BatchToken> batch;
  for (size_t at = 0; at < ids.size(); at += batch.size()) {
    batch.clear();
    for (size_t i = at; i < ids.size() && i - at < at_once; ++i)
      batch.push_back({.token = ids[i], .sequence = sequence, .wants_logits = true});
    const auto logits = engine.feed(batch);
    EXPECT_TRUE(logits.has_value()) << logits.error().message;
    if (!logits) return {};
    all.insert(all.end(), logits->begin(), logits->end());
  }
  return all;
}

}  // namespace hearth::engine::test
