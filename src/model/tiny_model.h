// TinyModel: a small random model of any architecture, made from its ArchSpec. For tests (loading,
// running, saving, parity of backends need no download) and for recipes; the program itself does
// not use it.
//
// The same options give the same bytes on every machine: the numbers come from integer arithmetic.
// Sizes of weights are such that every tensor changes the logits, whose deviation is near 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "format/gguf_writer.h"
#include "model/spec.h"

namespace hearth::model {

struct TinyOptions {
  const ArchSpec* arch = nullptr;
  int n_layers = 2;
  int n_embd = 64;
  int n_heads = 4;
  int n_kv_heads = 2;
  int head_dim = 16;
  int n_rot = 0;  // 0: head_dim
  int n_ff = 96;
  int n_vocab = 96;  // with_vocabulary needs 300 or more
  int n_ctx = 512;
  int window = 5;     // of architectures that slide
  int n_experts = 0;  // more needs an architecture that has them
  int n_experts_used = 2;
  bool biases = false;  // wherever the architecture allows one
  // Which optional tensors there are. Without kOutput the head is tied to the embedding.
  std::vector<Role> optional = {Role::kOutput};
  // Of all matrices. Rows that the type's blocks do not divide are F16, as converters do. Types
  // without an encoder get random blocks.
  const quant::TypeInfo* type = nullptr;  // null: F32
  bool with_vocabulary = false;           // a SentencePiece vocabulary of bytes and a few words
  uint64_t seed = 1;
};

struct TinyTensor {
  std::string name;  // with ".weight" or ".bias"
  const quant::TypeInfo* type = nullptr;
  std::vector<uint64_t> shape;
  std::vector<std::byte> data;
};

// Metadata and tensors, to be changed at will before they become bytes.
struct TinyModel {
  format::GgufWriter metadata;
  std::vector<TinyTensor> tensors;

  // Null if there is none.
  TinyTensor* find(std::string_view name);
  // Sets "<general.architecture>.<key>".
  template <class T>
  void set(std::string_view key, T value) {
    metadata.set(prefix + std::string(key), value);
  }
  // The file. Errors: those of GgufWriter.
  [[nodiscard]] Result<std::vector<std::byte>> to_bytes() const;

  std::string prefix;  // "qwen3."
};

// Errors: kInvalidArgument for sizes that make no model of the architecture.
Result<TinyModel> make_tiny_model(const TinyOptions& options);

// Random numbers of mean 0 and deviation 1; equal on every machine for one seed and name.
std::vector<float> tiny_normals(std::string_view name, uint64_t seed, size_t n);

}  // namespace hearth::model
