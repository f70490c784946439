// What the tests of whole graphs share: weights that own their data, a KV cache, and a runner.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/isa_test.h"
#include "base/thread_team.h"
#include "tensor/graph.h"
#include "tensor/kv_view.h"

namespace hearth::backend::cpu::test {

struct OwnedWeight {
  tensor::Weight w;
  std::vector<std::byte> data;
  std::vector<float> bias;
  std::vector<float> scale;

  OwnedWeight() = default;
  // Normal numbers of deviation 1 / sqrt(k), in the named type.
  OwnedWeight(std::string_view type, int64_t rows, int64_t k, Random& random,
              int64_t n_matrices = 1) {
    w.name = type;
    w.type = quant::find_type(type);
    w.k = k;
    w.rows = rows;
    w.n_matrices = n_matrices;
    data.resize(w.size_bytes());
    const std::vector<float> x =
        random.normals(size_t(rows * k * n_matrices), 1 / std::sqrt(float(k)));
    w.type->encode_row(x.data(), int64_t(x.size()), nullptr, data.data());
    w.data = data.data();
  }
  OwnedWeight(const OwnedWeight&) = delete;
  OwnedWeight(OwnedWeight&&) = default;  // vectors keep their place when moved
  OwnedWeight& operator=(OwnedWeight&&) = default;

  void add_bias(Random& random) {
    bias = random.normals(size_t(w.rows * w.n_matrices));
    w.bias = bias.data();
  }
  void add_scales(std::vector<float> s) {
    scale = std::move(s);
    w.scale = scale.data();
    w.scale_per_matrix = scale.size() > 1;
  }
  // The numbers of one row, as the file means them.
  [[nodiscard]] std::vector<float> row(int64_t r, int64_t matrix = 0) const {
    std::vector<float> out(size_t(w.k));
    w.type->decode_row(w.matrix(matrix) + size_t(r) * w.row_bytes(), w.k, out.data());
    return out;
  }
};

// The cache of some layers; chunk numbers are shared by all layers, as in the engine.
struct OwnedCache {
  std::vector<std::vector<std::byte>> memory;
  std::vector<tensor::KvLayerView> layers;

  OwnedCache(std::vector<tensor::KvLayerView> shapes, int n_chunks) : layers(std::move(shapes)) {
    for (tensor::KvLayerView& layer : layers) {
      memory.emplace_back(layer.chunk_bytes() * size_t(n_chunks),
                          std::byte(0xff));  // NaN everywhere
      layer.base = memory.back().data();
    }
  }
};

// A backend of one table and thread count. Runs a planned graph and gives its tensors.
class Runner {
 public:
  Runner(const KernelTable& table, int n_threads, const CpuThreads& threads = {})
      : team_({.n_threads = n_threads, .pin = false}),
        backend_(make_cpu_backend(table, team_, threads)) {}

  void run(const tensor::Graph& graph, const tensor::StepInputs& inputs,
           int64_t max_positions = 1) {
    // NaN in all memory: nothing may depend on what was there.
    activations_.assign(graph.activation_bytes() / 64 + 1, Line());
    scratch_.assign(backend_->scratch_bytes(graph, max_positions) / 64 + 2, Line());
    scratch_.back().bytes[0] = std::byte(0x77);
    backend_->execute(graph, inputs, activations_.data()->bytes, scratch_.data()->bytes);
    scratch_is_whole_ = scratch_.back().bytes[0] == std::byte(0x77);
  }
  [[nodiscard]] bool scratch_is_whole() const { return scratch_is_whole_; }

  [[nodiscard]] std::vector<float> values(const tensor::Graph& graph, const tensor::View& v) const {
    const tensor::TensorDesc& t = graph.tensors()[size_t(v.tensor)];
    const auto* base = reinterpret_cast<const float*>(activations_.data()->bytes + t.offset);
    std::vector<float> out;
    for (int64_t r = 0; r < t.rows; ++r)
      out.insert(out.end(), base + r * t.width + v.column, base + r * t.width + v.column + v.width);
    return out;
  }
  [[nodiscard]] Backend& backend() { return *backend_; }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
    Line() { std::memset(bytes, 0xff, sizeof(bytes)); }
  };
  ThreadTeam team_;
  std::unique_ptr<Backend> backend_;
  std::vector<Line> activations_;
  std::vector<Line> scratch_;
  bool scratch_is_whole_ = false;
};

inline bool equal_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace hearth::backend::cpu::test
