// Backend: the contract between a Graph and what executes it. CPU first; a GPU is a folder beside
// cpu/ that fulfils the same contract. Called by model/decoder; knows nothing of architectures,
// files or requests.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "tensor/graph.h"
#include "tensor/kv_view.h"

namespace hearth::backend {

// Where the time of the executed graphs went, by kind of operation (tensor::op_name).
struct Profile {
  struct Row {
    std::string name;
    double seconds = 0;
    int64_t n_calls = 0;
  };
  std::vector<Row> rows;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // "cpu/avx512", "null".
  [[nodiscard]] virtual std::string name() const = 0;

  // Bytes of scratch that execute() needs beside the activations. The planner calls this with the
  // largest graph.
  [[nodiscard]] virtual size_t scratch_bytes(const tensor::Graph& graph,
                                             int64_t max_positions) const = 0;

  // Repack hook. Bytes of this backend's own layout of the weight; 0 (the default): it computes on
  // the file's.
  [[nodiscard]] virtual size_t packed_bytes(const tensor::Weight& weight) const { return 0; }
  // Writes that layout to `out` [packed_bytes], some MB at a time; after each piece `done` hears
  // which bytes of the weight's data will not be read again. Optional; REQUIRES
  // packed_bytes(weight) > 0. Errors: those of `done`, which stop it.
  using PackedFn = std::function<Result<void>(std::span<const std::byte>)>;
  virtual Result<void> pack(const tensor::Weight& weight, std::byte* out,
                            const PackedFn& done) const {
    return {};
  }

  // Runs all operations. `activations` holds graph.activation_bytes(), `scratch`
  // scratch_bytes(graph); both aligned to 64 bytes. Never allocates, never fails. Not thread-safe:
  // one execute() at a time.
  virtual void execute(const tensor::Graph& graph, const tensor::StepInputs& inputs,
                       std::byte* activations, std::byte* scratch) = 0;

  // Optional: measured when switched on; empty otherwise.
  virtual void set_profiling(bool on) {}
  [[nodiscard]] virtual Profile profile() const { return {}; }
};

// Executes nothing: for tests of planners and schedulers.
std::unique_ptr<Backend> make_null_backend();

}  // namespace hearth::backend
