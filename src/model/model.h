// Model: the checked weights of one file, ready for a backend. Immutable once loaded; shared by
// every sequence.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "base/arena.h"
#include "base/result.h"
#include "format/model_file.h"
#include "model/hyper_params.h"
#include "tensor/weight.h"

namespace hearth::model {

// The weights of one layer, or of the whole model, by role. Vectors (norms, factors) are in `data`
// as f32.
using WeightSet = std::array<tensor::Weight, kRoleCount>;

// One weight in the block of packed weights.
struct PackedPart {
  const tensor::Weight* weight = nullptr;
  uint64_t offset = 0;  // in the block
  uint64_t size_bytes = 0;
};

class Model {
 public:
  // Checks every tensor of the architecture's list against the hyper-parameters and takes views
  // into `file`, which must outlive the model. Vectors, and matrices that the file stores
  // unaligned, are copied into `arena`. Errors: those of read_hyper_params; kCorrupt naming a
  // tensor that is missing or has the wrong shape; kOutOfMemory.
  static Result<Model> load(const format::ModelFile& file, Arena& arena);

  // Where pack() puts what, in one block: every matrix that tokens are multiplied with, where the
  // backend has a layout of its own for it.
  [[nodiscard]] std::vector<PackedPart> packed_parts(const backend::Backend& backend) const;
  // Bytes of the file that pack() copies.
  [[nodiscard]] uint64_t packable_bytes(const backend::Backend& backend) const;
  // Writes the block and uses it. `done` hears which bytes of the file are no longer needed (the
  // embedding's rows still are, if it is the output matrix too). Errors: those of `done`.
  Result<void> pack(const backend::Backend& backend, std::byte* block,
                    const backend::Backend::PackedFn& done);
  // Uses a block that pack() wrote, for the same file, backend and kind of CPU, or another with the
  // same packed_parts(); it must outlive the model.
  void use_packed(const backend::Backend& backend, const std::byte* block);

  [[nodiscard]] const HyperParams& params() const { return params_; }
  [[nodiscard]] const tensor::Weight& weight(Role role) const { return whole_[size_t(role)]; }
  [[nodiscard]] const tensor::Weight& weight(Role role, int layer) const {
    return layers_[size_t(layer)][size_t(role)];
  }
  // A vector's values; null if absent.
  [[nodiscard]] const float* vector(Role role) const { return floats(weight(role)); }
  [[nodiscard]] const float* vector(Role role, int layer) const {
    return floats(weight(role, layer));
  }
  // The output matrix: the embedding matrix where the file has none of its own.
  [[nodiscard]] const tensor::Weight& head() const;
  // Whether it goes on with a text: encoders have states and no logits.
  [[nodiscard]] bool has_head() const { return params_.causal; }

  // Bytes of weights that one decoded token reads: all matrices once (of experts only those used),
  // of the embedding a row.
  [[nodiscard]] uint64_t bytes_per_token() const;
  // The same for a step of several tokens, which share what they read: every matrix once, and of
  // the experts as many as the tokens choose on average where all choices are equally likely.
  // bytes_per_step(1) == bytes_per_token().
  [[nodiscard]] double bytes_per_step(int64_t n_tokens) const;
  // Multiply-adds of one token through the matrices, the output head included (with_head) or not.
  [[nodiscard]] uint64_t macs_per_token(bool with_head) const;

  // Tensors of the file that the architecture does not use, and other things worth a note to the
  // person.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  friend class Loader;
  [[nodiscard]] static const float* floats(const tensor::Weight& w) {
    return reinterpret_cast<const float*>(w.data);
  }

  HyperParams params_;
  WeightSet whole_;
  std::vector<WeightSet> layers_;
  std::vector<std::string> warnings_;
};

}  // namespace hearth::model
