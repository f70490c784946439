// Engine: one loaded model with everything that runs it: file, weights, threads, backend, KV cache,
// tokenizer. Feeds batches of several sequences and gives logits. No HTTP, no JSON, no terminal.
// Not thread-safe: one caller at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "base/arena.h"
#include "base/cpu_info.h"
#include "base/result.h"
#include "base/thread_team.h"
#include "engine/kv_cache.h"
#include "engine/thread_choice.h"
#include "engine/weight_store.h"
#include "format/model_file.h"
#include "model/decoder.h"
#include "model/model.h"

namespace hearth::text {
class Tokenizer;
}

namespace hearth::engine {

struct EngineOptions {
  // Behaviour.
  int64_t n_ctx =
      0;  // positions of one sequence; 0: what the model was trained for, bounded by memory
  int n_sequences = 1;
  std::string kv_type = "f16";  // tensor::find_kv_type()
  MapMode map_mode = MapMode::kMap;
  bool need_tokenizer = true;  // false: a file without a usable vocabulary is fine
  // Performance.
  ThreadRequest threads = {};
  int n_batch = 512;     // most tokens of one step; of an encoder n_ctx where that is more
  int n_outputs = 1;     // most rows of logits of one step
  std::string isa = {};  // "": the best that the CPU has
  WeightOptions weights = {};
  // Free memory to plan with; 0: what the machine has now.
  uint64_t memory_bytes = 0;
};

// What one step feeds. Tokens of one sequence stand together and continue where the sequence ends.
struct BatchToken {
  int32_t token = 0;  // -1: `embedding` feeds this position
  int sequence = 0;
  bool wants_logits = false;
  const float* embedding = nullptr;  // [n_embd]
};

// The context length for a model, and in a few words why.
struct ContextChoice {
  int64_t n_ctx = 0;
  std::string reason;
};

// What load() would take of the memory, line by line.
struct MemoryPlan {
  Arena arena{Arena::Mode::kMeasure};
  ContextChoice context;
  MemoryInfo machine;  // as it was when the plan was made
  // Set where load() would refuse for want of memory: its error. The plan is then for the context
  // that was asked for, or for the smallest.
  std::optional<Error> problem;
  ThreadChoice threads;
  std::string weights_reason;  // where the weights will be, and why
  std::string warning;         // set where the model is larger than memory, and can run slowly

  [[nodiscard]] const std::vector<Arena::Row>& rows() const { return arena.rows(); }
  [[nodiscard]] uint64_t total_bytes() const { return arena.total_bytes(); }
};

class Engine {
 public:
  // Errors: those of the file, the model, the tokenizer; kInvalidArgument (threads, ISA, context);
  // kOutOfMemory with what would be needed and what there is. A model that is larger than the
  // memory is loaded all the same, if its file can be mapped: a warning says that it will be slow.
  static Result<std::unique_ptr<Engine>> load(const std::string& path, const EngineOptions& options,
                                              const ProgressFn& progress = {});
  // The memory that load() would take, without taking it. Errors: those of load(), but for the want
  // of memory.
  static Result<MemoryPlan> plan_memory(const format::ModelFile& file,
                                        const EngineOptions& options);

  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Runs the batch (cut into steps as needed) and appends it to its sequences. Returns one row
  // [n_vocab] per token that wants logits, in batch order; valid until the next call. REQUIRES: at
  // most EngineOptions::n_outputs wanted rows. Errors: kContextFull (nothing is appended);
  // kInvalidArgument for a token id outside the vocabulary; kUnsupported for encoders.
  Result<std::span<const float>> feed(std::span<const BatchToken> batch);

  // The same for one row [n_embd] per token: the states behind the output norm, of which embeddings
  // are made. An encoder reads a sequence in one step: the batch must be one step, and its
  // sequences empty before it. Errors: those of feed(); kContextFull for more tokens of an encoder
  // than a step holds.
  Result<std::span<const float>> states(std::span<const BatchToken> batch);

  // Positions that a sequence holds; trim() forgets those behind, and says how many are left, which
  // for a model with recurrent layers may be fewer (KvCache::trim, snapshot).
  [[nodiscard]] int64_t n_positions(int sequence) const { return kv_->n_positions(sequence); }
  int64_t trim(int sequence, int64_t n_positions) { return kv_->trim(sequence, n_positions); }
  void snapshot(int sequence) { kv_->snapshot(sequence); }
  // For benchmarks: a context of n_positions that nobody computed (KvCache::make_up).
  Result<void> make_up_context(int sequence, int64_t n_positions) {
    return kv_->make_up(sequence, n_positions);
  }

  [[nodiscard]] const format::ModelFile& file() const { return *file_; }
  [[nodiscard]] const model::Model& model() const { return *model_; }
  [[nodiscard]] model::Decoder& decoder() { return *decoder_; }
  [[nodiscard]] KvCache& kv() { return *kv_; }
  [[nodiscard]] backend::Backend& backend() { return *backend_; }
  // Null if the file has no usable vocabulary (only with need_tokenizer = false).
  [[nodiscard]] const text::Tokenizer* tokenizer() const { return tokenizer_.get(); }
  [[nodiscard]] const Arena& memory() const { return *arena_; }
  [[nodiscard]] int64_t n_ctx() const { return n_ctx_; }
  [[nodiscard]] const std::string& n_ctx_reason() const { return n_ctx_reason_; }
  [[nodiscard]] const WeightStore& weights() const { return *weights_; }
  // The most that compute at once; threads() has those of each kind of step.
  [[nodiscard]] int n_threads() const { return team_->size(); }
  [[nodiscard]] const ThreadChoice& threads() const { return threads_; }
  [[nodiscard]] int64_t n_vocab() const { return model_->params().n_vocab; }
  // Things about this file that the person should hear once.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  Engine();
  Result<void> set_up(const EngineOptions& options, const ProgressFn& progress);
  enum class Want : uint8_t { kLogits, kStates };
  Result<void> check(std::span<const BatchToken> batch);
  Result<void> step(std::span<const BatchToken> tokens, Want want, std::vector<float>& rows);

  std::unique_ptr<format::ModelFile> file_;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<WeightStore> weights_;  // may still be writing what the arena holds: goes first
  std::unique_ptr<model::Model> model_;
  ThreadChoice threads_;
  std::unique_ptr<ThreadTeam> team_;
  std::unique_ptr<backend::Backend> backend_;
  std::unique_ptr<model::Decoder> decoder_;
  std::unique_ptr<KvCache> kv_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  int64_t n_ctx_ = 0;
  std::string n_ctx_reason_;
  std::vector<std::string> warnings_;

  // Reused from step to step.
  std::vector<int64_t> n_new_;  // by sequence
  std::vector<int32_t> tokens_;
  std::vector<int32_t> positions_;
  std::vector<int32_t> sequence_of_;
  std::vector<int32_t> output_rows_;
  std::vector<float> embeddings_;
  std::vector<float> rows_;
};

// The context length for a model in `available_bytes` of memory (0: not known): as wanted, or, for
// 0, as trained and no more than fits. Error: kOutOfMemory with what would fit.
Result<ContextChoice> choose_context(const model::HyperParams& params, const EngineOptions& options,
                                     uint64_t weight_bytes, uint64_t available_bytes);

}  // namespace hearth::engine
