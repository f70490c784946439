// What the golden tests share: reading references (.npy, .json), comparing, and running a model in
// every way that give the same bits: prefill, token by token, in small steps, with one thread and
// with two.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "backend/cpu/isa.h"
#include "base/cpu_info.h"
#include "engine/engine.h"

namespace hearth::golden {

namespace fs = std::filesystem;

inline const fs::path kGoldens = fs::path(HEARTH_SHARED_DIR) / "goldens";
inline const fs::path kData = fs::path(HEARTH_SHARED_DIR) / "data";
inline const fs::path kOwn = fs::path(HEARTH_SOURCE_DIR) / "tests/golden/data";

inline std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline nlohmann::json read_json(const fs::path& path) {
  return nlohmann::json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
}

struct Matrix {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<float> values;
  [[nodiscard]] std::span<const float> row(int64_t i) const {
    return std::span(values).subspan(size_t(i * columns), size_t(columns));
  }
};

// A C-ordered float32 .npy file of one (a single row) or two dimensions; empty if it is anything
// else.
inline Matrix read_npy(const fs::path& path) {
  const std::string bytes = read_file(path);
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0) return {};
  const size_t head = 10 + size_t(uint8_t(bytes[8])) + (size_t(uint8_t(bytes[9])) << 8);
  if (head > bytes.size()) return {};
  const std::string dict = bytes.substr(10, head - 10);
  const size_t open = dict.find("'shape': (");
  if (open == std::string::npos || dict.find("'<f4'") == std::string::npos ||
      dict.find("'fortran_order': False") == std::string::npos)
    return {};
  long long a = 0;
  long long b = 0;
  const int n = std::sscanf(dict.c_str() + open, "'shape': (%lld, %lld", &a, &b);
  if (n < 1) return {};
  Matrix m{n == 2 ? a : 1, n == 2 ? b : a, {}};
  m.values.resize(size_t(m.rows * m.columns));
  if (bytes.size() - head != m.values.size() * sizeof(float)) return {};
  std::memcpy(m.values.data(), bytes.data() + head, bytes.size() - head);
  return m;
}

// Sum of squared differences over sum of squares.
inline double nmse(std::span<const float> values, std::span<const float> reference) {
  if (values.size() != reference.size()) return INFINITY;
  double error = 0;
  double power = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double difference = double(values[i]) - double(reference[i]);
    error += difference * difference;
    power += double(reference[i]) * double(reference[i]);
  }
  return std::isfinite(error) ? error / power : INFINITY;
}

inline size_t argmax(std::span<const float> row) {
  return size_t(std::max_element(row.begin(), row.end()) - row.begin());
}

// How far the largest value stands above the second.
inline float top_gap(std::span<const float> row) {
  const size_t top = argmax(row);
  float second = -INFINITY;
  for (size_t i = 0; i < row.size(); ++i)
    if (i != top) second = std::max(second, row[i]);
  return row[top] - second;
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

inline std::vector<std::string> all_isas() {
  const CpuFeatures features = detect_cpu_features();
  std::vector<std::string> names;
  for (const std::string_view isa : backend::cpu::usable_isas(features)) names.emplace_back(isa);
  return names;
}

struct RunOptions {
  std::string isa;
  int n_threads = 1;
  int n_batch = 512;
  std::string kv_type = "f32";
  int64_t n_ctx = 256;
  int n_sequences = 1;
};

inline std::unique_ptr<engine::Engine> open_engine(const fs::path& path, const RunOptions& run) {
  engine::EngineOptions options;
  options.n_ctx = run.n_ctx;
  options.n_sequences = run.n_sequences;
  options.kv_type = run.kv_type;
  options.need_tokenizer = false;
  options.threads.generate = run.n_threads;
  options.n_batch = run.n_batch;
  options.n_outputs = 256;
  options.isa = run.isa;
  auto engine = engine::Engine::load(path.string(), options);
  EXPECT_TRUE(engine.has_value()) << path << ": " << engine.error().message;
  return engine ? std::move(*engine) : nullptr;
}

// The logits of all of `ids` from an empty context, fed `at_once` at a time.
inline std::vector<float> all_logits(engine::Engine& engine, const std::vector<int32_t>& ids,
                                     size_t at_once = SIZE_MAX) {
  engine.trim(0, 0);
  std::vector<float> rows;
  std::vector<engine::BatchToken> batch;
  for (size_t at = 0; at < ids.size(); at += batch.size()) {
    batch.clear();
    for (size_t i = at; i < ids.size() && i - at < at_once; ++i)
      batch.push_back({.token = ids[i], .wants_logits = true});
    const auto logits = engine.feed(batch);
    EXPECT_TRUE(logits.has_value()) << logits.error().message;
    if (!logits) return {};
    rows.insert(rows.end(), logits->begin(), logits->end());
  }
  return rows;
}

// The reference's rows [begin, end) out of all rows of a prompt.
inline std::span<const float> saved_rows(std::span<const float> all, size_t n_tokens,
                                         const Matrix& reference) {
  const size_t width = size_t(reference.columns);
  const size_t n_rows = size_t(reference.rows);
  if (all.size() != n_tokens * width || n_rows > n_tokens) return {};
  return all.subspan((n_tokens - n_rows) * width);
}

inline void expect_same_top(std::span<const float> rows, const Matrix& reference) {
  const auto width = size_t(reference.columns);
  for (int64_t i = 0; i < reference.rows; ++i) {
    if (top_gap(reference.row(i)) <= 0.05f) continue;
    EXPECT_EQ(argmax(rows.subspan(size_t(i) * width, width)), argmax(reference.row(i)))
        << "row " << i;
  }
}

}  // namespace hearth::golden
