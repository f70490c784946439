// Decoder: interprets a model's spec. Builds the graph of a step (any contiguous range of layers),
// gives it memory, runs it on a backend. Called by the engine; knows nothing of requests, sampling
// or text.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "base/arena.h"
#include "base/result.h"
#include "model/model.h"
#include "model/rope.h"
#include "tensor/kv_view.h"

namespace hearth::model {

struct DecoderLimits {
  int64_t n_ctx = 0;  // most positions of one sequence; also chooses LongRoPE's factors
  int n_batch = 512;  // most tokens of one step. Larger: fewer passes over the weights in prefill,
                      // but the activations (n_batch * about 12 * d floats) leave L2; past 512
                      // prefill gains under 2 %
  int n_outputs = 1;  // most rows of logits of one step
};

// Which part of the model a step runs. The first layer of a range that begins behind 0 reads
// StepInputs::hidden.
struct LayerRange {
  int begin = 0;
  int end = -1;  // -1: to the last layer and through the head; else the result is hidden states
  bool states = false;  // to the last layer and through the output norm, and no further
  friend bool operator==(const LayerRange&, const LayerRange&) = default;
};

class Decoder {
 public:
  // `model` and `backend` must outlive the decoder. In a measuring arena nothing is allocated and
  // step() must not be called. Errors: kOutOfMemory.
  static Result<Decoder> create(const Model& model, backend::Backend& backend,
                                const DecoderLimits& limits, Arena& arena);

  // Runs one step. Returns [n_outputs, n_vocab] logits, or [n_tokens, n_embd] hidden states if the
  // range ends before the last layer, or with them; valid until the next step. REQUIRES: inputs
  // within the limits, ids and positions valid (the engine checks).
  std::span<const float> step(const tensor::StepInputs& inputs, LayerRange range = {});

  [[nodiscard]] const DecoderLimits& limits() const { return limits_; }
  [[nodiscard]] const Model& model() const { return *model_; }

 private:
  Decoder() = default;
  struct Key {
    int n_tokens = -1;
    int n_outputs = -1;
    LayerRange range;
  };
  void build(const Key& key);

  const Model* model_ = nullptr;
  backend::Backend* backend_ = nullptr;
  DecoderLimits limits_;
  std::unique_ptr<Ropes> ropes_;  // graphs point into it
  std::byte* activations_ = nullptr;
  size_t activation_bytes_ = 0;
  std::byte* scratch_ = nullptr;

  Key built_;  // what graph_ is for: decode repeats the same shape token after token
  tensor::Graph graph_;
  tensor::View result_;
};

}  // namespace hearth::model
